/** The strategies that count reads: `maxHits` and `dynamic`. */
import { describe, expect } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import type { MaxHitsOptions } from "../../src/ports/strategy.ts"
import { caches, counting, fakeStore, over, settle, start, started, taking } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { made } from "../support/strategies.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"

const hits = (load: Effect.Effect<number>, hits: number, refreshAfter?: number) =>
  load.pipe(Cached.maxHits("k", { hits, ttl: "1 hour", ...refreshAfter === undefined ? {} : { refreshAfter } }))

const times = <A, E, R>(n: number, get: Effect.Effect<A, E, R>, between: Effect.Effect<unknown> = settle) =>
  Effect.forEach(Array.from({ length: n }), () => Effect.tap(get, between))

class Item extends CacheKey.Class<Item>()("Item", { payload: { n: Schema.Int }, success: Schema.Int }) {}

test.overFake("CA-37 · a value set by hand is used up, although the store has not acknowledged it", function*(fake) {
  const failure = new CacheError.StoreError({ store: "fake", operation: "set", reason: "Unavailable" })
  fake.behave = (operation) => operation === "set" || operation === "remove" ? { before: Effect.fail(failure) } : {}
  const get = hits(Effect.as(Effect.sleep("100 millis"), 2), 3, 2)
  yield* Cached.set("k", 1)
  // The second read begins a refresh, which the fourth waits for.
  expect(yield* times(3, get)).toEqual([1, 1, 1])
  const late = yield* started(get)
  expect(late.pollUnsafe()).toBeUndefined()
  yield* TestClock.adjust("100 millis")
  expect(yield* Fiber.join(late)).toBe(2)
})

describe.each(caches.filter(({ memory }) => memory))("maxHits, over $name", (cache) => {
  const test = testIn(cache.layer())

  test("CA-37 · from refreshAfter on each read refreshes behind it, and a new value counts from 0", function*() {
    const { load } = counting()
    expect(yield* times(9, hits(load, 3, 2))).toEqual([1, 1, 1, 2, 2, 3, 3, 4, 4])
  })

  test("CA-37 · ttl may be a function", function*() {
    const { load } = counting()
    const get = load.pipe(
      Cached.maxHits("k", { hits: 1, ttl: (exit: Exit.Exit<number>) => Exit.isSuccess(exit) ? 1000 : 0 })
    )
    expect(yield* times(4, get)).toEqual([1, 1, 2, 2])
    yield* get
    yield* TestClock.adjust(1000)
    expect(yield* get).toBe(4)
  })

  test("CA-37 · a result that `when` refuses leaves it used up: each later call loads", function*() {
    const { load } = counting()
    const get = load.pipe(Cached.maxHits("k", {
      hits: 2,
      ttl: "1 hour",
      when: (exit: Exit.Exit<number>) => Exit.isSuccess(exit) && exit.value === 1
    }))
    expect(yield* times(8, get)).toEqual([1, 1, 1, 2, 3, 4, 5, 6])
  })

  test("CA-37 · a load that fails is the caller's, and leaves it used up", function*() {
    let n = 0
    const get = Effect.suspend(() => ++n === 2 ? Effect.fail("down") : Effect.succeed(n)).pipe(
      Cached.maxHits("k", { hits: 1, ttl: "1 hour" })
    )
    yield* get
    yield* get
    expect(yield* Effect.flip(get)).toBe("down")
    expect([yield* get, yield* get, yield* get]).toEqual([3, 3, 4])
  })

  test("CA-37 · reads at the same time count each, and share the load they need", function*() {
    const { counts, load } = counting(1000)
    const get = hits(load, 3)
    yield* taking(1000, get)
    const readers = yield* Effect.forEach(Array.from({ length: 8 }), () => start(get))
    yield* settle
    yield* TestClock.adjust(1000)
    const values = yield* Effect.forEach(readers, Fiber.join)
    expect(values).toEqual([1, 1, 1, 2, 2, 2, 2, 2])
    expect(counts.started).toBe(2)
  })

  test("CA-37 · with a refresh under way, what is used up is not served again", function*() {
    const { counts, load } = counting(1000)
    const get = hits(load, 2, 1)
    yield* start(get)
    yield* TestClock.adjust(1000)
    expect([yield* get, yield* get]).toEqual([1, 1])
    const third = yield* started(get)
    expect(third.pollUnsafe()).toBeUndefined()
    yield* TestClock.adjust(1000)
    expect(yield* Fiber.join(third)).toBe(2)
    expect(counts.started).toBe(2)
  })

  test("CA-38 · dynamic serves at once, and each read refreshes behind it", function*() {
    const { load } = counting()
    const get = load.pipe(
      Cached.withStrategy("k", { strategy: { strategy: "maxHits", hits: 3, refreshAfter: 1, ttl: "24 hours" } })
    )
    expect(yield* times(8, get)).toEqual([1, 1, 2, 3, 4, 5, 6, 7])
    yield* TestClock.adjust("24 hours")
    expect(yield* get).toBe(9)
  })

  test("CA-38 · dynamic with a source that hangs serves three times, then waits", function*() {
    let n = 0
    const get = Effect.suspend(() => ++n === 1 ? Effect.succeed(n) : Effect.never).pipe(
      Cached.withStrategy("k", { strategy: { strategy: "maxHits", hits: 3, refreshAfter: 1, ttl: "24 hours" } })
    )
    expect(yield* times(4, get)).toEqual([1, 1, 1, 1])
    const fifth = yield* started(get)
    expect(fifth.pollUnsafe()).toBeUndefined()
    yield* Fiber.interrupt(fifth)
  })

  test("counts the reads of functions and of many together", function*() {
    let loads = 0
    const strategy = { strategy: "maxHits", hits: 3, ttl: "1 hour" } as const
    const item = Cached.fn(Item, () => Effect.sync(() => ++loads), strategy)
    const items = Cached.many(Item, (keys) => Effect.sync(() => keys.map(() => Exit.succeed(++loads))), strategy)
    yield* item({ n: 1 })
    yield* items([{ n: 1 }])
    yield* item({ n: 1 })
    expect(yield* items([{ n: 1 }])).toEqual([Exit.succeed(1)])
    expect(yield* items([{ n: 1 }])).toEqual([Exit.succeed(2)])
  })

  test("looking without loading counts nothing", function*() {
    const { load } = counting()
    const get = hits(load, 1)
    yield* get
    yield* Effect.all([Cached.getOption("k"), Cached.has("k"), Looking.expiresIn("k")])
    expect([yield* get, yield* get]).toEqual([1, 2])
  })

  test("an explicit set counts from 0", function*() {
    const { load } = counting()
    const get = hits(load, 1)
    yield* times(2, get)
    yield* Cached.set("k", 100)
    expect([yield* get, yield* get]).toEqual([100, 2])
  })
})

describe("maxHits, where reads are not counted", () => {
  test.each([true, false])("without memory it is a CacheConfigError, before the first load", function*(synchronous) {
    const { counts, load } = counting()
    const layer = synchronous ? MemoryStore.layer : fakeStore().layer
    const item = Cached.fn(Item, () => load, { strategy: "maxHits", hits: 3, refreshAfter: 1, ttl: "24 hours" })
    for (const get of [hits(load, 3), item({ n: 1 })]) {
      const exit = yield* Effect.exit(Effect.provide(get, over({ layer }, { memory: false })))
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      expect(error).toBeInstanceOf(CacheError.CacheConfigError)
      expect((error as Error).message).toContain(
        "The strategy \"maxHits\" counts the reads of memory, and this cache has no memory tier"
      )
    }
    expect(counts.started).toBe(0)
  })

  test("memoryTtl zero over a store is a CacheConfigError, and means nothing without one", function*() {
    const { counts, load } = counting()
    const get = load.pipe(Cached.maxHits("k", { hits: 1, ttl: "1 hour", memoryTtl: 0 }))
    const exit = yield* Effect.exit(Effect.provide(get, over({ layer: MemoryStore.layer })))
    expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause))).toContain(
      "memoryTtl keeps its entries out of memory"
    )
    expect(counts.started).toBe(0)
    yield* Effect.gen(function*() {
      expect(yield* times(3, get)).toEqual([1, 1, 2])
    }).pipe(Effect.provide(CacheLayer.memory()))
  })
})

describe("maxHits, with a store beneath", () => {
  const stores = [{ name: "synchronous", layer: MemoryStore.layer }, {
    name: "asynchronous",
    layer: Layer.suspend(() => fakeStore().layer)
  }]

  describe.each(stores)("$name", ({ layer }) => {
    testIn(over({ layer }, { capacity: 1 }))("an entry that memory has evicted counts from 0", function*() {
      const { load } = counting()
      const get = hits(load, 2)
      const other = Effect.succeed(0).pipe(Cached.ttl("other", { ttl: "1 hour" }))
      expect(yield* times(3, get)).toEqual([1, 1, 1])
      yield* other
      expect(yield* times(3, get)).toEqual([1, 1, 2])
    })

    const test = testIn(over({ layer }))

    test("an entry that is used up is not served again from the store, also after memoryTtl", function*() {
      const { load } = counting()
      const get = load.pipe(Cached.maxHits("k", { hits: 3, ttl: "1 hour", memoryTtl: "1 second" }))
      const spaced = times(10, get, TestClock.adjust("700 millis"))
      expect(yield* spaced).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 3, 3])
    })

    test("an entry that is used up is not served again when the store is asked beside a refresh", function*() {
      const { load } = counting(1000)
      const get = hits(load, 1)
      yield* start(get)
      yield* TestClock.adjust(1000)
      yield* get
      yield* started(CachePolicy.refresh(get))
      const reader = yield* started(get)
      expect(reader.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust(1000)
      expect(yield* Fiber.join(reader)).toBe(2)
    })
  })

  test("an entry that another process has loaded meanwhile is taken from it, and counts from 0", function*() {
    const directory = yield* tempDirectory
    const cached = Effect.gen(function*() {
      const store = yield* storeFrom(SqliteStore.layer({ directory }))
      return Effect.provide(yield* Layer.build(over({ layer: Layer.succeed(Store.Store, store) })))
    })
    const a = yield* cached
    const b = yield* cached
    const { counts, load } = counting()
    const get = hits(load, 1)
    expect([yield* a(get), yield* a(get)]).toEqual([1, 1])
    // B does not know of those reads: for it there is one more.
    expect([yield* b(get), yield* b(get)]).toEqual([1, 2])
    yield* TestClock.adjust(50)
    expect([yield* a(get), yield* a(get)]).toEqual([2, 3])
    expect(counts.started).toBe(3)
  })
})

describe("invalid options of maxHits", () => {
  const wrong: ReadonlyArray<readonly [string, MaxHitsOptions<unknown, unknown, unknown>]> = [
    ["no hits", { ttl: 1 } as never],
    ["hits zero", { ttl: 1, hits: 0 }],
    ["hits a half", { ttl: 1, hits: 1.5 }],
    ["hits NaN", { ttl: 1, hits: NaN }],
    ["hits without end", { ttl: 1, hits: Infinity }],
    ["refreshAfter zero", { ttl: 1, hits: 3, refreshAfter: 0 }],
    ["refreshAfter behind hits", { ttl: 1, hits: 3, refreshAfter: 4 }],
    ["refreshAfter a time", { ttl: 1, hits: 3, refreshAfter: "1 minute" as never }],
    ["no ttl", { hits: 3 } as never]
  ]

  testIn(CacheLayer.memory()).each(wrong)("%s is a CacheConfigError, before the first load", function*([, options]) {
    expect(() => made({ strategy: "maxHits", ...options })).toThrow(CacheError.CacheConfigError)
    const { counts, load } = counting()
    const exit = yield* Effect.exit(
      load.pipe(Cached.maxHits("k", options as { key: string; ttl: number; hits: number }))
    )
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
    expect(counts.started).toBe(0)
  })
})
