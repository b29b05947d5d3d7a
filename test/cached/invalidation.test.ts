/** Invalidation by id, tag, class and pattern, here and in other processes. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { caches, counting, fakeStore, over, start, started } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { ownSerializer, parsed } from "../support/ownSerializer.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

class Forecast extends CacheKey.Class<Forecast>()("Forecast", {
  payload: { city: Schema.String, days: Schema.Int },
  success: Schema.Number,
  error: Schema.String,
  tags: ({ days }) => [`days:${days}`],
  indexes: ["city", ["city", "days"]]
}) {}

class Next extends CacheKey.Class<Next>()("Forecast", {
  payload: { city: Schema.String, days: Schema.Int },
  success: Schema.Number,
  error: Schema.String,
  version: "2",
  indexes: ["city", ["city", "days"]]
}) {}

class Plain extends CacheKey.Class<Plain>()("Plain", { payload: { city: Schema.String }, success: Schema.Number }) {}

const berlin = new Forecast({ city: "Berlin", days: 3 })
const berlinLong = new Forecast({ city: "Berlin", days: 9 })
const paris = new Forecast({ city: "Paris", days: 3 })
const all = [berlin, berlinLong, paris]

const byClass = [
  ["invalidateAll", Cached.invalidate({ all: Forecast }), []],
  ["invalidateWhere a field", Cached.invalidate({ where: [Forecast, { city: "Berlin" }] }), [paris]],
  [
    "invalidateWhere a combination, its fields in any order",
    Cached.invalidate({ where: [Forecast, { days: 9, city: "Berlin" }] }),
    [berlin, paris]
  ]
] as const

const left = Effect.filter(all, (key) => Cached.has(key))

/** Fills the cache in three ways. */
const fill = Effect.gen(function*() {
  yield* Cached.set(berlin, 1)
  yield* Cached.ttl(Effect.succeed(1), berlinLong, { ttl: "1 hour", tags: [] })
  yield* Cached.ttl(Effect.succeed(1), paris, { ttl: "1 hour", tags: () => ["own"] })
})

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())
  const provided = Effect.provide(cache.layer())

  describe.each(byClass.map(([name, run, rest]) => ({ name, run, rest })))("$name", ({ rest, run }) => {
    test("reaches what it means and nothing else, whatever tags its readers gave", function*() {
      yield* fill
      yield* Cached.set("Forecast", 1, { tags: ["Forecast"] })
      yield* Cached.set(new Plain({ city: "Berlin" }), 1)
      yield* run
      expect(yield* left).toEqual(rest)
      expect(yield* Cached.has("Forecast")).toBe(true)
      expect(yield* Cached.has(new Plain({ city: "Berlin" }))).toBe(true)
    })

    test("reaches every version of the class", function*() {
      const next = new Next({ city: "Berlin", days: 9 })
      yield* Cached.set(next, 1)
      yield* run
      expect(yield* Cached.has(next)).toBe(false)
    })

    test("P2 · a load that runs: a waiting caller gets it, it is stored nowhere", function*() {
      const { counts, load } = counting(1000)
      const get = load.pipe(Cached.ttl(berlinLong, { ttl: "1 hour", tags: ["own"] }))
      const before = yield* start(get)
      yield* TestClock.adjust("500 millis")
      yield* run
      const after = yield* start(get)
      yield* TestClock.adjust("500 millis")
      expect(yield* Fiber.join(before)).toBe(1)
      expect(yield* Cached.getOption(berlinLong)).toEqual(Option.none())
      yield* TestClock.adjust("500 millis")
      expect(yield* Fiber.join(after)).toBe(2)
      expect(yield* get).toBe(2)
      expect(counts.started).toBe(2)
    })
  })

  test("a tag declared by the class goes with the reader's own tags, its class does not", function*() {
    yield* fill
    yield* Cached.invalidate({ tag: "days:3" })
    expect(yield* left).toEqual([berlinLong, paris])
  })

  describe("invalidateMatching", () => {
    const ids = ["a:1", "a:2", "a:10", "b:1", "a.b", "axb", "[a]"]
    const has = Effect.filter(ids, (id) => Cached.has(id))

    test.each(
      [
        ["*", ids],
        ["a:*", ["a:1", "a:2", "a:10"]],
        ["a:?", ["a:1", "a:2"]],
        ["?:1", ["a:1", "b:1"]],
        ["[ab]:1", ["a:1", "b:1"]],
        ["[^a]:1", ["b:1"]],
        ["*:1*", ["a:1", "a:10", "b:1"]],
        ["a.b*", ["a.b"]],
        ["[[]a]", ["[a]"]],
        ["a:1", ["a:1"]],
        ["a:1?", ["a:10"]],
        ["nothing:*", []],
        ["nothing", []]
      ] as const
    )("CA-14 · %s is a glob: the whole id, and nothing but its specials is special", function*([pattern, gone]) {
      yield* Effect.forEach(ids, (id) => Cached.set(id, 1))
      const progress = yield* Looking.progressOf(pattern)
      expect(yield* has).toEqual(ids.filter((id) => !(gone as ReadonlyArray<string>).includes(id)))
      expect(progress.at(-1)?.invalidated).toBe(gone.length)
    })

    test("ids of a class begin with its name", function*() {
      yield* Effect.forEach(all, (key) => Cached.set(key, 1))
      yield* Cached.set("Forecast@", 1)
      yield* Cached.set("~Forecast@", 1)
      yield* Cached.invalidate({ matching: "~Forecast@*" })
      expect(yield* left).toEqual([])
      expect([yield* Cached.has("Forecast@"), yield* Cached.has("~Forecast@")]).toEqual([true, true])
      yield* Cached.invalidate({ matching: CacheKey.id("~Forecast@") })
      expect(yield* Cached.has("~Forecast@")).toBe(false)
    })

    test("P2 · loads that run are stored nowhere, those of other ids are", function*() {
      const get = (key: string) => Cached.ttl(Effect.delay(Effect.succeed(1), "1 second"), key, { ttl: "1 hour" })
      const readers = yield* Effect.forEach(["user:1", "user:2", "page:1"], (key) => start(get(key)))
      yield* TestClock.adjust("500 millis")
      yield* Cached.invalidate({ matching: "user:*" })
      yield* TestClock.adjust("500 millis")
      for (const reader of readers) expect(yield* Fiber.join(reader)).toBe(1)
      expect(yield* Effect.filter(["user:1", "user:2", "page:1"], (id) => Cached.has(id))).toEqual(["page:1"])
    })

    it.effect("ten thousand ids in batches of some hundreds, and the progress only grows", () =>
      Effect.gen(function*() {
        yield* Effect.forEach(
          Array.from({ length: 10_000 }, (_, i) => `user:${i}`),
          (id) => Cached.set(id, 1)
        )
        yield* Cached.set("page:1", 1)
        const before = (yield* Cached.stats).invalidations
        const progress = yield* Looking.progressOf("user:*")
        expect(progress.length).toBeGreaterThan(30)
        for (const [i, { invalidated, scanned }] of progress.entries()) {
          const last = progress[i - 1] ?? { invalidated: 0, scanned: 0 }
          expect(invalidated - last.invalidated).toBeLessThanOrEqual(512)
          expect(invalidated).toBeGreaterThanOrEqual(last.invalidated)
          expect(scanned).toBeGreaterThanOrEqual(last.scanned)
        }
        expect(progress.at(-1)!.invalidated).toBe(10_000)
        expect((yield* Cached.stats).invalidations - before).toBe(10_000)
        expect(yield* Stream.runCollect(Looking.ids())).toEqual(["page:1"])
      }).pipe(Effect.provide(cache.layer({ capacity: 20_000 }))))

    test("an interruption by the one that looks at the progress leaves the rest", function*() {
      yield* Effect.forEach(Array.from({ length: 1000 }, (_, i) => `user:${i}`), (id) => Cached.set(id, 1))
      yield* Effect.exit(Cached.invalidate({ matching: "user:*" }, { onProgress: () => Effect.interrupt }))
      const rest = yield* Stream.runCount(Looking.ids("user:*"))
      expect(rest).toBeGreaterThan(0)
      expect(rest).toBeLessThan(1000)
    })

    test("does nothing where CachePolicy.disable(\"invalidate\") says so", function*() {
      yield* Cached.set(berlin, 1)
      yield* Effect.all([
        Cached.invalidate({ matching: "*" }),
        Cached.invalidate({ all: Forecast }),
        Cached.invalidate({ where: [Forecast, { city: "Berlin" }] }),
        Cached.invalidate(berlin),
        Cached.invalidate({ tag: "days:3" })
      ]).pipe(CachePolicy.disable("invalidate"))
      expect(yield* Cached.has(berlin)).toBe(true)
    })
  })

  describe("CA-51 · invalidateFurther", () => {
    const get = <A, E, R>(load: Effect.Effect<A, E, R>, key = "k") => Cached.ttl(load, key, { ttl: "1 hour" })

    test("each read forgets first, and loads again, for others too", function*() {
      const { load } = counting()
      expect(yield* get(load)).toBe(1)
      expect(yield* CachePolicy.invalidating(get(load))).toBe(2)
      expect(yield* get(load)).toBe(2)
      const twice = Effect.all([get(load), get(load)])
      expect(yield* CachePolicy.invalidating(twice)).toEqual([3, 4])
    })

    test("where the load fails nothing older is served, nor left", function*() {
      const soft = Cached.softTtl("k", { ttl: "1 hour", softTtl: "30 minutes", fallbackOn: "all" })
      yield* soft(Effect.succeed(1))
      expect(yield* Effect.exit(CachePolicy.invalidating(soft(Effect.fail("down"))))).toEqual(Exit.fail("down"))
      expect(yield* Cached.has("k")).toBe(false)
    })

    test("getOption, has, getEntry, getMany and expiresIn answer none, and forget", function*() {
      const looks: ReadonlyArray<Effect.Effect<unknown, never, never>> = [
        Cached.getOption("k"),
        Cached.has("k"),
        Cached.getEntry("k"),
        Looking.expiresIn("k"),
        Cached.getMany(["k"])
      ] as never
      const nothing = [Option.none(), false, Option.none(), Option.none(), [Option.none()]]
      for (const [i, look] of looks.entries()) {
        yield* Cached.set("k", 1)
        expect(yield* CachePolicy.invalidating(look)).toEqual(nothing[i])
        expect(yield* Cached.has("k")).toBe(false)
      }
    })

    test("writes pass", function*() {
      yield* CachePolicy.invalidating(Cached.set("k", 1, { ttl: "1 hour" }))
      expect(yield* Cached.getOption("k")).toEqual(Option.some(1))
      yield* CachePolicy.invalidating(Cached.set("k", 2, { keepTtl: true }))
      expect(Option.isSome(yield* Looking.expiresIn("k"))).toBe(true)
      expect(yield* Cached.getOption("k")).toEqual(Option.some(2))
    })

    test("reads inside a load behave as usual, and so do those behind the scope", function*() {
      const inner = counting()
      const outer = get(Effect.map(get(inner.load, "inner"), (n) => n * 10), "outer")
      expect(yield* outer).toBe(10)
      expect(yield* CachePolicy.invalidating(outer)).toBe(10)
      expect(yield* CachePolicy.invalidating(get(inner.load, "inner"))).toBe(2)
      expect(yield* outer).toBe(10)
      expect(yield* CachePolicy.invalidating(CachePolicy.invalidating(outer))).toBe(20)
    })

    test("does not join what runs, nor let others join it", function*() {
      const { load } = counting(1000)
      const before = yield* start(get(load))
      yield* TestClock.adjust("500 millis")
      const fresh = yield* started(CachePolicy.invalidating(get(load)))
      yield* TestClock.adjust("500 millis")
      expect(yield* Fiber.join(before)).toBe(1)
      expect(yield* Cached.has("k")).toBe(false)
      yield* TestClock.adjust("500 millis")
      expect(yield* Fiber.join(fresh)).toBe(2)
      expect(yield* get(load)).toBe(2)
    })

    test("under readOnly it forgets and stores nothing; under bypass nothing is touched", function*() {
      const { load } = counting()
      yield* Cached.set("k", 0)
      expect(yield* CachePolicy.bypass(CachePolicy.invalidating(get(load)))).toBe(1)
      expect(yield* CachePolicy.invalidating(CachePolicy.bypass(get(load)))).toBe(2)
      expect(yield* CachePolicy.invalidating(CachePolicy.bypass(Cached.getOption("k")))).toEqual(Option.none())
      expect(yield* Cached.getOption("k")).toEqual(Option.some(0))
      expect(yield* CachePolicy.invalidating(CachePolicy.disable("set")(get(load)))).toBe(3)
      expect(yield* Cached.has("k")).toBe(false)
    })

    test("where CachePolicy.disable(\"invalidate\") says so it forgets nothing", function*() {
      yield* Cached.set("k", 0)
      const disable = CachePolicy.disable("invalidate")
      expect(yield* disable(CachePolicy.invalidating(get(Effect.succeed(1))))).toBe(0)
      expect(yield* CachePolicy.invalidating(disable(get(Effect.succeed(1))))).toBe(0)
      expect(yield* CachePolicy.invalidating(CachePolicy.disable("remove")(get(Effect.succeed(1))))).toBe(1)
    })

    test("many: each of them is loaded again, those asked twice once", function*() {
      const asked: Array<number> = []
      const many = Cached.many(Forecast, (keys) =>
        Effect.sync(() => {
          asked.push(keys.length)
          return keys.map(() => Exit.succeed(asked.length))
        }), { ttl: "1 hour" })
      const payloads = [{ city: "Berlin", days: 3 }, { city: "Paris", days: 3 }, { city: "Berlin", days: 3 }]
      yield* many(payloads)
      const exits = yield* CachePolicy.invalidating(many(payloads))
      expect(exits).toEqual([Exit.succeed(2), Exit.succeed(2), Exit.succeed(2)])
      expect(yield* many(payloads)).toEqual(exits)
      expect(asked).toEqual([2, 2])
    })
  })

  it.effect("CA-17 · CA-52 · a short-lived entry makes its tag forget no other; one put in again without it stays", () =>
    Effect.gen(function*() {
      yield* Cached.set("long", 1, { tags: ["t"] })
      yield* Cached.set("short", 1, { tags: ["t"], ttl: "1 second" })
      yield* Cached.set("anew", 1, { tags: ["t"] })
      yield* Cached.invalidate("anew")
      yield* Cached.set("anew", 1)
      yield* TestClock.adjust("1 minute")
      yield* Cached.invalidate({ tag: "t" })
      expect(yield* Effect.filter(["long", "anew"], (id) => Cached.has(id))).toEqual(["anew"])
    }).pipe(provided))

  test("AI-09 · clear forgets timers and tags too: what comes after it lives as long as it says", function*() {
    yield* Cached.set("k", 1, { ttl: 100 })
    yield* Cached.clear
    yield* Cached.set("k", 2, { ttl: 10_000 })
    yield* TestClock.adjust(5000)
    expect(yield* Cached.getOption("k")).toEqual(Option.some(2))
  })
})

describe("invalid arguments are a CacheConfigError that says what to do", () => {
  const messageOf = (run: () => unknown) =>
    Effect.map(Effect.exit(Effect.suspend(run as () => Effect.Effect<unknown>)), (exit) => {
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      expect(error).toBeInstanceOf(CacheError.CacheConfigError)
      return (error as Error).message
    })
  const provided = Effect.provide(CacheLayer.memory())

  inMemory("an index that is not declared: those that are", function*() {
    const message = yield* messageOf(() => Cached.invalidate({ where: [Forecast, { days: 3 } as never] }))
    expect(message).toContain("Forecast")
    expect(message).toContain("\"city\"")
    expect(message).toContain("[\"city\",\"days\"]")
    expect(yield* messageOf(() => Cached.invalidate({ where: [Plain, { city: "Berlin" } as never] }))).toContain(
      "none"
    )
  })

  it.effect.each(
    [
      ["no fields", () => Cached.invalidate({ where: [Forecast, {} as never] })],
      ["fields that are none", () => Cached.invalidate({ where: [Forecast, null as never] })],
      ["a value of another type", () => Cached.invalidate({ where: [Forecast, { city: 5 } as never] })],
      ["a class that is none", () => Cached.invalidate({ all: "Forecast" as never })],
      ["a class that is undefined", () => Cached.invalidate({ all: undefined as never })],
      ["a key instead of its class", () => Cached.invalidate({ all: berlin as never })],
      ["a target that is null", () => Effect.void.pipe(Cached.invalidateAfter([null as never]))],
      ["a pattern that is none", () => Cached.invalidate({ matching: "[a" })],
      ["an empty pattern", () => Cached.invalidate({ matching: "" })],
      ["a pattern that is no text", () => Cached.invalidate({ matching: 5 as never })]
    ] as const
  )("%s", ([, run]) => messageOf(run).pipe(provided))
})

describe("invalidateMatching and the store", () => {
  const failing = (scan: Store.Store["scan"]) => {
    const fake = fakeStore()
    return { ...fake, layer: Layer.succeed(Store.Store, { ...fake.store, scan }) }
  }

  test("a store that cannot be gone through is warned of, and fails typed under strict; memory is first", function*() {
    const fake = fakeStore()
    const { get, remove, set } = singly(fake.store)
    const layer = Layer.succeed(
      Store.Store,
      Store.make({
        name: "simple",
        get: (id) => Effect.map(get(id, []), ({ entry }) => entry),
        set: (id, entry) => Effect.asVoid(set(id, entry)),
        remove: (id) => remove(id)
      })
    )
    yield* Effect.gen(function*() {
      yield* Cached.set("user:1", 1)
      const error = yield* Effect.flip(CachePolicy.strict(Cached.invalidate({ matching: "user:*" })))
      expect(error).toMatchObject({ _tag: "StoreError", operation: "scan", reason: "Unsupported" })
      expect(yield* Cached.has("user:1")).toBe(false)
      yield* Cached.set("user:1", 1)
      yield* Cached.invalidate({ matching: "user:1" })
      expect(yield* Cached.has("user:1")).toBe(false)
    }).pipe(Effect.provide(over({ layer })))
  })

  it.effect.each(
    [
      ["hangs", () => Stream.never, "Timeout"],
      ["dies", () => Stream.die("bug"), "Unavailable"],
      [
        "throws",
        () => {
          throw new Error("bug")
        },
        "Unavailable"
      ]
    ] as const
  )("P4 · a scan that %s fails typed within the budget", ([, scan, reason]) =>
    Effect.gen(function*() {
      const fiber = yield* started(Effect.flip(CachePolicy.strict(Cached.invalidate({ matching: "user:*" }))))
      yield* TestClock.adjust("500 millis")
      expect(fiber.pollUnsafe()).toMatchObject({ value: { _tag: "StoreError", operation: "scan", reason } })
    }).pipe(Effect.provide(over(failing(scan)))))

  test("P2 · an entry added while the store is gone through is dropped too, in this process", function*() {
    const fake = fakeStore()
    const began = yield* Deferred.make<void>()
    const goOn = yield* Deferred.make<void>()
    const layer = Layer.succeed(Store.Store, {
      ...fake.store,
      scan: (options) =>
        Stream.concat(
          fake.store.scan(options),
          Stream.fromEffectDrain(Effect.andThen(Deferred.succeed(began, undefined), Deferred.await(goOn)))
        )
    })
    yield* Effect.gen(function*() {
      const invalidating = yield* start(Cached.invalidate({ matching: "user:*" }))
      yield* Deferred.await(began)
      yield* Cached.set("user:1", 1)
      const loading = yield* start(Cached.ttl(Effect.never, "user:2", { ttl: "1 hour" }))
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(invalidating)
      expect(yield* Cached.has("user:1")).toBe(false)
      yield* Fiber.interrupt(loading)
    }).pipe(Effect.provide(over({ layer })))
  })

  test.withoutMemory("P2 · a store that removes nothing is not used afterwards", function*(fake) {
    yield* Cached.set("user:1", 1)
    fake.behave = (operation) =>
      operation === "remove"
        ? { before: Effect.fail(new CacheError.StoreError({ store: "fake", operation, reason: "Unavailable" })) }
        : {}
    yield* Cached.invalidate({ matching: "user:*" })
    expect(yield* Cached.has("user:1")).toBe(false)
    expect(yield* Stream.runCollect(Looking.ids())).toEqual([])
    fake.behave = () => ({})
    yield* TestClock.adjust("2 seconds")
    expect(fake.entries.size).toBe(0)
  })
})

describe("across engines on one folder", () => {
  test.each(
    [
      ["invalidateAll", Cached.invalidate({ all: Forecast })],
      ["invalidateWhere", Cached.invalidate({ where: [Forecast, { city: "Berlin" }] })],
      ["invalidateMatching", Cached.invalidate({ matching: "~Forecast@*" })]
    ] as const
  )("%s reaches the other's memory, and what it loads", function*([, run]) {
    const directory = yield* tempDirectory
    const engine = Layer.build(Layer.fresh(CacheLayer.disk({ directory })))
    const [one, other] = [yield* engine, yield* engine]
    yield* Cached.set(berlin, 1).pipe(Effect.provide(one))
    expect(yield* Cached.getOption(berlin).pipe(Effect.provide(other))).toEqual(Option.some(1))
    yield* run.pipe(Effect.provide(one))
    yield* TestClock.adjust("100 millis")
    expect(yield* Cached.has(berlin).pipe(Effect.provide(other))).toBe(false)
    expect(yield* Cached.has(berlin).pipe(Effect.provide(one))).toBe(false)
  })

  test("invalidateAll while the other loads: what comes late is no hit for anybody", function*() {
    const directory = yield* tempDirectory
    const engine = Layer.build(Layer.fresh(CacheLayer.disk({ directory })))
    const [one, other] = [yield* engine, yield* engine]
    const { load } = counting(1000)
    const get = load.pipe(Cached.ttl(berlin, { ttl: "1 hour", tags: [] }))
    const loading = yield* start(get.pipe(Effect.provide(other)))
    yield* TestClock.adjust("500 millis")
    yield* Cached.invalidate({ all: Forecast }).pipe(Effect.provide(one))
    yield* TestClock.adjust("500 millis")
    expect(yield* Fiber.join(loading)).toBe(1)
    expect(yield* Cached.has(berlin).pipe(Effect.provide(one))).toBe(false)
    expect(yield* Cached.has(berlin).pipe(Effect.provide(other))).toBe(false)
  })
})

it.effect("a look-up of several keys whose decoding takes long is of one moment", () => {
  const serializer = ownSerializer({ decode: (bytes) => Effect.delay(Effect.sync(() => parsed(bytes)), "1 second") })
  const cache = CacheLayer.layer({ memory: false }).pipe(
    Layer.provide([Layer.succeed(Store.Store, MemoryStore.make()), serializer])
  )
  return Effect.gen(function*() {
    yield* Cached.setMany([["a", 1], ["b", 2]], { ttl: "1 hour", tags: ["t"] })
    const looking = yield* start(Cached.getMany(["a", "b", "a"]))
    yield* TestClock.adjust("500 millis")
    yield* Cached.invalidate({ tag: "t" })
    yield* TestClock.adjust("1 minute")
    expect(yield* Fiber.join(looking)).toEqual([Option.none(), Option.none(), Option.none()])
  }).pipe(Effect.provide(cache))
})
