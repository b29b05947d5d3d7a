/** Counters: one by its name, and all of them. */
import { describe, expect } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Layer, Option, Stream } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { caches, fakeStore, over } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

const listed = (pattern?: string) =>
  Effect.map(Stream.runCollect(Cached.counters(pattern)), (all) => all.toSorted((a, b) => a.name < b.name ? -1 : 1))

const visits = Cached.counter("visits")

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  test("CA-10 · AI-06 · a counter by its name: its value, an increment, its lifetime, and its removal", function*() {
    expect(visits.name).toBe("visits")
    expect([yield* visits.get, yield* visits.expiresIn, yield* visits.remove]).toEqual([0, Option.none(), false])
    expect(yield* visits.touch("1 hour")).toBe(false)
    expect([yield* visits.increment(), yield* visits.increment({ by: 5 })]).toEqual([1, 6])
    expect([yield* visits.get, yield* visits.expiresIn]).toEqual([6, Option.some(Duration.infinity)])
    expect(yield* visits.touch("1 hour")).toBe(true)
    yield* TestClock.adjust("20 minutes")
    expect(yield* visits.expiresIn).toEqual(Option.some(Duration.minutes(40)))
    // An increment does not renew it.
    expect(yield* visits.increment({ by: -10, ttl: "1 day" })).toBe(-4)
    expect(yield* visits.expiresIn).toEqual(Option.some(Duration.minutes(40)))
    expect([yield* visits.remove, yield* visits.remove, yield* visits.get]).toEqual([true, false, 0])
  })

  test("touch: a shorter life, for ever, and none", function*() {
    yield* visits.increment({ ttl: "1 hour" })
    expect(yield* visits.touch("1 minute")).toBe(true)
    yield* TestClock.adjust("1 minute")
    expect([yield* visits.get, yield* visits.touch("1 hour")]).toEqual([0, false])
    yield* visits.increment({ ttl: "1 hour" })
    expect(yield* visits.touch("Infinity")).toBe(true)
    yield* TestClock.adjust("1000 days")
    expect(yield* visits.get).toBe(1)
    expect([yield* visits.touch(0), yield* visits.touch(-1), yield* visits.get]).toEqual([true, false, 0])
  })

  describe("increment", () => {
    test("AI-06 · starts at 0, and takes any whole step", function*() {
      expect(yield* Cached.counter("n").increment()).toBe(1)
      expect(yield* Cached.counter("n").increment({ by: 5 })).toBe(6)
      expect(yield* Cached.counter("n").increment({ by: -10 })).toBe(-4)
      expect(yield* Cached.counter("n").increment({ by: 0 })).toBe(-4)
      expect(yield* Cached.counter("none").increment({ by: 0 })).toBe(0)
      expect(yield* Cached.counter("other").increment({ by: -2 })).toBe(-2)
    })

    test("CA-13 · it lives from where it is created, whatever the step, and is not prolonged", function*() {
      expect(yield* Cached.counter("n").increment({ by: 5, ttl: "1 minute" })).toBe(5)
      yield* TestClock.adjust("30 seconds")
      expect(yield* Cached.counter("n").increment({ ttl: "1 hour" })).toBe(6)
      yield* TestClock.adjust("30 seconds")
      expect(yield* Cached.counter("n").increment({ ttl: "1 minute" })).toBe(1)
      expect(yield* Cached.counter("ever").increment()).toBe(1)
      yield* TestClock.adjust("1000 hours")
      expect(yield* Cached.counter("ever").increment({ ttl: 1 })).toBe(2)
    })

    test("a thousand at once are all counted", function*() {
      const sums = yield* Effect.all(Array.from({ length: 1000 }, () => Cached.counter("n").increment()), {
        concurrency: "unbounded"
      })
      expect(new Set(sums).size).toBe(1000)
      expect(yield* Cached.counter("n").increment()).toBe(1001)
    })

    test("numbers are no entries: keys of the same text are apart", function*() {
      yield* Cached.counter("k").increment()
      expect(yield* Cached.has("k")).toBe(false)
      yield* Cached.set("k", "text")
      expect(yield* Cached.counter("k").increment()).toBe(2)
      expect(yield* Stream.runCollect(Looking.ids())).toEqual(["k"])
    })

    test("clear empties counters", function*() {
      yield* Cached.counter("n").increment()
      yield* Cached.clear
      expect(yield* Cached.counter("n").increment()).toBe(1)
    })

    test("a sum past the safe integers fails and changes nothing, and is no incident of the store", function*() {
      yield* Cached.counter("n").increment({ by: Number.MAX_SAFE_INTEGER })
      expect(yield* Effect.flip(Cached.counter("n").increment())).toMatchObject({
        _tag: "StoreError",
        reason: "OutOfRange"
      })
      expect(yield* Cached.counter("n").increment({ by: 0 })).toBe(Number.MAX_SAFE_INTEGER)
      expect((yield* Cached.stats).storeFailures).toBe(0)
    })

    test.each([{ by: NaN }, { by: 0.5 }, { by: Infinity }, { by: "1" }, { bye: 1 }, { ttl: "soon" }])(
      "%j is a CacheConfigError",
      function*(options) {
        const exit = yield* Effect.exit(Effect.suspend(() => Cached.counter("n").increment(options as never)))
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
        expect(yield* Cached.counter("n").increment()).toBe(1)
      }
    )
  })

  test("lists the counters that match, and leaves out what has expired", function*() {
    expect(yield* listed()).toEqual([])
    yield* Cached.counter("page:1").increment({ by: 2 })
    yield* Cached.counter("page:2").increment({ ttl: "1 hour" })
    yield* Cached.counter("short").increment({ ttl: "1 minute" })
    yield* Cached.set("page:3", "an entry is no counter")
    yield* TestClock.adjust("1 minute")
    expect(yield* listed()).toEqual([
      { name: "page:1", value: 2, expiresAt: Infinity },
      { name: "page:2", value: 1, expiresAt: 3_600_000 }
    ])
    expect((yield* listed("*:2")).map(({ name }) => name)).toEqual(["page:2"])
    yield* Cached.clear
    expect(yield* listed()).toEqual([])
  })

  test("under a name of any text", function*() {
    const names = ["", "~t", "ä", "\ud800", "x".repeat(1000)]
    yield* Effect.forEach(names, (name) => Cached.counter(name).increment())
    expect((yield* listed()).map(({ name }) => name).toSorted()).toEqual(names.toSorted())
  })
})

inMemory("invalid names, steps and lifetimes are refused, and so is an invalid pattern", function*() {
  const refused = expect.objectContaining({ _tag: "CacheConfigError" })
  expect(() => Cached.counter(1 as never)).toThrow(refused)
  expect(() => Cached.counters("[")).toThrow(refused)
  const defects = [{ by: 0.5 }, { to: 1 } as never].map((options) => Effect.as(visits.increment(options), true))
  for (const effect of [...defects, visits.touch("soon" as never)]) {
    expect(yield* Effect.exit(effect)).toMatchObject({ cause: { reasons: [{ defect: refused }] } })
  }
})

test("counters of a folder are shared by all caches on it, whatever store they have", function*() {
  for (const layer of [CacheLayer.disk, CacheLayer.files] as const) {
    const directory = yield* tempDirectory
    const other = Effect.provide(visits.increment(), Layer.fresh(layer({ directory })), { local: true })
    yield* Effect.gen(function*() {
      yield* visits.increment()
      yield* other
      expect(yield* visits.get).toBe(2)
      expect(yield* listed("v*")).toEqual([{ name: "visits", value: 2, expiresAt: Infinity }])
      expect(yield* visits.remove).toBe(true)
    }).pipe(Effect.provide(layer({ directory })))
  }
})

test("a tap sees each page of a listing", function*() {
  const seen: Array<string> = []
  const tapped = Store.tap({
    around: ({ operation }, effect) => {
      seen.push(operation)
      return effect
    }
  })
  yield* Effect.gen(function*() {
    yield* visits.increment()
    expect(yield* listed()).toHaveLength(1)
  }).pipe(Effect.provide(over({ layer: tapped(MemoryStore.layer) })))
  expect(new Set(seen)).toEqual(new Set(["increment", "scanCounters"]))
})

test("a store that fails, fails the caller; one that cannot list its counters says so", function*() {
  const broken = Effect.fail(new CacheError.StoreError({ store: "fake", operation: "any", reason: "Denied" }))
  const fake = fakeStore()
  const { scanCounters: _, ...store } = fake.store
  const operations = { counter: () => broken, touchCounter: () => broken, removeCounter: () => broken }
  const layer = over({ layer: Layer.succeed(Store.Store, Store.complete({ ...store, ...operations })) })
  const asked: ReadonlyArray<Effect.Effect<unknown, CacheError.StoreError, Caching.Caching>> = [
    visits.get,
    visits.expiresIn,
    visits.touch("1 hour"),
    visits.touch(0),
    visits.remove
  ]
  for (const operation of asked) {
    expect(yield* Effect.flip(Effect.provide(Effect.asVoid(operation), layer))).toMatchObject({ reason: "Denied" })
  }
  expect(yield* Effect.flip(Effect.provide(listed(), layer))).toMatchObject({ reason: "Unsupported" })
})

test("a store that lists nonsense is corrupt", function*() {
  const fake = fakeStore()
  const lying = { ...fake.store, scanCounters: () => Stream.make({ name: "n", value: 0.5, expiresAt: 1 }) }
  const layer = over({ layer: Layer.succeed(Store.Store, lying) })
  expect(yield* Effect.flip(Effect.provide(listed(), layer))).toMatchObject({ reason: "Corrupt" })
})

inMemory("policies do not concern counters; without a cache there are none", function*() {
  yield* visits.increment()
  expect(yield* visits.remove.pipe(CachePolicy.disable("remove", "set", "get"))).toBe(true)
  const without = Effect.provide(CacheLayer.disabled)
  expect([
    yield* without(visits.get),
    yield* without(visits.increment({ by: 3 })),
    yield* without(visits.touch("1 hour"))
  ])
    .toEqual([0, 3, false])
  expect([yield* without(visits.remove), yield* without(listed())]).toEqual([false, []])
})

const engine = (directory: string) => Layer.build(Layer.fresh(CacheLayer.disk({ directory })))

test("engines on one folder share counters, which outlive a restart", function*() {
  const directory = yield* tempDirectory
  yield* Effect.scoped(Effect.gen(function*() {
    const engines = [yield* engine(directory), yield* engine(directory)]
    const sums = yield* Effect.forEach(
      Array.from({ length: 100 }, (_, i) => i),
      (i) => Cached.counter("n").increment({ by: i % 3 - 1 + 2 }).pipe(Effect.provide(engines[i % 2]!)),
      { concurrency: "unbounded" }
    )
    expect(new Set(sums).size).toBe(100)
  }))
  const after = yield* Cached.counter("n").increment({ by: 0 }).pipe(Effect.provide(CacheLayer.disk({ directory })))
  expect(after).toBe(Array.from({ length: 100 }, (_, i) => i % 3 + 1).reduce((a, b) => a + b))
})
