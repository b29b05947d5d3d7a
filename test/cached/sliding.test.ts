/** The strategy `sliding`: every read prolongs, up to the ttl, in memory and in stores. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Layer, Option, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, type Strategy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import type { SlidingOptions } from "../../src/ports/strategy.ts"
import { caches, counting, fakeStore, over, settle, start } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { made } from "../support/strategies.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn, testWith } from "../support/tests.ts"

const idle = 10_000

const sliding = (load: Effect.Effect<number>, options: { readonly ttl?: Duration.Input } = {}) =>
  load.pipe(Cached.sliding("k", { idle, ...options }))

/**
 * Caches whose reads are exact: without memory a read sees the end that the store has, which may be late by a tenth of
 * `idle`.
 */
const exact = caches.filter(({ memory }) => memory)

const left = Effect.map(Looking.expiresIn("k"), Option.map(Duration.toMillis))

describe.each(caches)("sliding, over $name", (cache) => {
  const test = testIn(cache.layer())

  test("an entry that is read all the time lives on", function*() {
    const { load } = counting()
    const get = sliding(load)
    yield* get
    for (let i = 0; i < 40; i++) {
      yield* TestClock.adjust(idle / 2)
      expect(yield* get).toBe(1)
    }
    yield* TestClock.adjust(idle)
    expect(yield* get).toBe(2)
  })

  test("ttl ends it in any case", function*() {
    const { load } = counting()
    const get = sliding(load, { ttl: 3 * idle })
    for (let i = 0; i < 6; i++) {
      expect(yield* get).toBe(1)
      yield* TestClock.adjust(idle / 2)
    }
    expect(yield* get).toBe(2)
  })

  test("ttl may be a function of the outcome, and be less than idle", function*() {
    const { load } = counting()
    const get = load.pipe(Cached.sliding("k", {
      idle,
      ttl: (exit: Exit.Exit<number>) => Exit.isSuccess(exit) && exit.value === 1 ? idle / 2 : 2 * idle
    }))
    yield* get
    yield* TestClock.adjust(idle / 4)
    expect(yield* get).toBe(1)
    yield* TestClock.adjust(idle / 4)
    expect(yield* get).toBe(2)
    yield* TestClock.adjust(idle / 2)
    yield* get
    yield* TestClock.adjust(0.9 * idle)
    expect(yield* get).toBe(2)
    yield* TestClock.adjust(0.6 * idle)
    expect(yield* get).toBe(3)
  })

  test("a caller that joins a load reads at its end", function*() {
    const { load } = counting(1000)
    const get = sliding(load)
    yield* start(get)
    yield* TestClock.adjust(500)
    yield* start(get)
    yield* TestClock.adjust(500)
    yield* TestClock.adjust(idle - 1)
    expect(yield* get).toBe(1)
  })

  test("is not brought back by a read that an invalidation has overtaken", function*() {
    const { load } = counting()
    const get = sliding(load)
    yield* get
    yield* TestClock.adjust(idle / 2)
    yield* get
    yield* Cached.invalidate("k")
    yield* settle
    expect(yield* Cached.has("k")).toBe(false)
    expect(yield* get).toBe(2)
  })

  test("reads never shorten a life that was given otherwise", function*() {
    const { counts, load } = counting()
    const get = sliding(load)
    yield* Cached.set("k", 7, { ttl: 10 * idle })
    yield* get
    yield* TestClock.adjust(9 * idle)
    expect(yield* get).toBe(7)
    yield* TestClock.adjust(idle)
    expect(yield* get).toBe(1)
    yield* Cached.touch("k", 5 * idle)
    yield* get
    yield* TestClock.adjust(4 * idle)
    yield* get
    expect(counts.started).toBe(1)
  })

  test("works for functions and for many, too", function*() {
    class Item extends CacheKey.Class<Item>()("Item", { payload: { n: Schema.Int }, success: Schema.Int }) {}
    let loads = 0
    const items = Cached.many(Item, (keys) =>
      Effect.sync(() => {
        loads++
        return keys.map(({ n }) => Exit.succeed(n))
      }), { strategy: "sliding", idle })
    const item = Cached.fn(Item, ({ n }) => Effect.sync(() => ++loads && n), { strategy: "sliding", idle })
    yield* items([{ n: 1 }, { n: 2 }])
    for (let i = 0; i < 3; i++) {
      yield* TestClock.adjust(0.6 * idle)
      yield* items([{ n: 1 }])
      yield* TestClock.adjust(0.3 * idle)
      yield* item({ n: 1 })
    }
    expect(loads).toBe(1)
    yield* items([{ n: 1 }, { n: 2 }])
    expect(loads).toBe(2)
  })
})

describe.each(exact)("sliding, over $name", (cache) => {
  const test = testIn(cache.layer())

  test.each([0.05, 0.5, 0.999])("a read moves the end exactly, after %s idle", function*(share) {
    const { load } = counting()
    const get = sliding(load)
    yield* get
    for (let i = 0; i < 5; i++) {
      yield* TestClock.adjust(share * idle)
      expect(yield* get).toBe(1)
      expect(yield* left).toEqual(Option.some(idle))
    }
    yield* TestClock.adjust(idle - 1)
    expect(yield* Cached.has("k")).toBe(true)
    yield* TestClock.adjust(1)
    expect(yield* Cached.has("k")).toBe(false)
  })

  test("expiresIn tells the end that reads have moved, and looking moves nothing", function*() {
    const get = sliding(counting().load, { ttl: 1.5 * idle })
    yield* get
    yield* TestClock.adjust(idle / 4)
    expect(yield* left).toEqual(Option.some(0.75 * idle))
    yield* Cached.getOption("k")
    expect(yield* left).toEqual(Option.some(0.75 * idle))
    yield* get
    expect(yield* left).toEqual(Option.some(idle))
    yield* TestClock.adjust(0.75 * idle)
    yield* get
    expect(yield* left).toEqual(Option.some(0.5 * idle))
  })

  test("a read under readOnly moves nothing", function*() {
    const get = sliding(counting().load)
    yield* get
    yield* TestClock.adjust(idle / 2)
    expect(yield* CachePolicy.disable("set")(get)).toBe(1)
    expect(yield* left).toEqual(Option.some(idle / 2))
  })

  test("a soft invalidation ends it for all readers, and no read prolongs it", function*() {
    const { load } = counting()
    const get = load.pipe(Cached.sliding("k", { idle, tags: ["t"] }))
    yield* get
    yield* Cached.invalidate({ tag: "t" }, { mode: "soft" })
    expect(yield* get).toBe(2)
  })
})

describe("the store's view of reads", () => {
  const touching = () => {
    const inner = MemoryStore.make()
    const touches: Array<number | undefined> = []
    const fake = { behave: (): Effect.Effect<unknown, CacheError.StoreError> => Effect.void }
    const store: Store.Store = {
      ...inner,
      touch: (id, options) =>
        Effect.suspend(() => {
          touches.push(options.expiresAt)
          return Effect.andThen(fake.behave(), inner.touch(id, options))
        })
    }
    return { touches, fake, store, layer: Layer.succeed(Store.Store, store) }
  }

  const testTouching = testWith(touching, ({ layer }) => over({ layer }))

  test("is a touch for a tenth of idle at most, and what it knows is a tenth late at most", function*() {
    const { layer, store, touches } = touching()
    const get = sliding(counting().load)
    yield* Effect.gen(function*() {
      yield* get
      for (let i = 1; i <= 1000; i++) {
        yield* TestClock.adjust(idle / 100)
        yield* get
        const { entry } = yield* store.get("k", [])
        expect(entry!.meta.expiresAt).toBeGreaterThan(idle + (i - 10) * idle / 100)
      }
    }).pipe(Effect.provide(over({ layer })))
    expect(touches).toHaveLength(100)
  })

  testTouching("is no touch where reads can no longer move the end", function*({ touches }) {
    const get = sliding(counting().load, { ttl: idle })
    for (let i = 0; i < 50; i++) {
      yield* get
      yield* TestClock.adjust(idle / 100)
    }
    expect(touches).toEqual([])
  })

  testTouching("is nothing of what was invalidated softly, though it is served still", function*({ store, touches }) {
    let up = true
    const eager: Strategy.Strategy = {
      name: "eager",
      decide: (entry, now) =>
        entry === undefined || now >= entry.expiresAt
          ? "Load"
          : now >= entry.softExpiresAt
          ? "ServeAndRefresh"
          : "Serve",
      lifetime: (exit) => Exit.isSuccess(exit) ? { softTtl: idle, ttl: idle } : "skip",
      touch: (_, now) => now + idle
    }
    const get = Effect.suspend(() => up ? Effect.succeed(1) : Effect.fail("down")).pipe(
      Cached.withStrategy("k", { strategy: eager, tags: ["t"] })
    )
    yield* get
    yield* Cached.invalidate({ tag: "t" }, { mode: "soft" })
    up = false
    yield* TestClock.adjust(idle / 2)
    expect(yield* get).toBe(1)
    expect((yield* store.get("k", [])).entry?.meta.expiresAt).toBe(idle)
    expect(touches).toEqual([])
  })

  testTouching("may fail, hang or die: reads continue, and the next touch repairs it", function*({ fake, store }) {
    const get = sliding(counting().load)
    yield* get
    const ways = [
      Effect.fail(new CacheError.StoreError({ store: "s", operation: "touch", reason: "Unavailable" })),
      Effect.die("broken"),
      Effect.never
    ]
    for (const way of ways) {
      fake.behave = () => way
      yield* TestClock.adjust(0.25 * idle)
      expect(yield* get).toBe(1)
    }
    fake.behave = () => Effect.void
    yield* TestClock.adjust(0.15 * idle)
    expect(yield* get).toBe(1)
    expect((yield* Cached.stats).storeFailures).toBeGreaterThanOrEqual(3)
    expect((yield* store.get("k", [])).entry?.meta.expiresAt).toBe(1.9 * idle)
  })

  test("a touch that arrives after an invalidation, or after another write, changes nothing", function*() {
    for (const after of [Cached.invalidate("k"), Cached.set("k", 9, { ttl: 3 * idle })]) {
      const { fake, layer, store } = touching()
      const get = sliding(counting().load)
      yield* Effect.gen(function*() {
        yield* get
        fake.behave = () => Effect.sleep(100)
        yield* TestClock.adjust(idle / 2)
        yield* get
        yield* after
        const before = (yield* store.get("k", [])).entry?.meta
        yield* TestClock.adjust(100)
        expect((yield* store.get("k", [])).entry?.meta).toEqual(before)
      }).pipe(Effect.provide(over({ layer })))
    }
  })
})

describe("sliding, over one store in several caches", () => {
  const cached = (store: Store.Store) => Layer.build(over({ layer: Layer.succeed(Store.Store, store) }))

  const stores = [
    {
      name: "an asynchronous store",
      make: Effect.sync(() => fakeStore().store).pipe(Effect.map((s) => [s, s] as const))
    },
    {
      name: "a synchronous store",
      make: Effect.sync(() => MemoryStore.make()).pipe(Effect.map((s) => [s, s] as const))
    },
    {
      name: "a SQLite store",
      make: Effect.gen(function*() {
        const directory = yield* tempDirectory
        return [
          yield* storeFrom(SqliteStore.layer({ directory })),
          yield* storeFrom(SqliteStore.layer({ directory }))
        ] as const
      })
    }
  ]

  describe.each(stores)("$name", ({ make }) => {
    test("a reader that finds its copy expired asks the store, and gets the end that others have moved", function*() {
      const [one, other] = yield* make
      const a = Effect.provide(yield* cached(one))
      const b = Effect.provide(yield* cached(other))
      const { load } = counting()
      const get = sliding(load)
      yield* a(get)
      expect(yield* b(get)).toBe(1)
      for (let i = 0; i < 6; i++) {
        yield* TestClock.adjust(idle / 2)
        expect(yield* a(get)).toBe(1)
      }
      expect(yield* b(get)).toBe(1)
      expect(Option.getOrThrow(yield* b(left))).toBe(idle)
      yield* TestClock.adjust(idle)
      expect(yield* b(get)).toBe(2)
    })

    test("an entry that was read before a restart lives on after it", function*() {
      const [one, other] = yield* make
      const { load } = counting()
      const get = sliding(load)
      yield* Effect.scoped(Effect.gen(function*() {
        const a = Effect.provide(yield* cached(one))
        yield* a(get)
        yield* TestClock.adjust(0.75 * idle)
        yield* a(get)
        yield* settle
      }))
      yield* TestClock.adjust(0.75 * idle)
      const b = Effect.provide(yield* cached(other))
      expect(yield* b(get)).toBe(1)
    })
  })
})

describe("invalid options of sliding", () => {
  const wrong: ReadonlyArray<readonly [string, SlidingOptions<unknown, unknown, unknown>, string]> = [
    ["idle zero", { idle: 0 }, "idle must be above zero, not 0 ms"],
    ["idle less than zero", { idle: -1 }, "idle must be above zero, not -1 ms"],
    ["no idle", {} as never, "idle"],
    ["idle beyond ttl", { idle: 2, ttl: 1 }, "idle (2 ms) is longer than ttl (1 ms)"],
    ["idle that is no duration", { idle: "a while" as never }, "idle"]
  ]

  it.effect.each(wrong)(
    "%s is a CacheConfigError, before the first load",
    ([, options, message]) =>
      Effect.gen(function*() {
        expect(() => made({ strategy: "sliding", ...options })).toThrow(message)
        const { counts, load } = counting()
        const exit = yield* Effect.exit(load.pipe(Cached.sliding("k", options as { key: string; idle: number })))
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        expect(error).toBeInstanceOf(CacheError.CacheConfigError)
        expect((error as Error).message).toContain(message)
        expect(counts.started).toBe(0)
      }).pipe(Effect.provide(CacheLayer.memory()))
  )
})
