/** One cached effect inside another: a result made with a stale value is not stored. */
import { describe, expect } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy } from "effect-cached"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { caches, ended, fakeStore, over, settle, start } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

class Inner extends CacheKey.Class<Inner>()("Inner", { payload: { n: Schema.Int }, success: Schema.Int }) {}
class Outer extends CacheKey.Class<Outer>()("Outer", { payload: { n: Schema.Int }, success: Schema.Int }) {}

/** A source that can be good, down, or slow, and counts. */
const source = () => {
  const state = { mode: "good" as "good" | "down" | "slow", loads: 0 }
  const load: Effect.Effect<number, string> = Effect.suspend(() => {
    if (state.mode === "down") return Effect.fail("down")
    const n = ++state.loads
    return state.mode === "slow" ? Effect.as(Effect.sleep("1 hour"), n) : Effect.succeed(n)
  })
  return { state, load }
}

const turn = (state: Source["state"], mode: Source["state"]["mode"]) =>
  Effect.sync(() => {
    state.mode = mode
  })

const minute = TestClock.adjust("1 minute")

type Source = ReturnType<typeof source>

/** Brings an inner cached effect to where its next read is served something stale. */
interface Way {
  readonly name: string
  readonly inner: (source: Source) => Effect.Effect<number, string, any>
  readonly before: (source: Source, inner: Effect.Effect<number, string, any>) => Effect.Effect<unknown, string, any>
}

const soft = { ttl: "1 day", softTtl: "1 minute", fallbackOn: "all" } as const

const ways: ReadonlyArray<Way> = [
  {
    name: "after a failure",
    inner: ({ load }) => load.pipe(Cached.softTtl("inner", { ...soft, retryAfter: 0 })),
    before: ({ state }, inner) => inner.pipe(Effect.andThen(minute), Effect.andThen(turn(state, "down")))
  },
  {
    name: "while it is not to be tried again",
    inner: ({ load }) => load.pipe(Cached.softTtl("inner", { ...soft, retryAfter: "1 hour" })),
    before: ({ state }, inner) =>
      inner.pipe(Effect.andThen(minute), Effect.andThen(turn(state, "down")), Effect.andThen(inner))
  },
  {
    name: "after a soft timeout",
    inner: ({ load }) => load.pipe(Cached.softTtl("inner", { ...soft, softTimeout: "1 second" })),
    before: ({ state }, inner) => inner.pipe(Effect.andThen(minute), Effect.andThen(turn(state, "slow")))
  },
  {
    name: "past its refreshAfter",
    inner: ({ load }) => load.pipe(Cached.refreshAhead("inner", { ttl: "1 day", refreshAfter: "1 minute" })),
    before: (_, inner) => Effect.andThen(inner, minute)
  },
  {
    name: "as failover",
    inner: ({ load }) => load.pipe(Cached.failover("inner", { ttl: "1 day", fallbackOn: "all" })),
    before: ({ state }, inner) => Effect.andThen(inner, turn(state, "down"))
  }
]

/** Runs while the clock advances, at most two seconds. */
const read = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const reading = yield* start(effect)
    for (let i = 0; i < 20 && reading.pollUnsafe() === undefined; i++) {
      yield* settle
      yield* TestClock.adjust(100)
    }
    return yield* Effect.flatten(Effect.sync(() => ended(reading) as Exit.Exit<A, E>))
  })

const refused = Effect.map(Cached.stats, (stats) => stats.refused)

describe.each(caches)("stacked, over $name", (cache) => {
  const test = testIn(cache.layer())

  describe.each(ways)("a value that an inner cache serves stale $name", ({ before, inner }) => {
    const stale = () => {
      const origin = source()
      const effect = inner(origin)
      return { effect, prepared: before(origin, effect), origin }
    }
    const outer = (effect: Effect.Effect<number, string, any>, key = "outer") =>
      effect.pipe(Cached.ttl(key, { ttl: "1 hour" }))

    test("CA-40 · is given to the caller, and the outer one does not store it", function*() {
      const { effect, prepared } = stale()
      yield* prepared
      const before = yield* refused
      expect(yield* read(outer(effect))).toBe(1)
      expect(yield* Cached.has("outer")).toBe(false)
      expect(yield* refused).toBe(before + 1)
    })

    test("CA-39 · is no success for an outer failover", function*() {
      const { effect, prepared } = stale()
      yield* prepared
      expect(yield* read(effect.pipe(Cached.failover("outer", { ttl: "1 hour", fallbackOn: "all" })))).toBe(1)
      expect(yield* Cached.has("outer")).toBe(false)
    })

    test("CA-40 · over two levels, and for callers that join them", function*() {
      const { effect, prepared } = stale()
      yield* prepared
      const middle = outer(Effect.map(Effect.yieldNow.pipe(Effect.andThen(effect)), (n) => n * 10), "middle")
      const both = Effect.all([outer(middle, "one"), outer(middle, "two")], { concurrency: "unbounded" })
      expect(yield* read(both)).toEqual([10, 10])
      for (const key of ["one", "two", "middle"]) expect(yield* Cached.has(key)).toBe(false)
    })

    test("CA-40 · read in fibers of the load", function*() {
      const { effect, prepared } = stale()
      yield* prepared
      const load = Effect.gen(function*() {
        const child = yield* Effect.forkChild(Effect.delay(effect, 100))
        const [a] = yield* Effect.all([Fiber.join(child), Effect.succeed(2)], { concurrency: "unbounded" })
        return a
      })
      expect(yield* read(outer(load))).toBe(1)
      expect(yield* Cached.has("outer")).toBe(false)
    })

    test("CA-40 · in the load of many", function*() {
      const { effect, prepared } = stale()
      yield* prepared
      const many = Cached.many(
        Outer,
        (keys) => Effect.map(effect, (n) => keys.map((key) => Exit.succeed(key.n * n))),
        { ttl: "1 hour" }
      )
      expect(yield* read(many([{ n: 1 }, { n: 2 }, { n: 3 }]))).toEqual([1, 2, 3].map(Exit.succeed))
      for (const n of [1, 2, 3]) expect(yield* Cached.has(new Outer({ n }))).toBe(false)
    })

    test("CA-40 · across two caches", function*() {
      const { effect, prepared } = stale()
      const other = Effect.provide(yield* Layer.build(CacheLayer.memory()))
      yield* other(prepared)
      expect(yield* read(outer(other(effect)))).toBe(1)
      expect(yield* Cached.has("outer")).toBe(false)
      expect([yield* refused, yield* other(Cached.has("inner"))]).toEqual([1, true])
    })

    test("CA-40 · other loads store what they bring, before, beside and after", function*() {
      const { effect, prepared } = stale()
      yield* prepared
      const good = (key: string) => Effect.delay(Effect.succeed(5), 500).pipe(Cached.ttl(key, { ttl: "1 hour" }))
      yield* start(good("beside"))
      const pair = Effect.all([outer(effect), good("inside")], { concurrency: "unbounded" })
      yield* read(pair.pipe(Cached.ttl("around", { ttl: "1 hour" })))
      yield* read(good("after"))
      expect(yield* Cached.has("around")).toBe(false)
      for (const key of ["beside", "inside", "after"]) expect(yield* Cached.has(key)).toBe(true)
      // A stale value read outside of any load marks none.
      yield* read(effect)
      yield* read(good("outside"))
      expect(yield* Cached.has("outside")).toBe(true)
    })

    test("CA-40 · a refresh made from it leaves the older value, and the next good one is stored", function*() {
      const { effect, origin, prepared } = stale()
      const key = "outer"
      yield* read(Effect.succeed(100).pipe(Cached.ttl(key, { ttl: "1 hour" })))
      yield* prepared
      expect(yield* read(CachePolicy.refresh(outer(effect)))).toBe(1)
      expect(yield* outer(effect)).toBe(100)
      origin.state.mode = "good"
      yield* TestClock.adjust("2 hours")
      yield* read(CachePolicy.refresh(effect))
      const value = yield* read(outer(effect))
      expect(value).toBeGreaterThan(1)
      expect(yield* Cached.has(key)).toBe(true)
    })
  })

  test("CA-40 · a value that it serves fresh is stored: loaded, from memory, from the store, and joined", function*() {
    const { load } = source()
    const effects = [
      load.pipe(Cached.ttl("ttl", { ttl: "1 day" })),
      load.pipe(Cached.softTtl("soft", { ttl: "1 day", softTtl: "1 hour", fallbackOn: "all" })),
      load.pipe(Cached.refreshAhead("ahead", { ttl: "1 day", refreshAfter: "1 hour" })),
      load.pipe(Cached.sliding("sliding", { idle: "1 hour" })),
      load.pipe(Cached.failover("failover", { ttl: "1 hour", fallbackOn: "all" }))
    ]
    for (const [i, effect] of effects.entries()) {
      for (const round of ["loaded", "cached"]) {
        const key = `${i} ${round}`
        yield* effect.pipe(Cached.ttl(key, { ttl: "1 day" }))
        expect(yield* Cached.has(key)).toBe(true)
      }
      const [a, b] = [`${i} a`, `${i} b`]
      yield* Cached.invalidate(effect === effects[0] ? "ttl" : "none")
      yield* Effect.all([a, b].map((key) => effect.pipe(Cached.ttl(key, { ttl: "1 day" }))), {
        concurrency: "unbounded"
      })
      expect([yield* Cached.has(a), yield* Cached.has(b)]).toEqual([true, true])
    }
    expect(yield* refused).toBe(0)
  })

  test("CA-40 · a value stale for another cache is fresh for the one that serves it, listeners or not", function*() {
    const { load } = source()
    yield* load.pipe(Cached.softTtl("inner", { ttl: "1 day", softTtl: "1 minute", fallbackOn: "all" }))
    yield* minute
    const inner = load.pipe(Cached.ttl("inner", { ttl: "1 day" }))
    yield* inner.pipe(Cached.ttl("unseen", { ttl: "1 day" }))
    yield* Cached.detect(inner.pipe(Cached.ttl("seen", { ttl: "1 day" })))
    expect([yield* Cached.has("unseen"), yield* Cached.has("seen")]).toEqual([true, true])
  })

  test("CA-40 · many stale values read in a load", function*() {
    let up = true
    const inner = Cached.many(
      Inner,
      (keys) => up ? Effect.succeed(keys.map(({ n }) => Exit.succeed(n))) : Effect.fail("down"),
      {
        strategy: "softTtl",
        ttl: "1 day",
        softTtl: "1 minute",
        fallbackOn: "all"
      }
    )
    const read = (key: string) => inner([{ n: 1 }, { n: 2 }]).pipe(Effect.as(1), Cached.ttl(key, { ttl: "1 day" }))
    yield* read("fresh")
    expect(yield* Cached.has("fresh")).toBe(true)
    yield* minute
    up = false
    yield* read("failed")
    yield* read("held off")
    expect([yield* Cached.has("failed"), yield* Cached.has("held off")]).toEqual([false, false])
  })
})

describe("stacked, from a store", () => {
  const stores = [
    { name: "a synchronous one", make: () => MemoryStore.layer },
    { name: "an asynchronous one", make: () => fakeStore().layer }
  ]

  describe.each(stores)("$name", ({ make }) => {
    // As after a restart: memory is empty, the store has what is due.
    const restarted = Effect.gen(function*() {
      const layer = Layer.fresh(make())
      const context = yield* Layer.build(layer)
      return () => Effect.provide(over({ layer: Layer.succeedContext(context) }))
    })

    test.each(["refreshAhead", "softTtl"] as const)(
      "CA-40 · what a store has past its point, by %s, is not stored by the outer one",
      function*(kind) {
        const cached = yield* restarted
        let up = true
        const load = Effect.suspend(() => up ? Effect.succeed(1) : Effect.fail("down"))
        const inner = kind === "refreshAhead"
          ? load.pipe(Cached.refreshAhead("inner", { ttl: "1 day", refreshAfter: "1 minute" }))
          : load.pipe(Cached.softTtl("inner", { ttl: "1 day", softTtl: "1 minute", fallbackOn: "all" }))
        yield* inner.pipe(cached())
        yield* minute
        up = false
        yield* Effect.gen(function*() {
          expect(yield* inner.pipe(Cached.ttl("outer", { ttl: "1 day" }))).toBe(1)
          expect(yield* Cached.has("outer")).toBe(false)
        }).pipe(cached())
      }
    )

    test("CA-40 · a fresh entry of a store is stored by the outer one", function*() {
      const cached = yield* restarted
      const { load } = source()
      const inner = load.pipe(Cached.refreshAhead("inner", { ttl: "1 day", refreshAfter: "1 minute" }))
      yield* inner.pipe(cached())
      yield* Effect.gen(function*() {
        expect(yield* inner.pipe(Cached.ttl("outer", { ttl: "1 day" }))).toBe(1)
        expect(yield* Cached.has("outer")).toBe(true)
      }).pipe(cached())
    })
  })
})
