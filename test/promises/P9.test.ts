/** P9: what a read meets, what it gets, and what begins. Each cell of the table, once. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Schedule } from "effect"
import { Cached } from "effect-cached"
import { TestClock } from "effect/testing"
import { readFileSync } from "node:fs"
import {
  accessOf,
  type Cell,
  cellOf,
  policies,
  type Policy,
  type State,
  states,
  strategies,
  type Strategy,
  tableText
} from "../model/serving.ts"
import { under } from "../model/under.ts"
import { caches, ended, started, within } from "../support/caches.ts"
import { test } from "../support/tests.ts"

const millis = { ttl: 1000, soft: 400, pause: 50, load: 100 }

// A refresh that fails is not tried again.
const options = { refresh: { retry: Schedule.recurs(0) } }

/** An origin that counts its loads, and fails on demand. */
const origin = () => {
  const self = { n: 0, next: "value" as "value" | "Down" | "Gone" }
  const load = Effect.suspend(() => {
    const n = ++self.n
    const { next } = self
    return Effect.delay(next === "value" ? Effect.succeed(n) : Effect.fail({ _tag: next } as const), millis.load)
  })
  return { self, load }
}

type Origin = ReturnType<typeof origin>

const request = ({ load }: Origin, strategy: Strategy) => {
  const { pause: retryAfter, soft, ttl } = millis
  const base = { tags: ["t"], ttl, retryAfter }
  const falls = { ...base, fallbackOn: ["Down"] as const, softTimeout: millis.load / 2 }
  switch (strategy) {
    case "ttl":
      return Cached.ttl(load, "k", base)
    case "softTtl":
      return Cached.softTtl(load, "k", { ...falls, softTtl: soft })
    case "refreshAhead":
      return Cached.refreshAhead(load, "k", { ...base, refreshAfter: soft, storeFailures: ["Gone"] })
    case "probabilistic":
      return Cached.probabilistic(load, "k", { ...base, beta: 1e12, storeFailures: ["Gone"] })
    case "sliding":
      return Cached.sliding(load, "k", { ...base, idle: ttl })
    case "maxHits":
      return Cached.maxHits(load, "k", { ...base, hits: 2 })
    case "dynamic":
      return Cached.maxHits(load, "k", { ...base, hits: 9, refreshAfter: 1, storeFailures: ["Gone"] })
    case "failover":
      return Cached.failover(load, "k", falls)
    case "untilInvalidated":
      return Cached.untilInvalidated(load, "k", { tags: ["t"] })
  }
}

const read = (origin: Origin, strategy: Strategy) => {
  const get = request(origin, strategy)
  return Effect.gen(function*() {
    const fiber = yield* started(Effect.exit(get))
    yield* TestClock.adjust(millis.load)
    return yield* Fiber.join(fiber)
  })
}

/** Brings an entry into a state. */
const bring = (origin: Origin, strategy: Strategy, state: State) =>
  Effect.gen(function*() {
    if (state === "absent") return
    if (state === "fresh" && strategy === "probabilistic") {
      // Nothing is early that took no time.
      yield* Cached.set("k", ++origin.self.n, { ttl: millis.ttl, tags: ["t"] })
      return
    }
    yield* read(origin, strategy)
    if (state === "past its end") return yield* TestClock.adjust(millis.ttl)
    if (state === "softened") return yield* Cached.invalidate({ tag: "t" }, { mode: "soft" })
    if (state === "used up") {
      const hits = strategy === "dynamic" ? 9 : 2
      // Each refresh would bring a new entry.
      for (let i = 0; i < hits; i++) yield* Effect.exit(under.readOnly(request(origin, strategy)))
      return
    }
    if (state !== "fresh") yield* TestClock.adjust(millis.soft)
    if (state === "fresh" || state === "due") return
    origin.self.next = state === "after an answer" ? "Gone" : "Down"
    yield* read(origin, strategy)
    origin.self.next = "value"
    if (state !== "paused") yield* TestClock.adjust(millis.pause)
  })

const held = ({ self }: Origin, state: State): number | undefined => {
  if (state === "absent" || state === "past its end") return undefined
  return state === "paused" || state.startsWith("after") ? self.n - 1 : self.n
}

/** One read in that state, compared with its cell. */
const check = (strategy: Strategy, policy: Policy, state: State, cell: Cell) =>
  Effect.gen(function*() {
    const made = origin()
    yield* bring(made, strategy, state)
    const stored = held(made, state)
    const before = made.self.n
    const next = Exit.succeed(before + 1)
    const fiber = yield* started(Effect.exit(under[policy](request(made, strategy))))
    // No cell says later than that.
    expect(made.self.n - before).toBe(cell.begins === "nothing" ? 0 : 1)
    if (cell.waits === "not") expect(ended(fiber)).toEqual(Exit.succeed(Exit.succeed(stored)))
    else {
      expect(ended(fiber)).toBe("still waiting")
      const softMillis = cell.waits === "softTimeout" ? millis.load / 2 : millis.load
      yield* TestClock.adjust(softMillis - 1)
      expect(ended(fiber)).toBe("still waiting")
      yield* TestClock.adjust(1)
      expect(ended(fiber)).toEqual(Exit.succeed(cell.gets === "either" ? Exit.succeed(stored) : next))
    }
    yield* TestClock.adjust(millis.load)
    // The loaded value takes the place of the stored one, if the policy stores.
    const isNew = cell.begins !== "nothing" && accessOf[policy].writes
    const now = policy === "invalidateFurther" && cell.begins === "nothing" ? undefined : isNew ? before + 1 : stored
    expect(Option.getOrUndefined(yield* Cached.getOption("k"))).toBe(now)
  })

describe.each(caches)("P9 · over $name", (cache) => {
  for (const strategy of strategies) {
    describe(strategy, () => {
      for (const policy of policies) {
        test(policy, function*() {
          for (const state of states) {
            const cell = cellOf(strategy, policy, accessOf[policy].forgets ? "absent" : state)
            if (cell === undefined || cellOf(strategy, "normal", state) === undefined) continue
            if (!cache.memory && (strategy === "maxHits" || strategy === "dynamic")) continue
            yield* within(cache.layer(options), check(strategy, policy, state, cell)).pipe(
              Effect.catchDefect((defect) => Effect.die(new Error(`${state}: ${String(defect)}`)))
            )
          }
        })
      }
    })
  }
})

it("P9 · docs/maintaining/serving.md has the table", () => {
  expect(readFileSync(new URL("../../docs/maintaining/serving.md", import.meta.url), "utf8")).toContain(tableText())
})
