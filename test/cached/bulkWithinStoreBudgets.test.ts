/** A call for many keys asks the store in waves. Each wave has the store's whole time, until one has exceeded it. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, References, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import type { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { ended, start } from "../support/caches.ts"
import { warningsOf } from "../support/logged.ts"

class User extends CacheKey.Class<User>()("User", {
  payload: { id: Schema.Int },
  success: Schema.String,
  tags: ({ id }) => [`group:${id % 300}`]
}) {}

const count = 6000
const keys = Array.from({ length: count }, (_, id) => new User({ id }))
const pairs = keys.map((key) => [key, `user ${key.id}`] as const)

const loaded: Array<number> = []
const users = Cached.many(User, (keys) =>
  Effect.sync(() => {
    loaded.push(keys.length)
    return keys.map(({ id }) => Exit.succeed(`user ${id}`))
  }), { ttl: "1 hour" })

/** A store that takes a tenth of a millisecond for each id, or hangs. */
const makeStore = (storeTimeout = "500 millis" as const) => {
  const inner = MemoryStore.make()
  const state = { hangs: false }
  const asked: Array<string> = []
  const taking = <A>(operation: string, items: ReadonlyArray<unknown>, effect: Effect.Effect<A, StoreError>) =>
    Effect.suspend(() => {
      asked.push(operation)
      return state.hangs ? Effect.never : Effect.delay(effect, items.length / 10)
    })
  const store: Store.Store = {
    ...inner,
    getUnsafe: undefined,
    workedMillis: undefined,
    get: (id, tags) => taking("get", tags, inner.get(id, tags)),
    getMany: (ids) => taking("getMany", ids, inner.getMany(ids)),
    acquireMany: (requests) => taking("acquireMany", requests, inner.acquireMany(requests)),
    commitMany: (requests) => taking("commitMany", requests, inner.commitMany(requests)),
    setMany: (requests) => taking("setMany", requests, inner.setMany(requests)),
    markers: (tags) => taking("markers", tags, inner.markers(tags)),
    removeMany: (ids) => taking("removeMany", ids, inner.removeMany(ids)),
    invalidateTags: (tags, mode) => taking("invalidateTags", tags, inner.invalidateTags(tags, mode)),
    clear: taking("clear", [], inner.clear)
  }
  const layer = Layer.provide(
    CacheLayer.layerWith({ memory: false, storeTimeout }),
    Layer.succeed(Store.Store, store)
  )
  return { asked, inner, layer, state }
}

/** Runs an effect while the clock moves on. */
const passing = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  duration: "1 minute" | "10 millis" | "1 second" = "1 minute"
) =>
  Effect.gen(function*() {
    const fiber = yield* start(effect)
    for (let i = 0; i < 10 && fiber.pollUnsafe() === undefined; i++) {
      yield* TestClock.adjust(duration)
      for (let j = 0; j < 500 && fiber.pollUnsafe() === undefined; j++) yield* Effect.yieldNow
    }
    expect(ended(fiber)).not.toBe("still waiting")
    return yield* ended(fiber) as Exit.Exit<A, E>
  })

const found = (options: ReadonlyArray<Option.Option<string>>) => options.filter(Option.isSome).length

const warnings = <A, E>(effect: Effect.Effect<A, E, Caching.Caching>, layer: Layer.Layer<Caching.Caching>) =>
  Effect.map(warningsOf(Effect.provide(effect, layer)), (messages) =>
    // The test's clock warns too, of a fiber that works for long.
    messages.filter((message) => message.includes("The store")))

const quietly = <A, E>({ layer }: ReturnType<typeof makeStore>, effect: Effect.Effect<A, E, Caching.Caching>) =>
  Effect.map(warnings(effect, layer), (messages) => expect(messages).toEqual([]))

describe("P4 · a healthy store that needs longer than its time limit for the whole call", () => {
  it.effect("answers a lookup of all keys", () => {
    const store = makeStore()
    return quietly(
      store,
      Effect.gen(function*() {
        yield* passing(Cached.setMany(pairs, { ttl: "1 hour" }))
        expect(found(yield* passing(Cached.getMany(keys)))).toBe(count)
        expect(found(yield* passing(CachePolicy.strict(Cached.getMany(keys))))).toBe(count)
      })
    )
  })

  it.effect("answers a read of all keys without a load, and takes the results of one with", () => {
    const store = makeStore()
    loaded.length = 0
    return quietly(
      store,
      Effect.gen(function*() {
        yield* passing(users(keys))
        expect(store.asked.filter((operation) => operation === "commitMany")).toHaveLength(24)
        expect(yield* passing(users(keys))).toEqual(pairs.map(([, value]) => Exit.succeed(value)))
        expect(loaded).toEqual([count])
      })
    )
  })
})

describe("P4 · a store that hangs", () => {
  it.effect("is asked once by a lookup of many keys, which ends after one timeout", () => {
    const { asked, layer, state } = makeStore()
    return Effect.gen(function*() {
      const messages = yield* warnings(
        Effect.gen(function*() {
          yield* passing(Cached.setMany(pairs, { ttl: "1 hour" }))
          state.hangs = true
          asked.length = 0
          expect(found(yield* passing(Cached.getMany(keys), "1 second"))).toBe(0)
          expect(asked).toEqual(["getMany"])
          state.hangs = false
          expect(found(yield* passing(Cached.getMany(keys)))).toBe(count)
        }),
        layer
      )
      expect(messages).toEqual([expect.stringContaining("could not read entries")])
    })
  })

  it.effect("keeps what it has answered before", () => {
    const { asked, layer, state } = makeStore()
    return Effect.gen(function*() {
      const messages = yield* warnings(
        Effect.gen(function*() {
          yield* passing(Cached.setMany(pairs, { ttl: "1 hour" }))
          asked.length = 0
          const fiber = yield* start(Cached.getMany(keys))
          // Waves of 1, 2 and 4 times 256 keys take 25.6 milliseconds each, and as long for their tags.
          yield* TestClock.adjust("130 millis")
          state.hangs = true
          yield* TestClock.adjust("1 second")
          expect(found(yield* fiber.pollUnsafe()!)).toBe(7 * 256)
        }),
        layer
      )
      expect(messages).toEqual([expect.stringContaining("could not read entries")])
    })
  })

  it.effect("is asked once by a read of many keys, which loads them after one timeout", () => {
    const { asked, layer, state } = makeStore()
    return Effect.gen(function*() {
      const messages = yield* warnings(
        Effect.gen(function*() {
          state.hangs = true
          expect((yield* passing(users(keys), "1 second")).every(Exit.isSuccess)).toBe(true)
          // The markers are of unrequested answers, and no caller waits for them.
          expect(asked.filter((operation) => operation !== "markers")).toEqual(["getMany"])
        }),
        layer
      )
      expect(messages).toEqual([expect.stringContaining("could not read entries")])
    })
  })
})

describe("P4 · invalidations of many", () => {
  const tags = Array.from({ length: count }, (_, i) => ({ tag: `tag ${i}` }))

  it.effect("have time for each wave in a healthy store", () => {
    const store = makeStore()
    return quietly(
      store,
      Effect.gen(function*() {
        yield* passing(Cached.setMany(pairs, { ttl: "1 hour" }))
        expect(yield* passing(Cached.remove(keys))).toBe(count)
        yield* passing(Cached.invalidate(tags))
        expect(store.asked.filter((operation) => operation === "removeMany")).toHaveLength(24)
        expect(store.asked.filter((operation) => operation === "invalidateTags")).toHaveLength(24)
      })
    )
  })

  it.effect("ask a store that hangs once, and take effect when it answers again", () => {
    const { asked, inner, layer, state } = makeStore()
    return Effect.gen(function*() {
      const messages = yield* warnings(
        Effect.gen(function*() {
          yield* passing(Cached.setMany(pairs, { ttl: "1 hour" }))
          state.hangs = true
          asked.length = 0
          yield* passing(Effect.all([Cached.invalidate(keys), Cached.invalidate(tags)]), "1 second")
          expect(asked).toEqual(["removeMany", "invalidateTags"])
          expect(yield* Cached.has(keys[count - 1]!)).toBe(false)
          state.hangs = false
          yield* TestClock.adjust("5 minutes")
          expect(yield* inner.size).toBe(0)
        }),
        layer
      )
      expect(messages).toEqual([expect.stringContaining("could not")])
    })
  })

  it.effect("are sent again where the store answered only the first wave", () => {
    const { asked, inner, layer, state } = makeStore()
    return Effect.gen(function*() {
      yield* Effect.provide(
        Effect.gen(function*() {
          yield* passing(Cached.setMany(pairs.slice(0, 512), { ttl: "1 hour" }))
          asked.length = 0
          const removing = yield* start(Cached.remove(keys.slice(0, 512)))
          for (let i = 0; i < 500 && asked.length === 0; i++) yield* Effect.yieldNow
          state.hangs = true
          expect(yield* passing(Fiber.join(removing), "1 second")).toBe(256)
          expect(asked).toEqual(["removeMany", "removeMany"])
          state.hangs = false
          yield* TestClock.adjust("1 minute")
          expect(yield* inner.size).toBe(0)
        }),
        layer
      )
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  })

  it.effect("are sent again in waves", () => {
    const { asked, inner, layer, state } = makeStore()
    return Effect.gen(function*() {
      yield* Effect.provide(
        Effect.gen(function*() {
          yield* passing(Cached.setMany(pairs.slice(0, 640), { ttl: "1 hour" }))
          state.hangs = true
          yield* passing(Cached.invalidate(keys.slice(0, 640)), "1 second")
          state.hangs = false
          asked.length = 0
          yield* TestClock.adjust("1 minute")
          expect(asked.filter((operation) => operation === "removeMany")).toHaveLength(10)
          expect(yield* inner.size).toBe(0)
        }),
        layer
      )
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  })
})
