/** A load is not inside the transaction of the caller that started it: others wait for its result. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, TxRef } from "effect"
import { Cached } from "effect-cached"
import { caches, ended, settle, start } from "../support/caches.ts"

describe.each(caches)("over $name", (cache) => {
  it.effect("a value that a transaction has not committed is not cached", () =>
    Effect.gen(function*() {
      const ref = yield* TxRef.make(1)
      const get = TxRef.get(ref).pipe(Effect.tx, Cached.ttl("k", { ttl: "1 hour" }))
      const rolledBack = Effect.tx(
        Effect.andThen(TxRef.set(ref, 2), Effect.andThen(get, Effect.fail("rolled back" as const)))
      )
      expect(yield* Effect.flip(rolledBack)).toBe("rolled back")
      expect(yield* get).toBe(1)
    }).pipe(Effect.provide(cache.layer())))

  it.effect("writes of a load stay, though its first caller's transaction is rolled back", () =>
    Effect.gen(function*() {
      const loads = yield* TxRef.make(0)
      const get = Effect.tx(TxRef.modify(loads, (n): [number, number] => [n + 1, n + 1])).pipe(
        Cached.ttl("k", { ttl: "1 hour" })
      )
      yield* Effect.flip(Effect.tx(Effect.andThen(get, Effect.fail("rolled back"))))
      expect(yield* get).toBe(1)
      expect(yield* Effect.tx(TxRef.get(loads))).toBe(1)
    }).pipe(Effect.provide(cache.layer())))

  it.effect("a load that retries its own transaction interrupts no outside caller", () =>
    Effect.gen(function*() {
      const ready = yield* TxRef.make(false)
      const get = Effect.tx(
        Effect.flatMap(TxRef.get(ready), (isReady) => isReady ? Effect.succeed("ready") : Effect.txRetry)
      ).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const inside = yield* start(Effect.tx(get))
      const outside = yield* start(get)
      yield* settle
      expect(ended(outside)).toBe("still waiting")
      yield* Effect.tx(TxRef.set(ready, true))
      yield* settle
      expect(yield* Fiber.join(outside)).toBe("ready")
      expect(yield* Fiber.join(inside)).toBe("ready")
    }).pipe(Effect.provide(cache.layer())))
})
