/** Defaults of a layer for all reads: its strategy, and the options of reads that do not set their own. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Layer, Option, Random, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { caches, counting, ended, settle, start, started, taking } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {}) {}
class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Item extends CacheKey.Class<Item>()("Item", { payload: { id: Schema.Int }, success: Schema.Array(Schema.Int) }) {}

const defectOf = (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

/** An origin that answers once, and fails then. */
const failing = (error: NotFound | Down) => {
  const counts = { loads: 0 }
  const load = Effect.suspend(() => ++counts.loads === 1 ? Effect.succeed("old") : Effect.fail(error)) as Effect.Effect<
    string,
    NotFound | Down
  >
  return { counts, load }
}

describe.each(caches)("over $name", (cache) => {
  const withDefaults = (defaults: Cached.ReadDefaults) => Effect.provide(cache.layer({ defaults }))

  describe("strategy", () => {
    const strategy = { ttl: "1m" } as const

    testIn(cache.layer({ strategy }))("is that of withStrategy where it names none", function*() {
      const { load } = counting()
      const get = load.pipe(Cached.withStrategy("k"))
      const first = Cached.withStrategy(load, "k", { strategy: undefined })
      expect([yield* get, yield* first, yield* get]).toEqual([1, 1, 1])
      yield* TestClock.adjust("1 minute")
      expect(yield* get).toBe(2)
      const own = load.pipe(Cached.withStrategy("l", { strategy: { ttl: "1h" } }))
      yield* own
      yield* TestClock.adjust("1 minute")
      expect(yield* own).toBe(3)
    })

    test("of one effect with two caches is that of each", function*() {
      class Other extends Context.Service<Other, Caching.Shape>()("Other") {}
      const { load } = counting()
      const get = load.pipe(Cached.withStrategy("k"))
      const other = get.pipe(Cached.withCache(Other))
      const both = Layer.merge(
        cache.layer({ strategy }),
        CacheLayer.named(Other, CacheLayer.memory({ strategy: { ttl: "2m" } }))
      )
      yield* Effect.gen(function*() {
        expect([yield* get, yield* other, yield* get, yield* other]).toEqual([1, 2, 1, 2])
        yield* TestClock.adjust("1 minute")
        expect([yield* get, yield* other, yield* get, yield* other]).toEqual([3, 2, 3, 2])
      }).pipe(Effect.provide(both))
    })

    testIn(cache.layer())("there is none: it dies with a CacheConfigError that says where to give one", function*() {
      const { counts, load } = counting()
      yield* Cached.set("k", 1)
      const exit = yield* Effect.exit(load.pipe(Cached.withStrategy("k")))
      expect(defectOf(exit)).toBeInstanceOf(CacheError.CacheConfigError)
      expect(String(defectOf(exit))).toContain("strategy: { ttl")
      expect(counts.started).toBe(0)
    })
  })

  it.effect("CA-54 · fallbackOn: which failures are outages, for all reads", () =>
    Effect.gen(function*() {
      const read = (key: string, error: NotFound | Down, own?: ReadonlyArray<"NotFound" | "Down">) => {
        const { load } = failing(error)
        const strategy = { strategy: "failover", ttl: "1h" } as const
        const get = load.pipe(Cached.withStrategy(key, { strategy, fallbackOn: own }))
        return Effect.andThen(get, Effect.exit(get))
      }
      expect(yield* read("a", new Down())).toEqual(Exit.succeed("old"))
      expect(defectOf(yield* read("b", new NotFound()))).toMatchObject({ _tag: "NotFound" })
      // Its own.
      expect(yield* read("c", new NotFound(), ["NotFound"])).toEqual(Exit.succeed("old"))
      expect(defectOf(yield* read("d", new Down(), ["NotFound"]))).toMatchObject({ _tag: "Down" })
    }).pipe(withDefaults({ fallbackOn: ["Down"] })))

  it.effect("fallbackOn, a function", () =>
    Effect.gen(function*() {
      const { load } = failing(new Down())
      const strategy = { strategy: "failover", ttl: "1h" } as const
      const get = load.pipe(Cached.withStrategy("k", { strategy }))
      yield* get
      expect(defectOf(yield* Effect.exit(get))).toMatchObject({ _tag: "Down" })
      const { load: another } = failing(new Down())
      const own = another.pipe(Cached.failover("own", { ttl: "1h", fallbackOn: () => true }))
      yield* own
      expect(yield* own).toBe("old")
    }).pipe(withDefaults({ fallbackOn: () => false })))

  it.effect("retryAfter: the read's goes before the strategy's, and that before the layer's", () =>
    Effect.gen(function*() {
      type Load = Effect.Effect<string, NotFound | Down>
      const loadsWithin = (
        read: (load: Load) => Effect.Effect<string, NotFound | Down, Caching.Caching>
      ) =>
        Effect.gen(function*() {
          const { counts, load } = failing(new Down())
          const get = read(load)
          yield* get
          yield* TestClock.adjust("1 second")
          // It fails, and another second later the pause is over or not.
          yield* get
          yield* TestClock.adjust("7 seconds")
          yield* get
          return counts.loads
        })
      const soft = { ttl: "1h", softTtl: "1s", fallbackOn: "all" } as const
      expect(yield* loadsWithin(Cached.softTtl("a", soft))).toBe(2)
      expect(yield* loadsWithin(Cached.softTtl("b", { ...soft, retryAfter: "1s" }))).toBe(3)
      expect(yield* loadsWithin(Cached.failover("c", { ttl: "1h", fallbackOn: "all" }))).toBe(3)
    }).pipe(withDefaults({ retryAfter: "30s" })))

  it.effect("jitter: where the strategy has none", () =>
    Effect.gen(function*() {
      const { load } = counting()
      const get = (key: string, jitter?: number) =>
        load.pipe(Cached.ttl(key, { ttl: 1000, jitter }), Effect.provideService(Random.Random, half))
      yield* get("a")
      yield* get("b", 0)
      yield* TestClock.adjust(749)
      expect([yield* Cached.has("a"), yield* Cached.has("b")]).toEqual([true, true])
      yield* TestClock.adjust(1)
      expect([yield* Cached.has("a"), yield* Cached.has("b")]).toEqual([false, true])
    }).pipe(withDefaults({ jitter: 0.5 })))

  test("softTimeout, also as a function of the key", function*() {
    const asked: Array<unknown> = []
    yield* Effect.gen(function*() {
      yield* Cached.set("k", 100)
      const get = counting(5000).load.pipe(Cached.failover("k", { ttl: "1h" }))
      const reading = yield* start(get)
      yield* TestClock.adjust("1 second")
      expect(ended(reading)).toEqual(Exit.succeed(100))
      const patient = counting(5000).load.pipe(Cached.failover("l", { ttl: "1h", softTimeout: "10s" }))
      yield* Cached.set("l", 100)
      expect(yield* taking("5 seconds", patient)).toBe(1)
      expect(asked).toEqual(["k"])
    }).pipe(withDefaults({
      softTimeout: (key) => {
        asked.push(key)
        return "1s"
      }
    }))
  })

  it.effect("copy: each caller has a copy, of many too, and what is stored is another", () =>
    Effect.gen(function*() {
      const list: Array<number> = [1]
      const get = Effect.succeed(list).pipe(Cached.ttl("k", { ttl: "1h" }))
      const mine = yield* get
      mine.push(2)
      list.push(3)
      expect(yield* get).toEqual([1])
      const many = Cached.many(Item, (keys) => Effect.succeed(keys.map(() => Exit.succeed(list))), { ttl: "1h" })
      const [first] = yield* many([{ id: 1 }])
      const [again] = yield* many([{ id: 1 }])
      expect(first).toEqual(again)
      expect(Exit.isSuccess(first!) && Exit.isSuccess(again!) && first.value !== again.value).toBe(true)
      // By hand too.
      const mutable = [1]
      yield* Cached.set("set", mutable)
      yield* Cached.setMany([["set many", mutable]])
      mutable.push(2)
      const values = Effect.gen(function*() {
        const entry = yield* Effect.fromOption(yield* Cached.getEntry("set"))
        const option = yield* Effect.fromOption(yield* Cached.getOption("set"))
        const several = (yield* Cached.getMany(["set", "set many"])).map(Option.getOrThrow)
        const matching = yield* Stream.runCollect(Cached.getMatching("set*"))
        return [entry.value, option, ...several, ...matching.map(([, value]) => value)] as Array<Array<number>>
      })
      for (const value of yield* values) value.push(3)
      expect(yield* values).toEqual(Array.from({ length: 6 }, () => [1]))
      // Its own: the value itself.
      const same = Effect.succeed(list).pipe(Cached.ttl("l", { ttl: "1h", copy: (value) => value }))
      if (cache.memory) expect(yield* same).toBe(yield* same)
    }).pipe(withDefaults({ copy: "structured" })))

  it.effect("minLoad holds for reads that do not set their own", () =>
    Effect.gen(function*() {
      const get = Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1h" }))
      yield* get
      expect(yield* Cached.has("k")).toBe(false)
      yield* Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1h", minLoad: -1 }))
      expect(yield* Cached.has("k")).toBe(true)
    }).pipe(withDefaults({ minLoad: "1s" })))

  it.effect("those of an instance of a class, whose getters count", () =>
    Effect.gen(function*() {
      yield* Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1h" }))
      expect(yield* Cached.has("k")).toBe(false)
    }).pipe(withDefaults(
      new class {
        readonly #millis = 1000
        get minLoad() {
          return this.#millis
        }
      }()
    )))

  test("one effect with two caches has the defaults of each", function*() {
    class Other extends Context.Service<Other, Caching.Shape>()("Other") {}
    const get = Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1h" }))
    const both = Layer.merge(
      cache.layer({ defaults: { minLoad: "1s" } }),
      CacheLayer.named(Other, CacheLayer.memory())
    )
    yield* Effect.gen(function*() {
      for (let i = 0; i < 2; i++) {
        yield* get
        yield* get.pipe(Cached.withCache(Other))
      }
      expect(yield* Cached.has("k")).toBe(false)
      expect(yield* Cached.has("k").pipe(Cached.withCache(Other))).toBe(true)
    }).pipe(Effect.provide(both))
  })
})

const half = { nextIntUnsafe: () => 0, nextDoubleUnsafe: () => 0.5 }

describe("over a store", () => {
  it.effect("memoryTtl: reads and what they find in the store ask again after it", () =>
    Effect.gen(function*() {
      const { load } = counting()
      const get = load.pipe(Cached.ttl("k", { ttl: "1h" }))
      yield* get
      yield* TestClock.adjust("10 seconds")
      yield* get
      expect(yield* Cached.stats).toMatchObject({ hits: 0, storeHits: 1 })
      yield* Cached.set("l", 5)
      yield* load.pipe(Cached.ttl("l", { ttl: "1h" }))
      expect(yield* Cached.stats).toMatchObject({ hits: 0, storeHits: 2 })
      yield* settle
    }).pipe(
      Effect.provide(
        Layer.provide(CacheLayer.layer({ defaults: { memoryTtl: "10s" } }), MemoryStore.layer)
      )
    ))
})

describe("two caches over one store", () => {
  class Other extends Context.Service<Other, Caching.Shape>()("Other") {}

  test("shareLoad: one load for both where their layers say so, and two where a read says otherwise", function*() {
    const options = { defaults: { shareLoad: true } }
    const both = Layer.merge(
      CacheLayer.layer(options),
      CacheLayer.named(Other, CacheLayer.layer(options))
    ).pipe(Layer.provide(MemoryStore.layer))
    const loadsOf = (shareLoad?: boolean) =>
      Effect.gen(function*() {
        const { counts, load } = counting(1000)
        const get = load.pipe(Cached.ttl(`shared ${shareLoad}`, { ttl: "1h", shareLoad }))
        const readers = [yield* start(get), yield* start(get.pipe(Cached.withCache(Other)))]
        yield* TestClock.adjust("5 seconds")
        for (const reader of readers) yield* Fiber.join(reader)
        return counts.started
      })
    yield* Effect.gen(function*() {
      expect([yield* loadsOf(), yield* loadsOf(false)]).toEqual([1, 2])
    }).pipe(Effect.provide(both))
  })

  test("waitForWrite: a caller has its value before the store answers, unless it wants to wait", function*() {
    const store = MemoryStore.layer.pipe(
      Store.tap({
        around: ({ operation }, effect) => operation === "commit" ? Effect.delay(effect, "100 millis") : effect
      })
    )
    yield* Effect.gen(function*() {
      const { load } = counting()
      const quick = yield* start(load.pipe(Cached.ttl("k", { ttl: "1h" })))
      const patient = yield* started(load.pipe(Cached.ttl("l", { ttl: "1h", waitForWrite: true })))
      expect([ended(quick), ended(patient)]).toEqual([Exit.succeed(1), "still waiting"])
      yield* TestClock.adjust("100 millis")
      expect(ended(patient)).toEqual(Exit.succeed(2))
    }).pipe(Effect.provide(Layer.provide(CacheLayer.layer({ defaults: { waitForWrite: false } }), store)))
  })
})

describe("a layer without a cache", () => {
  testIn(CacheLayer.disabled)("needs no strategy", function*() {
    const { load } = counting()
    const get = load.pipe(Cached.withStrategy("k"))
    expect([yield* get, yield* get]).toEqual([1, 2])
  })
})

describe("wrong defaults are refused where the layer is made", () => {
  const wrong: ReadonlyArray<readonly [message: string, options: object]> = [
    ["no option \"timeout\"", { defaults: { timeout: "1s" } }],
    ["no option \"tags\"", { defaults: { tags: ["a"] } }],
    ["retryAfter is not a duration", { defaults: { retryAfter: "soon" } }],
    ["jitter must be a share from 0 to 1, not 2", { defaults: { jitter: 2 } }],
    ["copy must be", { defaults: { copy: "deep" } }],
    ["fallbackOn must be", { defaults: { fallbackOn: "Down" } }],
    ["defaults of", { defaults: "1s" }],
    ["strategy cannot be", { strategy: "ttl" }]
  ]
  it.each(wrong)("%s", (message, options) => {
    for (const make of [CacheLayer.memory, CacheLayer.layer]) {
      expect(() => make(options as CacheLayer.MemoryOptions)).toThrow(message)
      expect(() => make(options as CacheLayer.MemoryOptions)).toThrow(CacheError.CacheConfigError)
    }
  })
})
