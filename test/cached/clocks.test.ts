/** Clocks that are set back or forth, or stand before 1970. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Option } from "effect"
import { Cached, CacheLayer, CachePolicy, Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import { caches, counting, settle, start } from "../support/caches.ts"
import { listenersOf } from "../support/listeners.ts"
import { entry } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"

/** Some day in 1938. */
const longAgo = -1e12

const cacheOver = (store: Store.Store, options?: CacheLayer.LayerOptions) =>
  Layer.provide(CacheLayer.layerWith(options), Layer.succeed(Store.Store, store))

const sharedWith = (more: Partial<Store.Store>): Store.Store => ({
  ...MemoryStore.make(),
  capabilities: { shared: true, changes: false },
  ...more
})

const hours = (count: number): number => count * 3_600_000

describe("before 1970", () => {
  describe.each(caches)("over $name", (cache) => {
    it.effect("entries live as long as they do after it, failures among them", () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(longAgo)
        yield* Effect.gen(function*() {
          const { counts, load } = counting()
          const get = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
          const failing = Effect.andThen(load, Effect.fail("down")).pipe(
            Cached.ttl("f", { ttl: "1 hour", when: () => true }),
            Effect.flip
          )
          yield* Effect.all([get, get, failing])
          // Without an error schema a failure is kept in memory alone.
          yield* failing
          expect(counts.started).toBe(cache.memory ? 2 : 3)
          yield* TestClock.adjust("1 hour")
          yield* Effect.all([get, failing])
          expect(counts.started).toBe(cache.memory ? 4 : 5)
        }).pipe(Effect.provide(cache.layer()))
      }))

    it.effect("a removal says whether there was something", () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(longAgo)
        yield* Effect.gen(function*() {
          expect(yield* Cached.remove("nothing")).toBe(false)
          yield* Cached.set("k", 1, { ttl: "1 second" })
          expect(yield* Cached.remove("k")).toBe(true)
          expect(yield* Cached.remove(["k", "nothing"])).toBe(0)
        }).pipe(Effect.provide(cache.layer()))
      }))
  })

  it.effect("a lease that was released is free", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(longAgo)
      const directory = yield* tempDirectory
      for (const store of [MemoryStore.make(), yield* storeFrom(SqliteStore.layer({ directory }))]) {
        const asking = (owner: string) => ({ owner, leaseMillis: 5000, rejectedWriteId: undefined, join: false })
        expect(yield* store.acquire("id", asking("a"))).toMatchObject({ _tag: "Granted" })
        expect(yield* store.acquire("id", asking("b"))).toMatchObject({ _tag: "Wait", leftMillis: 5000 })
        yield* store.release("id", "a")
        expect(yield* store.acquire("id", asking("b"))).toMatchObject({ _tag: "Granted" })
      }
    }))

  it.effect("readers share a load though the changes of the store cannot be read", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(longAgo)
      let isDown = false
      const store = sharedWith({
        capabilities: { shared: true, changes: true },
        changesUnsafe: () => {
          if (isDown) throw new Error("down")
          return []
        }
      })
      yield* Effect.gen(function*() {
        const { counts, load } = counting(1000)
        const get = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
        yield* Cached.getOption("other")
        isDown = true
        yield* TestClock.adjust("100 millis")
        yield* Cached.getOption("other")
        const first = yield* start(get)
        yield* TestClock.adjust("500 millis")
        const second = yield* start(get)
        yield* TestClock.adjust("1 second")
        expect([yield* Fiber.join(first), yield* Fiber.join(second)]).toEqual([1, 1])
        expect(counts.started).toBe(1)
      }).pipe(Effect.provide(cacheOver(store)), Effect.provide(Logger.layer([])))
    }))
})

describe("a clock that is set back two hours", () => {
  it.effect.each(caches)(
    "delays no next try after a failure: over $name",
    (cache) =>
      Effect.gen(function*() {
        yield* TestClock.setTime(hours(100))
        yield* Effect.gen(function*() {
          let loads = 0
          const get = Effect.suspend(() => ++loads === 2 ? Effect.fail("down") : Effect.succeed(loads)).pipe(
            Cached.softTtl("k", { ttl: "24 hours", softTtl: "1 minute", retryAfter: "30 seconds", fallbackOn: "all" })
          )
          yield* get
          yield* TestClock.adjust("5 hours")
          expect(yield* get).toBe(1)
          yield* TestClock.adjust("1 second")
          // Within `retryAfter` the stale value is served.
          expect(yield* get).toBe(1)
          expect(loads).toBe(2)
          yield* TestClock.setTime(hours(103))
          expect(yield* get).toBe(3)
        }).pipe(Effect.provide(cache.layer()), Effect.provide(Logger.layer([])))
      })
  )

  it.effect("during a load makes its time none, not less, nor 49 days", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(hours(100))
      const directory = yield* tempDirectory
      const store = yield* storeFrom(SqliteStore.layer({ directory }))
      yield* Effect.gen(function*() {
        const millis: Array<number> = []
        listenersOf(yield* Caching.Caching).listen((event) => {
          if (event._tag === "Load") millis.push(event.millis)
        })
        yield* TestClock.setTime(hours(98)).pipe(Cached.ttl("k", { ttl: "24 hours" }))
        yield* Effect.andThen(TestClock.setTime(hours(97)), Effect.fail("down")).pipe(
          Cached.ttl("f", { ttl: "24 hours" }),
          Effect.ignore
        )
        yield* settle
        expect((yield* Cached.getEntry("k")).pipe(Option.map(({ loadMillis }) => loadMillis))).toEqual(Option.some(0))
        expect(store.getUnsafe!("k", []).entry).toMatchObject({ meta: { loadMillis: 0 } })
        expect(millis).toEqual([0, 0])
      }).pipe(Effect.provide(cacheOver(store)))
    }))

  it.effect("leaves a reader that asks again its timeout", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(hours(100))
      // Answers after a second, and while it does the clock is set back.
      const memory = MemoryStore.make()
      const store: Store.Store = {
        ...memory,
        getUnsafe: undefined,
        get: (...input) => Effect.tap(memory.get(...input), () => TestClock.setTime(hours(98)))
      }
      yield* Effect.gen(function*() {
        const running = yield* start(CachePolicy.refresh(Effect.never.pipe(Cached.ttl("k", { ttl: "1 hour" }))))
        yield* settle
        const late = yield* start(
          Effect.never.pipe(Cached.ttl("k", { ttl: "1 hour", timeout: "1 minute" }), Effect.flip)
        )
        yield* settle
        yield* TestClock.adjust("1 minute")
        expect(late.pollUnsafe()).toMatchObject({ value: { _tag: "LoadTimeout" } })
        yield* Fiber.interrupt(running)
      }).pipe(Effect.provide(cacheOver(store, { memory: false })))
    }))
})

it.effect("a frame keeps a load time that is negative as none", () =>
  Effect.gen(function*() {
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory }))
    yield* store.set("k", entry(1, 8, { loadMillis: -7_200_000 }))
    expect(store.getUnsafe!("k", []).entry).toMatchObject({ meta: { loadMillis: 0 } })
  }))
