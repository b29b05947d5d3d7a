/**
 * Random programs against a server, a client, or several over one store: users that read, write and leave, at origins
 * that are slow, fail and cut bodies short. A model of `drawn.ts` judges all that they get.
 */
import { describe, expect } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import { fakeStore, over } from "../support/caches.ts"
import { sized } from "../support/everything.ts"
import { test } from "../support/tests.ts"
import { client, drawn, type Front, middleware, type Mode } from "./drawn.ts"

/** Three of them over one store. */
const three = (front: Front): Front => (origin) => {
  const store = fakeStore()
  return Effect.forEach([1, 2, 3], () =>
    Effect.flatMap(
      Layer.build(Layer.fresh(over(store, { memory: false }))),
      (caching) => Effect.provide(front(origin), caching)
    )).pipe(Effect.map((all) => all.flat()))
}

describe("each user gets a response that the model allows", () => {
  // The load of another engine may have begun before a write.
  test.each<[string, Front, Mode, { readonly seeds: number; readonly lag: number; readonly runs: number }]>([
    ["of a middleware", middleware, "shared", { seeds: sized(60, 8), lag: 0, runs: 0.85 }],
    ["of a client, shared", client("shared"), "shared", { seeds: sized(60, 8), lag: 0, runs: 0.85 }],
    ["of a client, private", client("private"), "private", { seeds: sized(60, 8), lag: 0, runs: 0.85 }],
    ["of three middlewares", three(middleware), "shared", { seeds: sized(20, 3), lag: 300, runs: 0.95 }],
    ["of three clients", three(client("shared")), "shared", { seeds: sized(20, 3), lag: 300, runs: 0.95 }]
  ])("%s", function*([, fronts, mode, { lag, seeds, ...most }]) {
    const all = { answers: 0, runs: 0 }
    for (let seed = 1; seed <= seeds; seed++) {
      const { answers, faults, runs } = yield* drawn(seed, { mode, lag, fronts }).pipe(
        Effect.scoped,
        Effect.provide([CacheLayer.memory(), Layer.fresh(TestClock.layer())])
      )
      expect(faults[0] ?? "", `seed ${seed}`).toBe("")
      all.answers += answers
      all.runs += runs
    }
    // A cache that shares nothing would fulfil the model, too.
    expect(all.runs / all.answers).toBeLessThan(most.runs)
  })
})
