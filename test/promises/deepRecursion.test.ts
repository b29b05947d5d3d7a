/** F29 at depth: loads that need loads, thousands deep. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Schema } from "effect"
import { Cached, CacheError, CacheKey, type CacheLayer, type Caching } from "effect-cached"
import { type Cache, caches } from "../support/caches.ts"
import { sized } from "../support/everything.ts"

const depth = sized(10_000, 1000)

class Fib extends CacheKey.Class<Fib>()("Fib", { payload: { n: Schema.Number }, success: Schema.BigInt }) {}

const fibonacci = (n: number): bigint => {
  let [a, b] = [0n, 1n]
  for (let i = 0; i < n; i++) [a, b] = [b, a + b]
  return a
}

const add = (a: bigint, b: bigint) => a + b

const fib = (options?: { readonly concurrent: boolean }) =>
  Cached.recursive(Fib, ({ n }, self) =>
    n < 2
      ? Effect.succeed(BigInt(n))
      : Effect.zipWith(self({ n: n - 1 }), Effect.andThen(Effect.yieldNow, self({ n: n - 2 })), add, options), {
    strategy: "untilInvalidated"
  })

/** A chain of loads, the last of which ends when it is interrupted. */
const chain = () => {
  const state = { deepest: false, interrupted: 0, open: 0 }
  const link = (n: number): Effect.Effect<number, never, Caching.Caching> =>
    Effect.acquireUseRelease(
      Effect.sync(() => state.open++),
      () =>
        n === 0
          ? Effect.onInterrupt(
            Effect.andThen(Effect.sync(() => state.deepest = true), Effect.never),
            () => Effect.sync(() => state.interrupted++)
          )
          : Effect.map(link(n - 1), (below) => below + 1),
      () => Effect.sync(() => state.open--)
    ).pipe(Cached.ttl(`c${n}`, { ttl: "1 hour" }))
  return { state, link }
}

/** In real time, on a busy machine: no caller may give up waiting for the store. */
const patient = ({ store }: Cache): CacheLayer.LayerOptions => ({
  capacity: 20_000,
  ...store ? { storeTimeout: "1 minute" } : {}
})

const until = (condition: () => boolean) =>
  Effect.gen(function*() {
    while (!condition()) yield* Effect.yieldNow
  })

describe.each(caches)("over $name", (cache) => {
  it.live.each([{ concurrent: true }, { concurrent: false }])(
    "F29 · a deep recursion overflows no stack, %o",
    (options) =>
      Effect.gen(function*() {
        expect(yield* fib(options)({ n: depth })).toBe(fibonacci(depth))
        expect((yield* Cached.stats).loads).toBe(depth + 1)
      }).pipe(Effect.provide(cache.layer(patient(cache)))),
    60_000
  )

  it.live(
    "F29 · interrupted at their deepest, nested loads leave no flight and no fiber",
    () =>
      Effect.gen(function*() {
        const { link, state } = chain()
        const head = yield* Effect.forkChild(link(depth))
        yield* until(() => state.deepest)
        expect(state.open).toBe(depth + 1)
        yield* Fiber.interrupt(head)
        expect(state).toEqual({ deepest: true, interrupted: 1, open: 0 })
        // Every key is free: nothing would be joined.
        expect(yield* Effect.succeed(7).pipe(Cached.ttl("c0", { ttl: "1 hour" }))).toBe(7)
        expect(yield* link(depth)).toBe(depth + 7)
      }).pipe(Effect.provide(cache.layer(patient(cache)))),
    60_000
  )

  it.live("F29 · a failure at the deepest reaches the head", () =>
    Effect.gen(function*() {
      const link = (n: number): Effect.Effect<number, string, Caching.Caching> =>
        Effect.suspend(() => n === 0 ? Effect.andThen(Effect.yieldNow, Effect.fail("down")) : link(n - 1)).pipe(
          Cached.ttl(`c${n}`, { ttl: "1 hour" })
        )
      expect(yield* Effect.flip(link(depth))).toBe("down")
    }).pipe(Effect.provide(cache.layer(patient(cache)))), 300_000)

  it.live("F29 · a long cycle of loads is found", () =>
    Effect.gen(function*() {
      const link = (n: number): Effect.Effect<number, never, Caching.Caching> =>
        Effect.suspend(() => link((n + 1) % depth)).pipe(Cached.ttl(`c${n}`, { ttl: "1 hour" }))
      const exit = yield* Effect.exit(link(0))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheCycle)
    }).pipe(Effect.provide(cache.layer(patient(cache)))), 300_000)
})
