/** Loads of several processes that wait for each other: found, and told from loads that only take long. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, type Context, Effect, Exit, Fiber, Layer } from "effect"
import { Cached, CacheError, CacheLayer, type Caching, Store } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { settle, start } from "../../../support/caches.ts"

type Process = Context.Context<Caching.Caching>

/** So many processes on one store. */
const processes = Effect.fnUntraced(function*(count: number) {
  const store = { ...MemoryStore.make(), capabilities: { shared: true, changes: false } }
  // runs before the layers close, which wait for what is loaded
  const built = yield* Effect.forEach(
    Array.from({ length: count }),
    () => Layer.build(Layer.fresh(Layer.provide(CacheLayer.layer, Layer.succeed(Store.Store, store))))
  )
  yield* Effect.addFinalizer(() => TestClock.adjust("1 hour"))
  return { built: built as ReadonlyArray<Process>, store }
})

/** In each process a load of its own key that reads that of the next one, after a second. */
const circle = (count: number) =>
  Effect.gen(function*() {
    const { built, store } = yield* processes(count)
    const read = (place: number): Effect.Effect<string, never, Caching.Caching> =>
      Effect.suspend(() => Effect.delay(read((place + 1) % count), "1 second")).pipe(
        Cached.ttl({ key: `key ${place}`, ttl: "1 hour" })
      )
    const fibers = yield* Effect.forEach(built, (process, place) => start(Effect.provide(read(place), process)))
    return { fibers, store }
  })

const cycleIn = (exit: Exit.Exit<unknown, unknown> | undefined) =>
  exit !== undefined && Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

describe("loads of several processes that need each other", () => {
  for (const count of [2, 3, 5]) {
    it.effect(
      `${count} in a circle die with its path, within the length of a lease or two`,
      () =>
        Effect.gen(function*() {
          const { fibers, store } = yield* circle(count)
          yield* TestClock.adjust("12 seconds")
          const cycles = fibers.map((fiber) => cycleIn(fiber.pollUnsafe()))
          for (const cycle of cycles) expect(cycle).toBeInstanceOf(CacheError.CacheCycle)
          const { path } = cycles.find((cycle) => cycle instanceof CacheError.CacheCycle)!
          expect(path.length).toBe(count + 1)
          expect(path[0]).toBe(path[count])
          yield* TestClock.adjust("1 minute")
          expect(yield* store.size).toBe(0)
        }),
      20_000
    )
  }

  it.effect("loads that only take long, and wait for each other one after the other, all get their values", () =>
    Effect.gen(function*() {
      const { built: [a, b] } = yield* processes(2)
      const slow = (key: string, more: Effect.Effect<unknown, never, Caching.Caching> = Effect.void) =>
        Effect.as(Effect.andThen(Effect.sleep("20 seconds"), more), key).pipe(Cached.ttl({ key, ttl: "1 hour" }))
      // the load of "x" here waits for "y" there, and then that process reads "x" without a load of its own
      const y = slow("y")
      const x = slow("x", y)
      const first = yield* start(Effect.provide(x, a!))
      yield* TestClock.adjust("15 seconds")
      const second = yield* start(Effect.provide(Effect.andThen(y, x), b!))
      yield* TestClock.adjust("1 minute")
      expect([yield* Fiber.join(first), yield* Fiber.join(second)]).toEqual(["x", "x"])
    }))

  it.effect("who has waited for one, and does no more, is in no circle with it", () =>
    Effect.gen(function*() {
      const { built: [a, b] } = yield* processes(2)
      const cached = (key: string, load: Effect.Effect<unknown, never, Caching.Caching>) =>
        Effect.as(load, key).pipe(Cached.ttl({ key, ttl: "1 hour" }))
      const y = cached("y", Effect.andThen(cached("x", Effect.die("another loads it")), Effect.sleep("8 seconds")))
      const first = yield* start(Effect.provide(cached("x", Effect.sleep("5 seconds")), a!))
      yield* settle
      const inB = yield* start(Effect.provide(y, b!))
      yield* TestClock.adjust("6500 millis")
      expect(yield* Fiber.join(first)).toBe("x")
      yield* Effect.provide(Cached.invalidate("x"), a!)
      const inA = yield* start(Effect.provide(cached("x", y), a!))
      yield* TestClock.adjust("1 minute")
      expect([yield* Fiber.join(inA), yield* Fiber.join(inB)]).toEqual(["x", "y"])
    }))
})
