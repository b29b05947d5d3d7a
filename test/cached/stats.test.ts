/** The counters, and the effect of each read, load and write on them. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, Caching } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, counting, fakeStore, over, settle, start, taking } from "../support/caches.ts"
import { listenersOf } from "../support/listeners.ts"
import { test, testIn } from "../support/tests.ts"

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.Int }) {}
class Order extends CacheKey.Class<Order>()("Order", { payload: { id: Schema.Int }, success: Schema.Int }) {}

const make = (keyClass: typeof User, version: string) =>
  class Same extends CacheKey.Class<Same>()(keyClass.keyName, {
    payload: { id: Schema.Int },
    success: Schema.Int,
    version
  }) {}

const ttl = <R>(key: CacheKey.CacheKey<number, never, never> | string, load: Effect.Effect<number, string, R>) =>
  Cached.ttl(load, key as User, { ttl: "1 hour" })

const counters = (stats: object, names: ReadonlyArray<string>) =>
  names.map((name) => Number((stats as Readonly<Record<string, unknown>>)[name]))

describe.each(caches)("stats over $name", (cache) => {
  const test = testIn(cache.layer({ capacity: 100 }))

  /** A little of everything: with two classes, and strings. */
  const use = Effect.gen(function*() {
    const user = new User({ id: 1 })
    const order = new Order({ id: 1 })
    for (const key of [user, order, "k"]) {
      yield* ttl(key, Effect.succeed(1))
      yield* ttl(key, Effect.succeed(1))
    }
    yield* ttl(user, Effect.succeed(1))
    yield* Effect.exit(ttl(new Order({ id: 2 }), Effect.fail("down")))
    const slow = counting(100).load
    const readers = yield* Effect.forEach([1, 2, 3], () => start(ttl(new User({ id: 3 }), slow)))
    yield* settle
    yield* TestClock.adjust(100)
    yield* Fiber.joinAll(readers)
    const soft = { ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" } as const
    yield* Cached.set(order, 1, { ttl: "1 hour" })
    yield* Cached.softTtl(Effect.succeed(1), new Order({ id: 4 }), soft)
    const refreshed = Cached.refreshAhead(Effect.succeed(2), new User({ id: 9 }), {
      ttl: "1 hour",
      refreshAfter: "1 minute"
    })
    yield* refreshed
    yield* TestClock.adjust("2 minutes")
    yield* Cached.softTtl(Effect.fail("down"), new Order({ id: 4 }), soft)
    yield* refreshed
    yield* ttl(new User({ id: 5 }), Effect.andThen(Cached.invalidate(new User({ id: 5 })), Effect.succeed(1)))
    yield* Cached.ttl(Effect.succeed(1), new Order({ id: 6 }), { ttl: () => NaN })
    const many = Cached.many(Order, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(id))), { ttl: "1 hour" })
    yield* many([{ id: 1 }, { id: 7 }, { id: 8 }])
    yield* settle
    return yield* Cached.stats
  })

  test("are those of the classes, and of what has none, together", function*() {
    const { classes, evictedWeight, evictions, hitRatio, meanLoadMillis, removals, size, weight, ...total } = yield* use
    const names = Object.keys(total)
    expect(Object.keys(classes).toSorted()).toEqual(["Order", "User"])
    const ofClasses = Object.values(classes).map((part) => counters(part, names))
    // Two reads of the string, and what concerns no key.
    const rest = names.map((name) =>
      ({ misses: 1, loads: 1, [cache.memory ? "hits" : "storeHits"]: 1, invalidations: 1 })[name] ?? 0
    )
    expect(counters(total, names)).toEqual(names.map((_, i) => ofClasses[0]![i]! + ofClasses[1]![i]! + rest[i]!))
  })

  test("count each read once, by the class of its key", function*() {
    const { classes } = yield* use
    const hits = cache.memory ? "hits" : "storeHits"
    const none = cache.memory ? "storeHits" : "hits"
    expect(classes["User"]).toEqual({
      [hits]: 3,
      [none]: 0,
      misses: 6,
      joined: 2,
      stale: 0,
      loads: 5,
      restarts: 0,
      loadFailures: 0,
      loadMillis: 100,
      refreshes: 1,
      invalidations: 0,
      storeFailures: 0,
      refused: 1,
      notStored: 0,
      callbackFailures: 0,
      lostInvalidations: 0,
      told: 0,
      toldInVain: 0,
      hitRatio: 3 / 9,
      meanLoadMillis: 20
    })
    expect(classes["Order"]).toMatchObject({
      [hits]: 2,
      [none]: 0,
      misses: 7,
      joined: 0,
      stale: 1,
      loads: 7,
      loadFailures: 2,
      refreshes: 0,
      notStored: 1
    })
  })

  test("are a copy: what happens later does not change them", function*() {
    yield* ttl(new User({ id: 1 }), Effect.succeed(1))
    const before: Caching.Stats = yield* Cached.stats
    const copy = structuredClone(before)
    yield* ttl(new User({ id: 2 }), Effect.succeed(1))
    expect(before).toEqual(copy)
    expect((yield* Cached.stats).classes["User"]!.loads).toBe(2)
  })

  test("of two classes of one name are one", function*() {
    const [One, Other] = [make(User, "1"), make(User, "2")]
    expect(CacheKey.id(new One({ id: 1 }))).not.toBe(CacheKey.id(new Other({ id: 1 })))
    yield* ttl(new One({ id: 1 }), Effect.succeed(1))
    yield* ttl(new Other({ id: 1 }), Effect.succeed(1))
    const { classes, loads } = yield* Cached.stats
    expect(classes).toMatchObject({ User: { loads: 2 } })
    expect(loads).toBe(2)
  })
})

describe("ratios and removals", () => {
  testIn(CacheLayer.memory())("the hit ratio is a share of the reads, and 1 before the first", function*() {
    expect(yield* Cached.stats).toMatchObject({ hitRatio: 1, meanLoadMillis: 0 })
    const slow = Effect.delay(Effect.succeed(1), "40 millis")
    for (const key of ["a", "b", "a", "a"]) {
      yield* taking("40 millis", Cached.ttl(key === "b" ? Effect.succeed(2) : slow, key, { ttl: "1 hour" }))
    }
    expect(yield* Cached.stats).toMatchObject({ hitRatio: 0.5, loads: 2, loadMillis: 40, meanLoadMillis: 20 })
  })

  it.effect("the time of a load that fails counts, and what a store has had is a hit", () =>
    Effect.gen(function*() {
      yield* taking("30 millis", Effect.exit(ttl("k", Effect.delay(Effect.fail("down"), "30 millis"))))
      expect(yield* Cached.stats).toMatchObject({ loads: 1, loadFailures: 1, loadMillis: 30, hitRatio: 0 })
      yield* ttl("k", Effect.succeed(1))
      yield* ttl("k", Effect.succeed(1))
      expect(yield* Cached.stats).toMatchObject({ storeHits: 1, hitRatio: 1 / 3 })
    }).pipe(Effect.provide(caches.find(({ memory }) => !memory)!.layer({}))))

  it.effect("a removal is counted by its cause, and evictions by weight", () =>
    Effect.gen(function*() {
      const put = (key: string, value: number) => Cached.set(key, value, { ttl: "1 minute" })
      yield* put("a", 3)
      yield* put("a", 4)
      yield* put("b", 5)
      yield* put("c", 6)
      yield* Cached.invalidate("b")
      yield* TestClock.adjust("2 minutes")
      yield* put("d", 1)
      yield* put("e", 1)
      yield* Cached.clear
      const { evictedWeight, evictions, removals, size, weight } = yield* Cached.stats
      expect({ evictedWeight, evictions, size, weight }).toEqual({ evictedWeight: 4, evictions: 1, size: 0, weight: 0 })
      expect(removals).toEqual({ evicted: 1, expired: 1, replaced: 1, invalidated: 3, unverified: 0 })
    }).pipe(Effect.provide(CacheLayer.memory({ maxWeight: 11, weigher: Number }))))

  testIn(CacheLayer.disabled)("a cache that caches nothing has none", function*() {
    const { hitRatio, removals } = yield* Cached.stats
    expect({ hitRatio, removals }).toMatchObject({ hitRatio: 1, removals: { evicted: 0 } })
  })
})

describe("a read that ends before the store has answered", () => {
  for (const limit of ["an interruption", "its timeout"]) {
    test(`by ${limit} is a miss`, function*() {
      const fake = fakeStore()
      fake.behave = () => ({ before: Effect.sleep("100 millis") })
      const test = Effect.gen(function*() {
        const read = Cached.ttl(Effect.succeed(1), new User({ id: 1 }), {
          ttl: "1 hour",
          ...limit === "its timeout" ? { timeout: "50 millis" } : {}
        })
        const reader = yield* start(Effect.exit(read))
        yield* TestClock.adjust("50 millis")
        yield* Fiber.interrupt(reader)
        const { hits, loads, misses, storeHits } = yield* Cached.stats
        expect({ hits, loads, misses, storeHits }).toEqual({ hits: 0, loads: 0, misses: 1, storeHits: 0 })
      })
      yield* Effect.provide(test, over(fake))
    })
  }
})

const Step = Schema.Struct({
  id: Schema.Literals([1, 2, 3]),
  action: Schema.Literals(["read", "fail", "both", "invalidate", "later"])
})

describe.each(caches)("whatever is asked over $name", (cache) => {
  it.effect.prop(
    "each read is a hit, a hit of the store, or a miss, and each miss loads or joins; events and detect agree",
    [Schema.Array(Step)],
    ([steps]) =>
      Effect.gen(function*() {
        let reads = 0
        const told: Array<string> = []
        const found: Array<string> = []
        listenersOf(yield* Caching.Caching).listen((event) => void told.push(event._tag))
        const read = (id: number, load: Effect.Effect<number, string>) =>
          Effect.suspend(() => {
            reads++
            return Cached.detect(Effect.exit(ttl(new User({ id }), load)))
          }).pipe(Effect.map(([, [answer]]) => found.push(answer!.source)))
        for (const { action, id } of steps) {
          if (action === "read") yield* read(id, Effect.succeed(id))
          else if (action === "fail") yield* read(id, Effect.fail("down"))
          else if (action === "both") {
            const one = read(id, Effect.succeed(id))
            yield* Effect.all([one, one], { concurrency: 2 })
          } else if (action === "invalidate") yield* Cached.invalidate(new User({ id }))
          else yield* TestClock.adjust("40 minutes")
        }
        const stats = yield* Cached.stats
        const { hits, joined, loads, misses, storeHits } = stats
        expect(hits + storeHits + misses).toBe(reads)
        const count = (list: ReadonlyArray<string>, item: string) => list.filter((one) => one === item).length
        expect(loads).toBe(count(found, "load"))
        expect(hits).toBe(count(found, "memory"))
        expect(storeHits).toBe(count(found, "store"))
        expect(misses).toBe(count(found, "load") + count(found, "joined"))
        expect(joined).toBeGreaterThanOrEqual(count(found, "joined"))
        expect([count(told, "Hit"), count(told, "Miss"), count(told, "Load"), count(told, "Joined")])
          .toEqual([hits + storeHits, misses, loads, joined])
      }).pipe(Effect.provide(cache.layer({ capacity: 2 })))
  )
})

testIn(CacheLayer.memory())("a class may be named like anything that objects have", function*() {
  class Odd extends CacheKey.Class<Odd>()("__proto__", { payload: {}, success: Schema.Int }) {}
  yield* ttl(new Odd(), Effect.succeed(1))
  const { classes } = yield* Cached.stats
  expect(Object.keys(classes)).toEqual(["__proto__"])
  expect(Object.getOwnPropertyDescriptor(classes, "__proto__")!.value.loads).toBe(1)
})
