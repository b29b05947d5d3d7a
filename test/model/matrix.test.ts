/**
 * Every strategy under every policy, with every outcome of the load, on everything that may be cached already; over
 * every kind of store, with every serializer, with every guard around the load, which is an effect or a stream. Each
 * case is one read against a model of a few lines, and one read after it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { sized, thirdOf } from "../support/everything.ts"
import { type Kind, stores } from "./matrix/caches.ts"
import * as Model from "./matrix/model.ts"
import { type Case, guardNames, run } from "./matrix/run.ts"
import { policies, strategies, type Strategy } from "./serving.ts"

/**
 * With `every` n-th case, of the most every fifth of those with a waiting caller: no n divides a number of choices.
 */
const kinds: ReadonlyArray<Kind & { readonly every: number }> = [
  { store: "none", memory: true, restarts: false, serializer: "Json", schema: false, every: 2 },
  { store: "none", memory: true, restarts: false, serializer: "Json", schema: true, every: 5 },
  { store: "memory", memory: true, restarts: false, serializer: "Json", schema: true, every: 4 },
  { store: "memory", memory: true, restarts: true, serializer: "Binary", schema: true, every: 4 },
  { store: "memory", memory: true, restarts: true, serializer: "Structured", schema: false, every: 5 },
  { store: "memory", memory: false, restarts: false, serializer: "IndentedJson", schema: true, every: 4 },
  { store: "memory", memory: false, restarts: false, serializer: "Structured", schema: false, every: 5 },
  { store: "async", memory: true, restarts: false, serializer: "Structured", schema: true, every: 4 },
  { store: "async", memory: true, restarts: true, serializer: "Json", schema: true, every: 4 },
  { store: "async", memory: true, restarts: true, serializer: "IndentedJson", schema: false, every: 5 },
  { store: "async", memory: false, restarts: false, serializer: "Binary", schema: true, every: 4 },
  { store: "sqlite", memory: true, restarts: false, serializer: "Json", schema: true, every: 8 },
  { store: "sqlite", memory: true, restarts: true, serializer: "Structured", schema: false, every: 8 },
  { store: "sqlite", memory: false, restarts: true, serializer: "Binary", schema: true, every: 8 },
  { store: "files", memory: true, restarts: true, serializer: "IndentedJson", schema: true, every: 25 },
  { store: "files", memory: false, restarts: false, serializer: "Json", schema: false, every: 40 },
  { store: "lasting", memory: true, restarts: true, serializer: "Json", schema: true, every: 8 },
  { store: "lasting", memory: false, restarts: false, serializer: "Structured", schema: false, every: 8 },
  { store: "lasting, async", memory: true, restarts: true, serializer: "Binary", schema: true, every: 8 },
  { store: "lasting, async", memory: false, restarts: false, serializer: "Json", schema: true, every: 8 },
  { store: "chaos", memory: true, restarts: false, serializer: "Json", schema: true, every: 4 },
  { store: "chaos", memory: false, restarts: true, serializer: "Binary", schema: true, every: 8 }
]

const casesOf = (kind: Kind): ReadonlyArray<Case> =>
  strategies
    // They count the reads of memory.
    .filter((strategy) => kind.memory || (strategy !== "maxHits" && strategy !== "dynamic"))
    .flatMap((strategy) =>
      policies.flatMap((policy) =>
        Model.outcomes.flatMap((outcome) =>
          formsOf(strategy, outcome).flatMap((form) =>
            Model.states.map((state): Case => ({ kind, strategy, policy, outcome, state, guard: "none", form }))
          )
        )
      )
    )

/** Streams have some of the strategies, and no `timeout`. */
const formsOf = (strategy: Strategy, outcome: Model.OutcomeName): ReadonlyArray<Case["form"]> =>
  Model.ofStreams.includes(strategy) && outcome !== "timeout" ? ["effect", "stream"] : ["effect"]

const nameOf = ({ memory, restarts, schema, serializer, store }: Kind): string =>
  [
    store === "none" ? "memory alone" : `the store "${store}"`,
    ...store === "none" ? [] : [memory ? "with memory" : "without memory", serializer],
    ...restarts ? ["after a restart"] : [],
    schema ? "a key with schemas" : "a string key"
  ].join(", ")

describe("every strategy, policy, outcome and state is as the model says", () => {
  let n = 0
  for (const { every, ...kind } of thirdOf(kinds)) {
    it.effect(nameOf(kind), () =>
      Effect.gen(function*() {
        const storeOf = kind.store === "none" ? () => undefined : yield* stores[kind.store]
        const wrong: Array<string> = []
        let count = 0
        const stride = every > 8 ? every : every * sized(1, 5)
        for (const unguarded of casesOf(kind)) {
          if (++n % stride !== 0) continue
          count++
          // Each seventh case has none.
          const one: Case = { ...unguarded, guard: guardNames[count % guardNames.length]! }
          // So that the test runner hears of us in between.
          if (count % 200 === 0) yield* Effect.promise(() => new Promise(setImmediate))
          const { form, guard, outcome, policy, state, strategy } = one
          const found = run(one, n, storeOf())
          if (found.length > 0) {
            wrong.push(`${form}, ${strategy}, ${policy}, ${outcome}, ${state}, ${guard}: ${found.join("; ")}`)
          }
        }
        assert.deepStrictEqual(wrong.slice(0, 10), [])
        assert.isAbove(count, 100)
      }), 900_000)
  }
})
