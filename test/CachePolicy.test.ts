/** The rights that a policy gives a read: to read, to write, to join. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, counting, fakeStore, over, start } from "./support/caches.ts"

type Policy = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

interface Row {
  readonly name: string
  readonly under: Policy
  readonly readsMemory: boolean
  readonly readsStore: boolean
  readonly joins: "any" | "refresh" | "none"
  readonly joined: boolean
  readonly writes: boolean
}

const all = { readsMemory: true, readsStore: true, joins: "any", joined: true, writes: true } as const
const nothing = { readsMemory: false, readsStore: false, joins: "none", joined: false, writes: false } as const

const rows: ReadonlyArray<Row> = [
  { name: "(none)", under: (self) => self, ...all },
  {
    name: "refresh",
    under: CachePolicy.refresh,
    readsMemory: false,
    readsStore: false,
    joins: "refresh",
    joined: true,
    writes: true
  },
  { name: "bypass", under: CachePolicy.bypass, ...nothing },
  { name: "disable get", under: CachePolicy.disable("get"), ...nothing, joined: true, writes: true },
  { name: "disable set", under: CachePolicy.disable("set"), ...all, joined: false, writes: false },
  { name: "disable get and set", under: CachePolicy.disable("get", "set"), ...nothing },
  { name: "storeTimeout", under: CachePolicy.storeTimeout("1 second"), ...all },
  { name: "strict", under: CachePolicy.strict as Policy, ...all },
  {
    name: "readOnly in refresh",
    under: (self) => CachePolicy.refresh(CachePolicy.disable("set")(self)),
    ...nothing,
    joins: "refresh"
  }
]

const ttl = <A, E, R>(load: Effect.Effect<A, E, R>) => load.pipe(Cached.ttl("k", { ttl: "1 hour" }))

describe.each(rows)("$name", ({ joined, joins, name, readsMemory, readsStore, under, writes }) => {
  it.effect(`reads memory: ${readsMemory}`, () =>
    Effect.gen(function*() {
      yield* Cached.set("k", "cached")
      expect(yield* under(ttl(Effect.succeed("loaded")))).toBe(readsMemory ? "cached" : "loaded")
      yield* Cached.set("k", "cached")
      expect(yield* under(Cached.getOption("k"))).toEqual(readsMemory ? Option.some("cached") : Option.none())
      expect(yield* under(Cached.has("k"))).toBe(readsMemory)
    }).pipe(Effect.provide(CacheLayer.memory())))

  describe.each(caches.filter((cache) => cache.store))("over $name", (cache) => {
    it.effect(`reads store: ${readsStore}`, () =>
      Effect.gen(function*() {
        yield* Cached.set("k", "cached")
        // Out of a memory tier of one.
        yield* Cached.set("other", 1)
        expect(yield* under(Cached.getOption("k"))).toEqual(readsStore ? Option.some("cached") : Option.none())
        yield* Cached.set("other", 2)
        expect(yield* under(ttl(Effect.succeed("loaded")))).toBe(readsStore ? "cached" : "loaded")
      }).pipe(Effect.provide(cache.layer({ capacity: 1 }))))
  })

  describe.each(caches)("over $name", (cache) => {
    it.effect(`joins a load: ${joins === "any"}`, () =>
      Effect.gen(function*() {
        const { counts, load } = counting(1000)
        const first = yield* start(ttl(load))
        yield* TestClock.adjust("500 millis")
        const second = yield* start(under(ttl(load)))
        yield* TestClock.adjust("1 second")
        expect(yield* Fiber.join(first)).toBe(1)
        expect(yield* Fiber.join(second)).toBe(joins === "any" ? 1 : 2)
        expect(counts.started).toBe(joins === "any" ? 1 : 2)
      }).pipe(Effect.provide(cache.layer())))

    it.effect(`joins a refresh that loads: ${joins === "any"}`, () =>
      Effect.gen(function*() {
        const { counts, load } = counting(1000)
        const first = yield* start(CachePolicy.refresh(ttl(load)))
        yield* TestClock.adjust("500 millis")
        const second = yield* start(under(ttl(load)))
        yield* TestClock.adjust("2 seconds")
        expect(yield* Fiber.join(first)).toBe(1)
        expect(yield* Fiber.join(second)).toBe(joins === "any" ? 1 : 2)
        expect(counts.started).toBe(joins === "any" ? 1 : 2)
      }).pipe(Effect.provide(cache.layer())))

    it.effect(`others join its load: ${joined}`, () =>
      Effect.gen(function*() {
        const { load } = counting(1000)
        const first = yield* start(under(ttl(load)))
        yield* TestClock.adjust("500 millis")
        const second = yield* start(ttl(load))
        yield* TestClock.adjust("1 second")
        expect(yield* Fiber.join(first)).toBe(1)
        expect(yield* Fiber.join(second)).toBe(joined ? 1 : 2)
      }).pipe(Effect.provide(cache.layer())))

    it.effect(`writes: ${writes}`, () =>
      Effect.gen(function*() {
        expect(yield* under(ttl(Effect.succeed("loaded")))).toBe("loaded")
        expect(yield* Cached.getOption("k")).toEqual(writes ? Option.some("loaded") : Option.none())
        yield* under(Cached.set("l", 1))
        expect(yield* Cached.has("l")).toBe(writes)
        yield* Cached.set("m", "before")
        yield* under(ttl(Effect.succeed("again")))
        yield* under(Cached.set("m", "after"))
        expect(yield* Cached.getOption("m")).toEqual(Option.some(writes ? "after" : "before"))
      }).pipe(Effect.provide(cache.layer())))

    it.effect("invalidates", () =>
      Effect.gen(function*() {
        yield* Effect.forEach(["a", "b", "c"], (key) => Cached.set(key, 1, { tags: [key] }))
        yield* under(Cached.invalidate("a"))
        yield* under(Cached.invalidate({ tag: "b" }))
        expect(yield* under(Cached.remove("c"))).toBe(true)
        expect(yield* Effect.filter(["a", "b", "c"], Cached.has)).toEqual([])
        yield* Cached.set("d", 1)
        yield* under(Cached.clear)
        expect(yield* Cached.has("d")).toBe(false)
      }).pipe(Effect.provide(cache.layer())))

    it.effect("does not reach into its load", () =>
      Effect.gen(function*() {
        yield* Cached.set("inner", "cached")
        const inner = Effect.succeed("loaded").pipe(Cached.ttl("inner", { ttl: "1 hour" }))
        const bypassed = name === "bypass"
        expect(yield* under(ttl(inner))).toBe(bypassed ? "loaded" : "cached")
      }).pipe(Effect.provide(cache.layer())))
  })
})

describe("disable", () => {
  const switched: ReadonlyArray<readonly [CachePolicy.Operation, Effect.Effect<unknown, never, Caching.Caching>]> = [
    ["remove", Cached.remove("k")],
    ["invalidate", Cached.invalidate("k")],
    ["invalidate", Cached.invalidate(["k"])],
    ["invalidate", Cached.invalidate({ tag: "t" })],
    ["invalidate", Effect.void.pipe(Cached.invalidateAfter(["k", { tag: "t" }]))],
    ["clear", Cached.clear]
  ]

  it.effect.each(switched)("%s", ([name, run]) =>
    Effect.gen(function*() {
      yield* Cached.set("k", 1, { tags: ["t"] })
      yield* CachePolicy.disable(name)(run)
      expect(yield* Cached.has("k")).toBe(true)
      yield* CachePolicy.disable("get", "set")(run)
      expect(yield* Cached.has("k")).toBe(false)
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("adds to what is disabled around it", () =>
    Effect.gen(function*() {
      yield* Cached.set("k", 1)
      yield* CachePolicy.disable("invalidate")(CachePolicy.disable("clear")(Cached.invalidate("k")))
      yield* CachePolicy.disable("invalidate")(CachePolicy.disable("clear")(Cached.clear))
      expect(yield* Cached.has("k")).toBe(true)
    }).pipe(Effect.provide(CacheLayer.memory())))

  it("of something that is no operation throws at once", () => {
    expect(() => CachePolicy.disable("read" as never)).toThrow(CacheError.CacheConfigError)
  })
})

describe("refresh", () => {
  it.effect("replaces what is stored and what is served", () =>
    Effect.gen(function*() {
      const { load } = counting()
      expect([yield* ttl(load), yield* CachePolicy.refresh(ttl(load)), yield* ttl(load)]).toEqual([1, 2, 2])
    }).pipe(Effect.provide(over(fakeStore(), { capacity: 1 }))))

  it.effect("does not join what is loaded by an older read: that may have seen older data", () =>
    Effect.gen(function*() {
      const { load } = counting(1000)
      const older = yield* start(ttl(load))
      const refresh = yield* start(CachePolicy.refresh(ttl(load)))
      yield* TestClock.adjust("1 second")
      expect([yield* Fiber.join(older), yield* Fiber.join(refresh)]).toEqual([1, 2])
      expect(yield* ttl(load)).toBe(2)
    }).pipe(Effect.provide(CacheLayer.memory())))
})

describe("storeTimeout", () => {
  it("of something that is no duration throws at once", () => {
    expect(() => CachePolicy.storeTimeout("soon" as never)).toThrow(CacheError.CacheConfigError)
    expect(() => CachePolicy.storeTimeout(NaN)).toThrow(CacheError.CacheConfigError)
  })
})
