/** The combinators in a few lines each: join, fall back, refresh ahead. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"
import { settle } from "../support/caches.ts"

const counter = (delay: number) => {
  const state = { loads: 0, interrupted: 0 }
  const load = Effect.suspend(() => {
    const n = ++state.loads
    return Effect.sleep(delay).pipe(
      Effect.as(n),
      Effect.onInterrupt(() => Effect.sync(() => state.interrupted++))
    )
  })
  return { state, load }
}

describe("Cached", () => {
  it.effect("one load serves all waiting callers", () =>
    Effect.gen(function*() {
      const { load, state } = counter(1000)
      const get = load.pipe(Cached.softTtl("k", { ttl: "10 minutes", softTtl: "7 minutes" }))
      const fibers = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.forkChild(get))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Effect.forEach(fibers, Fiber.join), Array(20).fill(1))
      assert.strictEqual(state.loads, 1)
      assert.strictEqual(yield* get, 1)
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("softTtl falls back until ttl", () =>
    Effect.gen(function*() {
      let up = true
      const get = Effect.suspend(() => up ? Effect.succeed("sunny") : Effect.fail("down")).pipe(
        Cached.softTtl("k", { ttl: "10 minutes", softTtl: "7 minutes", fallbackOn: "all" })
      )
      assert.strictEqual(yield* get, "sunny")
      up = false
      yield* TestClock.adjust("8 minutes")
      assert.strictEqual(yield* get, "sunny")
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* Effect.exit(get), Exit.fail("down"))
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("refreshAhead refreshes in the background", () =>
    Effect.gen(function*() {
      const { load, state } = counter(1000)
      const get = load.pipe(Cached.refreshAhead("k", { ttl: "10 minutes", refreshAfter: "7 minutes" }))
      const first = yield* Effect.forkChild(get)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(first), 1)
      yield* TestClock.adjust("8 minutes")
      assert.strictEqual(yield* get, 1)
      assert.strictEqual(yield* get, 1)
      yield* settle
      assert.strictEqual(state.loads, 2)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* get, 2)
      yield* Cached.invalidate("k")
      const again = yield* Effect.forkChild(get)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(again), 3)
    }).pipe(Effect.provide(CacheLayer.memory())))
})
