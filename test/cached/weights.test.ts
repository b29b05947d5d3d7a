/** Bounds of memory: entries or weights, and other bounds while it is in use. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, Option, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, Caching } from "effect-cached"
import { type Eviction, Weigher } from "effect-cached/adapters"
import { policies as builtIn } from "../../src/internal/eviction/policies.ts"
import { estimate as sizeOf } from "../../src/internal/text/estimate.ts"
import { caches } from "../support/caches.ts"
import { test } from "../support/tests.ts"

const read = (key: string, value: unknown = key) => Cached.ttl(Effect.succeed(value), key, { ttl: "1 hour" })
const byLength: Weigher.Weigher = (value: string) => value.length
const held = (keys: ReadonlyArray<string>) => Effect.filter(keys, Cached.has)

const { adaptive, fifo, leastRecentlyUpdated, lru, s3Fifo, wTinyLfu } = builtIn
const policies = [adaptive, lru, fifo, leastRecentlyUpdated, s3Fifo, wTinyLfu]

describe.each(caches.filter(({ memory }) => memory))("weights over $name", (cache) => {
  it.effect("the weight of all entries stays within the bound, and is reported", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 50; i++) {
        yield* read(`key ${i}`, "x".repeat(1 + i % 30))
        const { size, weight } = yield* Cached.stats
        expect(weight).toBeLessThanOrEqual(100)
        expect(size).toBeGreaterThan(0)
      }
      yield* Cached.set("other", "12345")
      const before = yield* Cached.stats
      yield* Cached.set("other", "123")
      expect((yield* Cached.stats).weight).toBe(before.weight - 2)
      yield* Cached.invalidate("other")
      expect((yield* Cached.stats).weight).toBe(before.weight - 5)
      yield* Cached.clear
      expect(yield* Cached.stats).toMatchObject({ size: 0, weight: 0 })
    }).pipe(Effect.provide(cache.layer({ maxWeight: 100, weigher: byLength }))))

  it.effect("an entry heavier than the bound is not kept, and evicts nothing", () =>
    Effect.gen(function*() {
      yield* read("small", "1")
      expect(yield* read("large", "x".repeat(11))).toHaveLength(11)
      expect(yield* Cached.stats).toMatchObject({ size: 1, weight: 1, evictions: 0 })
      // The value that it would have replaced is an old one.
      yield* Cached.set("small", "x".repeat(11))
      expect(yield* Cached.stats).toMatchObject({ size: 0, weight: 0 })
    }).pipe(Effect.provide(cache.layer({ maxWeight: 10, weigher: byLength }))))

  it.effect.each([Infinity, 1e300])(
    "an entry whose weight cannot be counted is not kept, with a bound of %d",
    (maxWeight) =>
      Effect.gen(function*() {
        yield* Cached.set("one", 1)
        yield* Cached.set("endless", Infinity)
        yield* Cached.set("huge", 2 ** 53)
        expect(yield* Cached.stats).toMatchObject({ size: 1, weight: 1 })
        for (const key of ["endless", "huge"]) yield* Cached.invalidate(key)
        yield* Cached.set("one", Infinity)
        expect(yield* Cached.stats).toMatchObject({ size: 0, weight: 0 })
      }).pipe(Effect.provide(cache.layer({ maxWeight, weigher: (value: number) => value })))
  )

  it.effect.each<[string, Weigher.Weigher]>([
    ["throws", () => {
      throw new Error("no weight")
    }],
    ["gives NaN", () => NaN],
    ["gives nothing", () => undefined as never],
    ["gives a text", () => "5" as never],
    ["gives zero", () => 0],
    ["gives less than nothing", () => -1]
  ])("a weigher that %s: the value is served and not kept, one warning", ([, weigher]) => {
    const lines: Array<unknown> = []
    const logger = Logger.layer([Logger.make(({ message }) => void lines.push(message))])
    return Effect.gen(function*() {
      yield* read("fine", "fine")
      for (let i = 0; i < 5; i++) expect(yield* read("bad", "bad")).toBe("bad")
      expect(yield* Cached.stats).toMatchObject({ size: 1, weight: 4, notStored: 5 })
      expect(lines.filter((line) => `${line}`.includes("weigher"))).toHaveLength(1)
    }).pipe(
      Effect.provide(
        cache.layer({ maxWeight: 100, weigher: (value, entry) => value === "fine" ? 4 : weigher(value, entry) })
      ),
      Effect.provide(logger)
    )
  })
})

describe("a weigher", () => {
  class Page extends CacheKey.Class<Page>()("Page", { payload: { url: Schema.String }, success: Schema.String }) {}

  it.effect("receives the id and the key class, and a fraction is rounded up", () => {
    const told: Array<Weigher.Weighed> = []
    const weigher: Weigher.Weigher = (_, entry) => {
      told.push(entry)
      return 0.5
    }
    return Effect.gen(function*() {
      yield* Cached.set("text", "")
      const key = new Page({ url: "/" })
      yield* Cached.ttl(Effect.succeed("<h1>"), key, { ttl: "1 hour" })
      const [one, other] = told
      expect(one).toMatchObject({ id: "text", keyClass: undefined })
      expect(other).toMatchObject({ id: CacheKey.id(key), keyClass: "Page" })
      expect((yield* Cached.stats).weight).toBe(2)
    }).pipe(Effect.provide(CacheLayer.memory({ maxWeight: 10, weigher })))
  })

  it("estimates what values take", () => {
    expect(sizeOf("x".repeat(1000))).toBe(1016)
    expect(sizeOf("ж".repeat(1000))).toBe(2016)
    expect(sizeOf(new Uint8Array(1000))).toBe(1200)
    expect(sizeOf(new ArrayBuffer(1000))).toBe(1096)
    expect(sizeOf(new Float64Array(100))).toBe(1000)
    expect(sizeOf(null)).toBe(0)
    expect(sizeOf([0.5, 1.5])).toBe(sizeOf([1, 2]))
    const rows = Array.from({ length: 100_000 }, (_, id) => ({ id, name: "x".repeat(20) }))
    expect(sizeOf(rows)).toBeGreaterThan(100_000 * 60)
    expect(sizeOf(rows)).toBeLessThan(100_000 * 120)
    expect(sizeOf(new Map([["a", "x".repeat(500)]]))).toBeGreaterThan(500)
    const circle: { self?: unknown } = {}
    circle.self = circle
    expect(sizeOf(circle)).toBeLessThan(100)
    const hostile = {
      get value(): never {
        throw new Error("called")
      }
    }
    expect(sizeOf(hostile)).toBeLessThan(100)
    const deep: { inner?: unknown } = {}
    let inner = deep
    for (let i = 0; i < 100_000; i++) inner = inner.inner = {}
    expect(sizeOf(deep)).toBeGreaterThan(0)
  })

  const heavy = "x".repeat(1_000_000)

  it.each<[string, unknown, number]>([
    ["between numbers", [1, heavy, 2], 1],
    ["in the middle of a row", [1, 2, 3, "text", heavy, 4.5, 5, 6], 1],
    ["in the middle of many numbers", Array.from({ length: 999 }, (_, i) => i === 500 ? heavy : i), 1],
    ["beside a long list", { rows: Array.from({ length: 5000 }, (_, id) => ({ id })), page: heavy }, 1],
    ["in an object beside a long list", {
      rows: Array.from({ length: 999 }, (_, i) => ({ of: [i, "a", { i }] })),
      at: { heavy }
    }, 1],
    ["in rows", Array.from({ length: 20 }, (_, i) => [i, heavy + i, i + 1]), 20],
    ["in some of many rows", Array.from({ length: 3000 }, (_, i) => [i, i % 3 === 1 ? heavy : "", i]), 1]
  ])("finds a heavy text %s", (_, value, texts) => {
    expect(sizeOf(value)).toBeGreaterThan(0.9 * texts * heavy.length)
  })

  it.each([3, 7, 8, 100, 128])("finds the texts of a long array that has %d numbers beside each", (every) => {
    const values = Array.from({ length: every * 12_800 }, (_, i) => i % every === 1 ? "x".repeat(1000) : i)
    const size = sizeOf(values) - values.length * 8
    expect(size / (12_800 * 1016)).toBeGreaterThan(0.5)
    expect(size / (12_800 * 1016)).toBeLessThan(2)
  })

  it("knows objects whose names are data from rows, also if they are loaded again", () => {
    const of = (names: (nth: number) => string) =>
      Object.fromEntries(Array.from({ length: 30 }, (_, i) => [names(i), i]))
    const weigh = (value: unknown, id: string) => Weigher.bytes(value, { id, keyClass: undefined, entryBytes: 0 })
    const row = of((i) => `field${i}`)
    weigh(row, "row1")
    for (let i = 0; i < 10; i++) {
      expect(weigh({ ...row }, "row2")).toBeLessThan(400)
      expect(weigh(of((nth) => `user-${i % 5}-${nth}`), `byUser${i % 5}`)).toBeGreaterThan(2000)
    }
    expect(sizeOf([row, row, row])).toBeLessThan(400)
    expect(weigh([of((i) => `column${i}`), of((i) => `column${i}`)], "rows")).toBeLessThan(3000)
    expect(sizeOf(of((i) => `${1000 + i}`))).toBeGreaterThan(1000)
    expect(sizeOf(of((i) => `${i}`))).toBeLessThan(500)
    expect(sizeOf(Object.assign(Object.create(null), { a: 1, b: 2 }))).toBeGreaterThanOrEqual(184)
  })

  it("counts failures, addresses, patterns, and the whole buffer of a view", () => {
    expect(sizeOf(new Error("x".repeat(5000), { cause: new Error("first") }))).toBeGreaterThan(6400)
    expect(sizeOf(Cause.fail(new Error("no")))).toBeLessThan(1200)
    expect(sizeOf(new URL("https://example.com/path"))).toBeGreaterThan(250)
    expect(sizeOf(Object.create(URL.prototype))).toBeGreaterThan(0)
    expect(sizeOf(/abc.*def/)).toBeGreaterThan(200)
    expect(sizeOf(new Uint8Array(new ArrayBuffer(4096), 0, 100))).toBe(4296)
    expect(sizeOf(Buffer.from("a small text"))).toBeLessThan(300)
  })

  it("of a class, and with a limit", () => {
    const weigher = Weigher.byClass({ Page: () => 7 }, Weigher.atMost(byLength, 3))
    expect(weigher("", { id: "", keyClass: "Page" })).toBe(7)
    expect(weigher("123", { id: "", keyClass: "toString" })).toBe(3)
    expect(weigher("1234", { id: "", keyClass: undefined })).toBe(Infinity)
    expect(() => Weigher.atMost(byLength, NaN)).toThrow(CacheError.CacheConfigError)
    expect(() => Weigher.atMost(byLength, "1 XB" as never)).toThrow(`or a size, not "1 XB"`)
    expect(() => Weigher.byClass({ Page: 1 as never }, byLength)).toThrow(CacheError.CacheConfigError)
  })
})

describe("an entry that is replaced by a heavier one", () => {
  const keys = ["a", "b", "c", "d"]
  const cases = policies.flatMap((eviction) => keys.map((key) => [eviction.name, key, eviction] as const))

  it.effect.each(cases)("stays, and another one leaves: %s, %s", ([, key, eviction]) =>
    Effect.gen(function*() {
      for (const one of keys) yield* Cached.set(one, "x")
      for (const weight of [2, 3]) {
        expect(yield* Cached.set(key, "x".repeat(weight))).toBe(true)
        expect(yield* Cached.getOption(key)).toEqual(Option.some("x".repeat(weight)))
        expect(yield* held(keys)).toHaveLength(5 - weight)
      }
      yield* Cached.set(key, "xxxx")
      expect(yield* held(keys)).toEqual([key])
    }).pipe(Effect.provide(CacheLayer.memory({ maxWeight: 4, weigher: byLength, eviction }))))
})

describe("bounds that are none", () => {
  it.each<[string, object, string]>([
    ["a maxWeight without a weigher", { maxWeight: 5 }, "or by maxWeight with a weigher"],
    ["a weigher without a maxWeight", { weigher: byLength }, "or by maxWeight with a weigher"],
    ["both bounds", { capacity: 5, maxWeight: 5, weigher: byLength }, "or by maxWeight with a weigher"],
    ["a maxWeight of zero", { maxWeight: 0, weigher: byLength }, "for no limit, not 0"],
    ["a fraction", { maxWeight: 1.5, weigher: byLength }, "for no limit, not 1.5"],
    ["NaN", { maxWeight: NaN, weigher: byLength }, "for no limit, not NaN"],
    ["a weigher that is no function", { maxWeight: 5, weigher: 7 }, "must be a function"]
  ])("%s is a CacheConfigError", (_, options, why) => {
    expect(() => CacheLayer.memory(options as never)).toThrow(CacheError.CacheConfigError)
    expect(() => CacheLayer.memory(options as never)).toThrow(why)
  })

  it.effect.each([0, -1, 1.5, NaN, "10" as never])(
    "Cached.resize(%s) is one too",
    (capacity) =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Cached.resize(capacity))
        expect(Exit.isFailure(exit) && `${exit.cause}`).toContain("whole number")
      }).pipe(Effect.provide(CacheLayer.memory()))
  )
})

describe("another bound while memory is in use", () => {
  it.effect.each(policies.map((one) => [one.name, one] as const))(
    "under %s: what is too much leaves, and what comes has room",
    ([, eviction]) =>
      Effect.gen(function*() {
        const fill = Effect.fnUntraced(function*(name: string, count: number) {
          for (let i = 0; i < count; i++) yield* read(`${name} ${i}`)
        })
        yield* fill("a", 2000)
        expect((yield* Cached.stats).size).toBe(1000)
        yield* Cached.resize(10)
        expect(yield* Cached.stats).toMatchObject({ size: 10, evictions: 1990 })
        yield* fill("b", 100)
        expect((yield* Cached.stats).size).toBe(10)
        yield* Cached.resize(500)
        yield* fill("c", 2000)
        expect((yield* Cached.stats).size).toBe(500)
        yield* Cached.resize(Infinity)
        yield* fill("d", 2000)
        expect((yield* Cached.stats).size).toBe(2500)
        yield* Cached.resize(1)
        expect((yield* Cached.stats).size).toBe(1)
      }).pipe(Effect.provide(CacheLayer.memory({ capacity: 1000, eviction })))
  )

  it.effect("a policy is notified once, however many leave", () => {
    const bounds: Array<number> = []
    const eviction: Eviction.Eviction = {
      name: "told",
      make: (options) => {
        const policy = lru.make(options)
        return { ...policy, resized: (bound) => bounds.push(bound) }
      }
    }
    return Effect.gen(function*() {
      for (let i = 0; i < 2000; i++) yield* Cached.set(`${i}`, i)
      yield* Cached.resize(5)
      yield* Cached.resize(50)
      expect(yield* Cached.stats).toMatchObject({ size: 5, evictions: 1995 })
      expect(bounds).toEqual([5, 50])
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 2000, eviction })))
  })

  it.effect("puts meanwhile evict what they need, and the last bound counts", () =>
    Effect.gen(function*() {
      for (let i = 0; i < 20_000; i++) yield* Cached.set(`${i}`, i)
      yield* Effect.all([
        Cached.resize(5),
        Effect.gen(function*() {
          // They leave in many turns.
          expect((yield* Cached.stats).size).toBeGreaterThan(10_000)
          for (let i = 0; i < 50; i++) {
            const before = yield* Cached.stats
            yield* Cached.set(`new ${i}`, i)
            const after = yield* Cached.stats
            expect(after.evictions - before.evictions).toBeLessThan(10)
            yield* Effect.yieldNow
          }
        }),
        Effect.andThen(Effect.yieldNow, Cached.resize(7))
      ], { concurrency: "unbounded" })
      expect((yield* Cached.stats).size).toBe(7)
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 20_000 }))))

  test("is a weight where entries are weighed, and nothing without a memory tier", function*() {
    const weighed = yield* Layer.build(CacheLayer.memory({ maxWeight: 1000, weigher: byLength }))
    yield* Effect.gen(function*() {
      for (let i = 0; i < 100; i++) yield* read(`${i}`, "x".repeat(10))
      yield* Cached.resize(99)
      expect(yield* Cached.stats).toMatchObject({ size: 9, weight: 90 })
    }).pipe(Effect.provide(weighed))
    yield* Cached.resize(1).pipe(Effect.provideService(Caching.Caching, Caching.disabled))
  })
})

it.effect("listeners are called once for each entry that leaves for another bound", () =>
  Effect.gen(function*() {
    const left: Array<string> = []
    yield* Cached.onRemoval(({ cause, id }) => Effect.sync(() => left.push(`${id} ${cause}`)))
    for (const key of ["a", "b", "c"]) yield* Cached.set(key, key)
    yield* Cached.resize(1)
    yield* Effect.repeat(Effect.yieldNow, { times: 100 })
    expect(left).toEqual(["a evicted", "b evicted"])
    expect(yield* held(["a", "b", "c"])).toEqual(["c"])
  }).pipe(Effect.scoped, Effect.provide(CacheLayer.memory({ capacity: 3 }))))
