/** P2: no read after an invalidation sees what was loaded before it. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { type Eviction, Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { policies } from "../../src/internal/eviction/policies.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import {
  cachesAndTiers,
  counting,
  elapse,
  ended,
  fakeStore,
  over,
  overFake,
  start,
  started,
  taking
} from "../support/caches.ts"
import { pluralOf } from "../support/pluralOf.ts"
import { test, testIn } from "../support/tests.ts"

type Invalidation = readonly [name: string, invalidate: Effect.Effect<unknown, never, Caching.Caching>]

const invalidations: ReadonlyArray<Invalidation> = [
  ["invalidate", Cached.invalidate("k")],
  ["remove", Cached.remove("k")],
  ["invalidateMany", Cached.invalidate(["a", "k"])],
  ["invalidateTag", Cached.invalidate({ tag: "t" })],
  ["clear", Cached.clear],
  ["invalidateMatching", Effect.orDie(Cached.invalidate({ matching: "k*" }))],
  ["invalidateMatching of one id", Effect.orDie(Cached.invalidate({ matching: "k" }))],
  ["a look under invalidateFurther", CachePolicy.invalidating(Cached.getOption("k"))],
  ["invalidateAfter a key", Effect.void.pipe(Cached.invalidateAfter("k"))],
  ["invalidateAfter a tag", Effect.void.pipe(Cached.invalidateAfter({ tag: "t" }))],
  ["set with a ttl of zero", Cached.set("k", 0, { ttl: 0 })]
]

const everyInvalidation = invalidations.map(([name, run]) => ({ name, run }))

const tagged = <A, E, R>(load: Effect.Effect<A, E, R>) => load.pipe(Cached.ttl("k", { ttl: "1 hour", tags: ["t"] }))

const unavailable = new CacheError.StoreError({ store: "fake", operation: "any", reason: "Unavailable" })

describe("P2 · no read that starts after an invalidation sees what was loaded before it", () => {
  describe.each(cachesAndTiers)("over $name", (cache) => {
    const test = testIn(cache.layer())

    describe.each(everyInvalidation)("$name", ({ run }) => {
      test("of a stored value", function*() {
        const { load } = counting()
        expect([yield* tagged(load), yield* tagged(load)]).toEqual([1, 1])
        yield* run
        expect(yield* Cached.getOption("k")).toEqual(Option.none())
        expect([yield* tagged(load), yield* tagged(load)]).toEqual([2, 2])
      })

      test("F1 · while the value is loaded: a waiting caller gets it, no other does", function*() {
        const { load } = counting(1000)
        const before = yield* start(tagged(load))
        yield* TestClock.adjust("500 millis")
        yield* run
        const after = yield* start(tagged(load))
        yield* TestClock.adjust("500 millis")
        expect(yield* Fiber.join(before)).toBe(1)
        expect(ended(after)).toBe("still waiting")
        expect(yield* Cached.getOption("k")).toEqual(Option.none())
        yield* TestClock.adjust("500 millis")
        expect(yield* Fiber.join(after)).toBe(2)
        expect(yield* tagged(load)).toBe(2)
      })

      test("while a background refresh runs", function*() {
        const { load } = counting(1000)
        const get = load.pipe(Cached.refreshAhead("k", { ttl: "10 minutes", refreshAfter: "5 minutes", tags: ["t"] }))
        yield* taking("1 second", get)
        yield* TestClock.adjust("6 minutes")
        expect(yield* get).toBe(1)
        yield* TestClock.adjust("500 millis")
        yield* run
        expect(yield* taking("1 second", get)).toBe(3)
        expect(yield* get).toBe(3)
      })
    })

    test("F1 · an explicit set during a load stays, and a set value is gone after an invalidation", function*() {
      const { load } = counting(1000)
      const before = yield* start(tagged(load))
      yield* TestClock.adjust("500 millis")
      yield* Cached.set("k", 99, { tags: ["t"] })
      expect(yield* tagged(load)).toBe(99)
      yield* TestClock.adjust("500 millis")
      expect(yield* Fiber.join(before)).toBe(1)
      expect(yield* tagged(load)).toBe(99)
      yield* Cached.invalidate({ tag: "t" })
      expect(yield* Cached.getOption("k")).toEqual(Option.none())
    })

    test("a tag that is known only after the load kills it, for readers after the invalidation too", function*() {
      const { load } = counting(1000)
      const get = load.pipe(Cached.ttl("k", { ttl: "1 hour", tags: () => ["late"] }))
      const before = yield* start(get)
      yield* TestClock.adjust("500 millis")
      yield* Cached.invalidate({ tag: "late" })
      const after = yield* start(get)
      yield* TestClock.adjust("500 millis")
      expect(yield* Fiber.join(before)).toBe(1)
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(after)).toBe(2)
      expect(yield* get).toBe(2)
    })

    test("other tags and other keys stay", function*() {
      const { load } = counting()
      yield* tagged(load)
      yield* Cached.invalidate({ tag: "u" })
      yield* Cached.invalidate("l")
      expect(yield* tagged(load)).toBe(1)
    })
  })

  describe.each([{ memory: true }, { memory: false }])("with a store that is down (memory: $memory)", ({ memory }) => {
    it.effect.each(everyInvalidation)(
      "$name holds at once and after the store is back",
      ({ run }) =>
        overFake(function*(fake) {
          const { load } = counting()
          expect(yield* tagged(load)).toBe(1)
          expect(fake.entries.size).toBe(1)
          fake.behave = () => ({ before: Effect.fail(unavailable) })
          yield* run
          expect(yield* tagged(load)).toBeGreaterThan(1)
          fake.behave = () => ({})
          // The value from before is in the store still, or was removed by the replay: it must not come back.
          expect(yield* tagged(load)).toBeGreaterThan(1)
          yield* TestClock.adjust("2 minutes")
          expect(yield* tagged(load)).toBeGreaterThan(1)
        }, { memory })
    )
  })

  describe.each([{ memory: true }, { memory: false }])("over a store that stores late (memory: $memory)", (tier) => {
    it.effect.each(everyInvalidation)("$name: what is stored after it is not served", ({ run }) => {
      const fake = fakeStore()
      // Asked, it cannot be called off: past its budget it stores all the same.
      const late: Store.Store = {
        ...fake.store,
        commit: pluralOf.commit((...input) =>
          Effect.uninterruptible(Effect.delay(singly(fake.store).commit(...input), "1 second"))
        )
      }
      return Effect.gen(function*() {
        const { load } = counting()
        expect(yield* taking("50 millis", tagged(load))).toBe(1)
        yield* run
        yield* TestClock.adjust("1 second")
        const second = yield* start(tagged(load))
        yield* TestClock.adjust("50 millis")
        expect(yield* Fiber.join(second)).toBe(2)
      }).pipe(Effect.provide(over({ layer: Layer.succeed(Store.Store, late) }, { ...tier, storeTimeout: 50 })))
    })
  })

  describe("an answer of the store that is older than the invalidation", () => {
    it.effect("fills no memory", () =>
      overFake(function*(fake) {
        yield* Cached.set("k", "old")
        yield* Cached.set("other", 1)
        fake.behave = (operation) => operation === "get" ? { after: Effect.sleep(100) } : {}
        // "k" was evicted: both of these ask the store, and are answered after the invalidation
        const reader = yield* start(Effect.succeed("new").pipe(Cached.ttl("k", { ttl: "1 hour" })))
        const looker = yield* start(Cached.getOption("k"))
        yield* TestClock.adjust("50 millis")
        yield* Cached.invalidate("k")
        yield* elapse("50 millis")
        yield* Fiber.interrupt(reader)
        yield* Fiber.join(looker)
        fake.behave = () => ({})
        expect(yield* Cached.getOption("k")).not.toEqual(Option.some("old"))
        expect(yield* Effect.succeed("new").pipe(Cached.ttl("k", { ttl: "1 hour" }))).toBe("new")
      }, { capacity: 1 }))

    it.effect("takes the place of nothing that was loaded meanwhile", () =>
      overFake(function*(fake) {
        yield* Cached.set("k", "old")
        yield* Cached.set("other", 1)
        fake.behave = (operation) => operation === "get" ? { after: Effect.sleep(100) } : {}
        const looker = yield* started(Cached.getOption("k"))
        fake.behave = () => ({})
        const refreshed = Effect.succeed("new").pipe(Cached.ttl("k", { ttl: "1 hour" }), CachePolicy.refresh)
        expect(yield* refreshed).toBe("new")
        yield* TestClock.adjust("100 millis")
        expect(yield* Fiber.join(looker)).toEqual(Option.some("old"))
        expect(yield* Cached.getOption("k")).toEqual(Option.some("new"))
      }, { capacity: 1 }))

    it.effect("fills no memory after a set either, however long the set takes", () => {
      const fake = fakeStore()
      const slow = Layer.sync(Store.Store, () => ({
        ...fake.store,
        markers: (tags: ReadonlyArray<string>) => Effect.delay(fake.store.markers(tags), 100)
      }))
      return Effect.gen(function*() {
        yield* Cached.set("k", "old")
        yield* Cached.set("other", 1)
        const setter = yield* start(Cached.set("k", "new", { tags: ["t"] }))
        yield* Cached.set("other", 2)
        fake.behave = (operation) => operation === "get" ? { after: Effect.sleep(200) } : {}
        const reader = yield* start(Effect.succeed("loaded").pipe(Cached.ttl("k", { ttl: "1 hour" })))
        yield* TestClock.adjust("100 millis")
        yield* Fiber.join(setter)
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(reader)
        fake.behave = () => ({})
        expect(yield* Cached.getOption("k")).toEqual(Option.some("new"))
      }).pipe(Effect.provide(over({ layer: slow }, { capacity: 1 })))
    })
  })

  it.effect.each(
    [
      ["invalidate", Cached.invalidate("k"), Option.none()],
      ["invalidateTag", Cached.invalidate({ tag: "t" }), Option.none()],
      ["clear", Cached.clear, Option.none()],
      ["a later set", Cached.set("k", "later"), Option.some("later")]
    ] as const
  )("a set that is slow to reach the store does not undo %s", ([, run, expected]) => {
    const fake = fakeStore()
    const slow = Layer.succeed(Store.Store, {
      ...fake.store,
      markers: (tags: ReadonlyArray<string>) => Effect.delay(fake.store.markers(tags), 100)
    })
    return Effect.gen(function*() {
      const setter = yield* start(Cached.set("k", "slow", { tags: ["t"] }))
      yield* run
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(setter)
      yield* Cached.set("other", 1)
      expect(yield* Cached.getOption("k")).toEqual(expected)
    }).pipe(Effect.provide(over({ layer: slow }, { capacity: 1 })))
  })

  it.effect("a look-up after a set finds nothing of before it, though a set that is slower has taken its place", () => {
    const fake = fakeStore()
    let asked = 0
    const slow = Layer.succeed(Store.Store, {
      ...fake.store,
      markers: (tags: ReadonlyArray<string>) =>
        Effect.suspend(() => Effect.delay(fake.store.markers(tags), 100 * ++asked))
    })
    return Effect.gen(function*() {
      yield* Cached.set("k", "old")
      const first = yield* start(Cached.set("k", "first", { tags: ["t"] }))
      const second = yield* start(Cached.set("k", "second", { tags: ["t"] }))
      yield* TestClock.adjust("100 millis")
      expect([ended(first), ended(second)]).toEqual([Exit.succeed(true), "still waiting"])
      expect(yield* Cached.getOption("k")).toEqual(Option.none())
      expect(yield* Cached.getMany(["k"])).toEqual([Option.none()])
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(second)
      expect(yield* Cached.getOption("k")).toEqual(Option.some("second"))
    }).pipe(Effect.provide(over({ layer: slow }, { memory: false })))
  })

  it.effect("a read that is made while the entry leaves memory does not find it in the store", () => {
    let whenRemoved = (): unknown => undefined
    const eviction: Eviction.Eviction = {
      name: "reading",
      make: (options) => {
        const policy = policies.lru.make(options)
        return {
          ...policy,
          removed: (node) => {
            policy.removed(node)
            whenRemoved()
          }
        }
      }
    }
    return Effect.gen(function*() {
      const { load } = counting()
      expect(yield* tagged(load)).toBe(1)
      const context = yield* Effect.context<Caching.Caching>()
      whenRemoved = () => Effect.runSyncWith(context)(Cached.getOption("k"))
      yield* Cached.invalidate("k")
      whenRemoved = () => undefined
      expect(yield* Cached.getOption("k")).toEqual(Option.none())
      expect(yield* tagged(load)).toBe(2)
    }).pipe(Effect.provide(Layer.provide(CacheLayer.layer({ eviction }), MemoryStore.layer)))
  })

  test.withoutMemory("invalidating more than ten thousand keys at once leaves a healthy store in use", function*(fake) {
    yield* Cached.set("kept", 1)
    yield* Cached.invalidate(Array.from({ length: 10_001 }, (_, i) => `k${i}`))
    expect(yield* Cached.getOption("kept")).toEqual(Option.some(1))
    yield* Effect.succeed(2).pipe(Cached.ttl("k1", { ttl: "1 hour" }))
    expect(Array.from(fake.entries.keys())).toEqual(["kept", "k1"])
  })

  test.withoutMemory("an interrupted invalidation of many keys is carried out for all of them", function*(fake) {
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`)
    yield* Effect.forEach(keys, (key) => Cached.set(key, "old"))
    fake.behave = (operation) => operation === "remove" ? { before: Effect.sleep(100) } : {}
    const fiber = yield* start(Cached.invalidate(keys))
    yield* Fiber.interrupt(fiber)
    fake.behave = () => ({})
    yield* TestClock.adjust("1 minute")
    expect(fake.entries.size).toBe(0)
    yield* Effect.succeed("new").pipe(Cached.ttl("k39", { ttl: "1 hour" }))
    expect(fake.entries.has("k39")).toBe(true)
  })

  test.withoutMemory(
    "two invalidations of a key that both fail are made later, and the store is used",
    function*(fake) {
      yield* Cached.set("k", "old")
      fake.behave = () => ({ before: Effect.delay(Effect.fail(unavailable), 10) })
      const both = yield* Effect.all([start(Cached.invalidate("k")), start(Cached.invalidate("k"))])
      yield* TestClock.adjust("1 second")
      yield* Effect.forEach(both, Fiber.join)
      fake.behave = () => ({})
      yield* TestClock.adjust("2 minutes")
      expect(fake.entries.size).toBe(0)
      yield* Effect.succeed("new").pipe(Cached.ttl("k", { ttl: "1 hour" }))
      expect(fake.entries.size).toBe(1)
    }
  )

  test.overFake(
    "invalidateAfter, interrupted while the store removes its keys, invalidates its tags too",
    function*(fake) {
      yield* tagged(Effect.succeed("old"))
      fake.behave = (operation) => operation === "remove" ? { before: Effect.sleep(100) } : {}
      const fiber = yield* start(Effect.void.pipe(Cached.invalidateAfter(["other", { tag: "t" }])))
      yield* taking("1 second", Fiber.interrupt(fiber))
      fake.behave = () => ({})
      expect(yield* tagged(Effect.succeed("new"))).toBe("new")
    }
  )
})
