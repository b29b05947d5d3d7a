/** Constants other than that of the writer of an entry: in a new release, and in the same process. */
import { describe, expect } from "@effect/vitest"
import { Duration, Effect, Exit, Layer, Option, Schema } from "effect"
import { Cached, CacheKey, type CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { caches, counting, fakeStore, over, settle } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { made } from "../support/strategies.ts"
import { test, testIn } from "../support/tests.ts"

class Row extends CacheKey.Class<Row>()("Row", { payload: { id: Schema.Int }, success: Schema.Int }) {}

const stores = [
  { name: "a synchronous store", make: () => MemoryStore.make() },
  { name: "an asynchronous store", make: () => fakeStore().store }
]

/** A release that stored, and a later one on the same store. */
const releases = (store: Store.Store, options?: CacheLayer.LayerOptions) => {
  const layer = Layer.succeed(Store.Store, store)
  return Effect.map(
    Effect.all([Layer.build(over({ layer }, options)), Layer.build(over({ layer }, options))]),
    ([before, after]) => ({ before: Effect.provide(before), after: Effect.provide(after), load: counting().load })
  )
}

const leftOf = (key: string) => Effect.map(Looking.expiresIn(key), Option.map(Duration.toMillis))

/** As a process sees it that has nothing in memory. */
const storedLeftOf = (store: Store.Store) =>
  Effect.provide(leftOf("k"), over({ layer: Layer.succeed(Store.Store, store) }, { memory: false }))

const rowsBy = (load: Effect.Effect<number>) => (ttl: Duration.Input) =>
  Cached.many(Row, (keys) => Effect.map(load, (n) => keys.map(() => Exit.succeed(n))), { ttl })([{ id: 1 }, { id: 2 }])

/** Counts how often the store is asked to touch an entry. */
const touched = (store: Store.Store) => {
  const counts = { touches: 0 }
  const touch: Store.Store["touch"] = (id, options) =>
    Effect.suspend(() => (counts.touches++, store.touch(id, options)))
  return { counts, store: { ...store, touch } }
}

describe.each(stores)("a new release with a shorter constant, over $name", ({ make }) => {
  const strategies = [
    ["ttl", { ttl: "1 hour" }, { ttl: "10 minutes" }],
    ["failover to ttl", { strategy: "failover", ttl: "1 day" }, { ttl: Duration.minutes(10) }],
    ["untilInvalidated to ttl", { strategy: "untilInvalidated" }, { ttl: 600_000 }],
    ["probabilistic", { strategy: "probabilistic", ttl: "1 hour" }, { strategy: "probabilistic", ttl: "10 minutes" }],
    ["maxHits", { strategy: "maxHits", ttl: "1 hour", hits: 9 }, { strategy: "maxHits", ttl: "10 minutes", hits: 9 }],
    ["with jitter", { ttl: "1 hour", jitter: 0.1 }, { ttl: "10 minutes", jitter: 0.1 }],
    ["softTtl", { strategy: "softTtl", ttl: "1 hour", softTtl: "30 minutes" }, { ttl: "10 minutes" }]
  ] as const

  test.each(strategies)("%s: what is stored is not served for longer than that", function*([, long, short]) {
    const { after, before, load } = yield* releases(make())
    const old = before(load.pipe(Cached.withStrategy("k", { strategy: long })))
    const now = after(load.pipe(Cached.withStrategy("k", { strategy: short })))
    expect(yield* old).toBe(1)
    yield* TestClock.adjust("9 minutes")
    expect(yield* now).toBe(1)
    yield* TestClock.adjust("59 seconds")
    expect(yield* now).toBe(1)
    yield* TestClock.adjust("1 second")
    expect(yield* now).toBe(2)
  })

  test("the same with the combinators, without memory, and for many keys", function*() {
    const { after, before, load } = yield* releases(make(), { memory: false })
    yield* before(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
    yield* TestClock.adjust("10 minutes")
    expect(yield* after(load.pipe(Cached.ttl("k", { ttl: "10 minutes" })))).toBe(2)
    const rows = rowsBy(load)
    const [first] = yield* before(rows("1 hour"))
    yield* TestClock.adjust("9 minutes")
    expect((yield* after(rows("10 minutes")))[0]).toEqual(first)
    yield* TestClock.adjust("1 minute")
    expect((yield* after(rows("10 minutes")))[0]).not.toEqual(first)
  })

  test("softTtl and refreshAfter: it is stale earlier", function*() {
    const { after, before, load } = yield* releases(make())
    yield* before(load.pipe(Cached.softTtl("a", { ttl: "1 hour", softTtl: "30 minutes" })))
    yield* before(load.pipe(Cached.ttl("b", { ttl: "1 hour" })))
    yield* TestClock.adjust("10 minutes")
    expect(yield* after(load.pipe(Cached.softTtl("a", { ttl: "1 hour", softTtl: "10 minutes" })))).toBe(3)
    const ahead = after(load.pipe(Cached.refreshAhead("b", { ttl: "1 hour", refreshAfter: "10 minutes" })))
    expect(yield* ahead).toBe(2)
    yield* settle
    expect(yield* ahead).toBe(4)
  })

  test("sliding: it lives for the shorter idle after the first read, and for the shorter ttl", function*() {
    const { after, before, load } = yield* releases(make())
    yield* before(load.pipe(Cached.sliding("k", { idle: "1 hour", ttl: "8 hours" })))
    yield* TestClock.adjust("30 minutes")
    const now = after(load.pipe(Cached.sliding("k", { idle: "10 minutes", ttl: "45 minutes" })))
    expect(yield* now).toBe(1)
    yield* TestClock.adjust("9 minutes")
    expect(yield* now).toBe(1)
    yield* TestClock.adjust("6 minutes")
    expect(yield* now).toBe(2)
    yield* TestClock.adjust("10 minutes")
    expect(yield* now).toBe(3)
  })

  test("sliding: reads with a shorter idle time do not make the end in the store earlier", function*() {
    const store = make()
    const { after, before, load } = yield* releases(store)
    yield* before(load.pipe(Cached.sliding("k", { idle: "1 hour", ttl: "8 hours" })))
    for (let minute = 0; minute < 10; minute += 2) {
      yield* TestClock.adjust("2 minutes")
      yield* after(load.pipe(Cached.sliding("k", { idle: "5 minutes", ttl: "45 minutes" })))
      yield* settle
    }
    expect(yield* storedLeftOf(store)).toEqual(Option.some(50 * 60_000))
  })

  test.each([["prolonged", "1 hour"], ["sliding", "1 minute"], ["sliding", "1 day"]] as const)(
    "%s: a read in one process does not undo a touch of another (%s)",
    function*([kind, touched]) {
      const store = make()
      const other = yield* Layer.build(over({ layer: Layer.succeed(Store.Store, store) }))
      const touching = Effect.provide(Cached.touch("k", touched), other)
      let isBefore = true
      // The touch of the other process is carried out first.
      const { after, before } = yield* releases({
        ...store,
        touch: (id, options) =>
          Effect.suspend(() => {
            const own = store.touch(id, options)
            if (!isBefore) return own
            isBefore = false
            return Effect.andThen(touching, own)
          })
      })
      const { load } = counting()
      if (kind === "prolonged") {
        yield* before(load.pipe(Cached.ttl("k", { ttl: "10 minutes" })))
        yield* after(load.pipe(Cached.ttl("k", { ttl: "2 hours" })))
      } else {
        const reads = load.pipe(Cached.sliding("k", { idle: "10 minutes", ttl: "8 hours" }))
        yield* before(reads)
        yield* TestClock.adjust("2 minutes")
        yield* before(reads)
      }
      yield* settle
      expect(isBefore).toBe(false)
      expect(yield* storedLeftOf(store)).toEqual(Option.some(Duration.toMillis(touched)))
    }
  )

  test("a touch that ends where the soft deadline was is a lifetime by hand as well", function*() {
    const { after, before, load } = yield* releases(make())
    yield* before(load.pipe(Cached.softTtl("k", { ttl: "1 hour", softTtl: "10 minutes" })))
    yield* TestClock.adjust("5 minutes")
    yield* before(Cached.touch("k", "5 minutes"))
    const longer = after(load.pipe(Cached.ttl("k", { ttl: "2 hours" })))
    expect(yield* longer).toBe(1)
    yield* TestClock.adjust("5 minutes")
    expect(yield* longer).toBe(2)
  })

  test("sliding: the reads of a release with a shorter ttl leave it a constant for the next", function*() {
    const layer = Layer.succeed(Store.Store, make())
    const { load } = counting()
    const release = <A>(use: Effect.Effect<A, never, Caching.Caching>) => Effect.provide(use, over({ layer }))
    yield* release(load.pipe(Cached.sliding("k", { idle: "1 hour", ttl: "8 hours" })))
    const reads = load.pipe(Cached.sliding("k", { idle: "10 minutes", ttl: "45 minutes" }))
    yield* release(Effect.gen(function*() {
      yield* reads
      yield* TestClock.adjust("5 minutes")
      yield* reads
      yield* settle
    }))
    yield* TestClock.adjust("5 minutes")
    expect(yield* release(load.pipe(Cached.ttl("k", { ttl: "10 minutes" })))).toBe(2)
  })

  test("PE-07 · a longer constant prolongs what is read before its end, in the store too", function*() {
    const store = make()
    const { after, before, load } = yield* releases(store)
    const long = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    yield* before(load.pipe(Cached.ttl("k", { ttl: "10 minutes" })))
    yield* TestClock.adjust("9 minutes")
    expect(yield* after(long)).toBe(1)
    yield* settle
    yield* TestClock.adjust("50 minutes")
    expect(yield* after(long)).toBe(1)
    // A third process finds it there.
    const { after: third } = yield* releases(store)
    expect(yield* third(leftOf("k"))).toEqual(Option.some(60_000))
    expect(yield* third(long)).toBe(1)
    yield* TestClock.adjust("1 minute")
    expect(yield* after(long)).toBe(2)
  })

  test("PE-07 · a longer constant prolongs nothing that has ended", function*() {
    const { after, before, load } = yield* releases(make())
    yield* before(load.pipe(Cached.ttl("k", { ttl: "10 minutes" })))
    yield* TestClock.adjust("10 minutes")
    expect(yield* after(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))).toBe(2)
  })

  test.each([{}, { memory: false }])(
    "PE-07 · a read that may not write leaves the prolongation to the next; %o",
    function*(options) {
      const store = make()
      const { after, before, load } = yield* releases(store, options)
      const long = after(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
      yield* before(load.pipe(Cached.ttl("k", { ttl: "10 minutes" })))
      expect(yield* after(load.pipe(Cached.ttl("k", { ttl: "10 minutes" })))).toBe(1)
      for (const [read, left] of [[CachePolicy.disable("set")(long), 600_000], [long, 3_600_000]] as const) {
        expect(yield* read).toBe(1)
        yield* settle
        expect(yield* storedLeftOf(store)).toEqual(Option.some(left))
      }
    }
  )

  test("PE-07 · for many keys, and softTtl and refreshAfter: it is fresh for longer", function*() {
    const { after, before, load } = yield* releases(make())
    const rows = rowsBy(load)
    const [first] = yield* before(rows("10 minutes"))
    yield* before(load.pipe(Cached.softTtl("a", { ttl: "1 hour", softTtl: "10 minutes" })))
    yield* before(load.pipe(Cached.refreshAhead("b", { ttl: "20 minutes", refreshAfter: "10 minutes" })))
    yield* TestClock.adjust("9 minutes")
    const long = {
      a: after(load.pipe(Cached.softTtl("a", { ttl: "1 hour", softTtl: "30 minutes" }))),
      b: after(load.pipe(Cached.refreshAhead("b", { ttl: "1 hour", refreshAfter: "30 minutes" })))
    }
    expect((yield* after(rows("1 hour")))[0]).toEqual(first)
    expect([yield* long.a, yield* long.b]).toEqual([2, 3])
    yield* TestClock.adjust("20 minutes")
    expect((yield* after(rows("1 hour")))[0]).toEqual(first)
    expect([yield* long.a, yield* long.b]).toEqual([2, 3])
    yield* settle
    expect([yield* long.a, yield* long.b]).toEqual([2, 3])
  })

  test("PE-07 · what jitter has taken off is not given back", function*() {
    const { after, before, load } = yield* releases(make())
    const cached = load.pipe(Cached.ttl("k", { ttl: "1 hour", jitter: 0.5 }))
    yield* before(cached)
    const left = yield* before(leftOf("k"))
    expect(Option.getOrThrow(left)).toBeLessThan(3_600_000)
    yield* after(cached)
    yield* settle
    expect(yield* after(leftOf("k"))).toEqual(left)
  })

  test("PE-07 · what a soft invalidation made stale is not prolonged", function*() {
    const { after, before, load } = yield* releases(make())
    const ttls = { softTtl: "5 minutes", tags: ["t"] } as const
    yield* before(load.pipe(Cached.softTtl("k", { ...ttls, ttl: "10 minutes" })))
    yield* before(Cached.invalidate({ tag: "t" }, { mode: "soft" }))
    yield* TestClock.adjust("1 minute")
    const failing = (Effect.fail("down") as Effect.Effect<never>).pipe(
      Cached.softTtl("k", { ...ttls, ttl: "1 hour", fallbackOn: "all" })
    )
    expect(yield* after(failing)).toBe(1)
    yield* settle
    expect(yield* after(leftOf("k"))).toEqual(Option.some(540_000))
    // It is stale still.
    expect(yield* after(load.pipe(Cached.ttl("k", { ttl: "2 hours", tags: ["t"] })))).toBe(2)
  })

  test("PE-07 · the store is asked once, however often readers with two constants take turns", function*() {
    const { counts, store } = touched(make())
    const { after, load } = yield* releases(store)
    const [short, long] = (["10 minutes", "1 hour"] as const).map((ttl) => load.pipe(Cached.ttl("k", { ttl })))
    for (let i = 0; i < 9; i++) {
      yield* after(short!)
      yield* after(long!)
      yield* settle
    }
    expect(counts.touches).toBe(1)
  })

  test("PE-07 · two releases on one store: one touch, and each goes by its own", function*() {
    const { counts, store } = touched(make())
    const { after, before, load } = yield* releases(store, { memory: false })
    const short = before(load.pipe(Cached.ttl("k", { ttl: "10 minutes" })))
    const long = after(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
    expect(yield* short).toBe(1)
    for (let minute = 1; minute < 10; minute++) {
      yield* TestClock.adjust("1 minute")
      expect([yield* long, yield* short]).toEqual([1, 1])
      yield* settle
    }
    yield* TestClock.adjust("1 minute")
    expect(yield* long).toBe(1)
    expect(yield* short).toBe(2)
    expect(counts.touches).toBe(1)
  })

  test("PE-07 · an end may become none", function*() {
    const { after, before, load } = yield* releases(make())
    yield* before(load.pipe(Cached.ttl("k", { ttl: "10 minutes" })))
    const endless = after(load.pipe(Cached.untilInvalidated("k")))
    expect(yield* endless).toBe(1)
    yield* settle
    yield* TestClock.adjust("1000 days")
    expect(yield* endless).toBe(1)
    expect(yield* before(Cached.getOption("k"))).toEqual(Option.some(1))
  })

  test("PE-07 · sliding reads write no more than the tenths of their idle time", function*() {
    const { counts, store } = touched(make())
    const { after, before, load } = yield* releases(store, { memory: false })
    const sliding = load.pipe(Cached.sliding("k", { idle: "100 minutes", ttl: "1 day" }))
    yield* before(sliding)
    for (let second = 0; second < 50; second++) {
      yield* TestClock.adjust("10 seconds")
      expect(yield* after(sliding)).toBe(1)
      yield* settle
    }
    expect(counts.touches).toBeLessThan(3)
  })

  test.each([true, false])("PE-07 · touch right after a read has the last word; memory: %s", function*(memory) {
    const store = make()
    const { after, before, load } = yield* releases(store, memory ? {} : { memory })
    yield* before(load.pipe(Cached.ttl("k", { ttl: "10 minutes" })))
    yield* after(Effect.andThen(load.pipe(Cached.ttl("k", { ttl: "1 hour" })), Cached.touch("k", "2 minutes")))
    yield* settle
    yield* TestClock.adjust("2 minutes")
    const { after: third } = yield* releases(store)
    expect(yield* after(Cached.getOption("k"))).toEqual(Option.none())
    expect(yield* third(Cached.getOption("k"))).toEqual(Option.none())
  })

  test.each(
    [
      ["a function of the result", (load: Effect.Effect<number>) => Cached.ttl(load, "k", { ttl: () => "1 hour" })],
      [
        "a strategy of one's own",
        (load: Effect.Effect<number>) =>
          Cached.withStrategy(load, "k", { strategy: { ...made({ strategy: "ttl", ttl: "1 hour" }), name: "own" } })
      ]
    ] as const
  )("the lifetime of %s stays", function*([, cached]) {
    const { after, before, load } = yield* releases(make())
    yield* before(cached(load))
    yield* TestClock.adjust("59 minutes")
    expect(yield* after(load.pipe(Cached.ttl("k", { ttl: "10 minutes" })))).toBe(1)
  })

  test.each(
    [
      ["set", Cached.set("k", 1, { ttl: "1 hour" })],
      [
        "set with keepTtl",
        Effect.andThen(Cached.set("k", 0, { ttl: "1 hour" }), Cached.set("k", 1, { keepTtl: true }))
      ],
      [
        "touch",
        Effect.andThen(Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "2 hours" })), Cached.touch("k", "1 hour"))
      ],
      ["annotate", Effect.as(Cached.annotate({ ttl: "1 hour" }), 1).pipe(Cached.ttl("k", { ttl: "30 minutes" }))]
    ] as const
  )("%s keeps its own, in the store and in memory", function*([, write]) {
    const { after, before, load } = yield* releases(make())
    const short = Effect.map(load, (n) => n + 1).pipe(Cached.ttl("k", { ttl: "10 minutes" }))
    yield* before(write as Effect.Effect<unknown, never, never>)
    yield* TestClock.adjust("59 minutes")
    expect(yield* after(short)).toBe(1)
    expect(yield* before(short)).toBe(1)
    yield* TestClock.adjust("1 minute")
    expect(yield* after(short)).toBe(2)
  })

  test.each([["nothing", "5 minutes", false], ["no age", 0, "age"]] as const)(
    "what is made of cached values and takes over %s is limited too",
    function*([, age, inherit]) {
      const { after, before, load } = yield* releases(make())
      const inner = Effect.succeed("inner").pipe(Cached.ttl("inner", { ttl: "1 day" }))
      yield* before(inner)
      yield* TestClock.adjust(age)
      yield* before(Effect.andThen(inner, load).pipe(Cached.ttl("k", { ttl: "1 hour", inherit })))
      yield* TestClock.adjust("10 minutes")
      expect(yield* after(load.pipe(Cached.ttl("k", { ttl: "10 minutes" })))).toBe(2)
    }
  )

  test("a reader with a function limits nothing", function*() {
    const { after, before, load } = yield* releases(make())
    yield* before(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
    yield* TestClock.adjust("30 minutes")
    expect(yield* after(load.pipe(Cached.ttl("k", { ttl: () => "1 minute" })))).toBe(1)
  })

  test("look-ups return the stored lifetime, until a reader has limited it", function*() {
    const { after, before, load } = yield* releases(make())
    yield* before(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
    expect(yield* after(leftOf("k"))).toEqual(Option.some(3_600_000))
    yield* after(load.pipe(Cached.ttl("k", { ttl: "10 minutes" })))
    expect(yield* after(leftOf("k"))).toEqual(Option.some(600_000))
  })
})

describe.each(caches)("in one process, over $name", (cache) => {
  const test = testIn(cache.layer())

  test("an entry filled by another strategy has the constant of its reader", function*() {
    const { load } = counting()
    const long = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const short = load.pipe(Cached.ttl("k", { ttl: "10 minutes" }))
    expect(yield* long).toBe(1)
    yield* TestClock.adjust("9 minutes")
    expect(yield* short).toBe(1)
    yield* TestClock.adjust("1 minute")
    expect(yield* short).toBe(2)
    yield* TestClock.adjust("9 minutes")
    expect(yield* long).toBe(2)
    yield* settle
    yield* TestClock.adjust("50 minutes")
    expect(yield* long).toBe(2)
    yield* TestClock.adjust("1 minute")
    expect(yield* long).toBe(3)
    // No reader with the longer one comes before its end.
    expect(yield* short).toBe(3)
    yield* TestClock.adjust("10 minutes")
    expect(yield* short).toBe(4)
  })

  const beside = [
    [
      "softTtl",
      Cached.softTtl("k", { ttl: "1 hour", softTtl: "30 minutes", fallbackOn: "all" }),
      Cached.softTtl("k", { ttl: "1 hour", softTtl: "10 minutes", fallbackOn: "all" })
    ],
    [
      "softTtl, after ttl",
      Cached.ttl("k", { ttl: "1 hour" }),
      Cached.softTtl("k", { ttl: "1 hour", softTtl: "10 minutes", fallbackOn: "all" })
    ],
    ["idle", Cached.sliding("k", { idle: "1 hour" }), Cached.sliding("k", { idle: "10 minutes" })],
    ["idle, after untilInvalidated", Cached.untilInvalidated("k"), Cached.sliding("k", { idle: "10 minutes" })],
    [
      "idle, after a softTtl of the same times",
      Cached.softTtl("k", { ttl: "1 hour", softTtl: "10 minutes", fallbackOn: "all" }),
      Cached.sliding("k", { ttl: "1 hour", idle: "10 minutes" })
    ]
  ] as const
  // A store does not know when the last read was, and may have the later end still.
  test.each(beside.filter(([name]) => !cache.store || !name.startsWith("idle")))(
    "also where ttl is the same: a shorter %s",
    function*([, long, short]) {
      const { load } = counting()
      yield* long(load)
      expect(yield* short(load)).toBe(1)
      yield* TestClock.adjust("10 minutes")
      expect(yield* short(load)).toBe(2)
    }
  )

  test("a shorter refreshAfter too", function*() {
    const { load } = counting()
    const ahead = load.pipe(Cached.refreshAhead("k", { ttl: "1 hour", refreshAfter: "10 minutes" }))
    yield* load.pipe(Cached.refreshAhead("k", { ttl: "1 hour", refreshAfter: "30 minutes" }))
    yield* TestClock.adjust("10 minutes")
    expect(yield* ahead).toBe(1)
    yield* settle
    expect(yield* ahead).toBe(2)
  })

  test("also where the entry has no deadline, and for functions", function*() {
    const { load } = counting()
    const fn = Cached.fn(Row, () => load, { ttl: "10 minutes" })
    yield* load.pipe(Cached.untilInvalidated(new Row({ id: 1 })))
    yield* TestClock.adjust("9 minutes")
    expect(yield* fn({ id: 1 })).toBe(1)
    yield* load.pipe(Cached.untilInvalidated(new Row({ id: 2 })))
    yield* TestClock.adjust("1 minute")
    expect(yield* fn({ id: 1 })).toBe(3)
    yield* TestClock.adjust("9 minutes")
    expect(yield* fn({ id: 2 })).toBe(4)
  })

  test("a stale value is no fallback past the reader's own constant", function*() {
    yield* Effect.succeed(1).pipe(Cached.failover("k", { ttl: "1 hour" }))
    yield* TestClock.adjust("10 minutes")
    const short = (Effect.fail("down") as Effect.Effect<number, string>).pipe(
      Cached.failover("k", { ttl: "10 minutes", fallbackOn: "all" })
    )
    expect(yield* Effect.flip(short)).toBe("down")
  })
})

describe.each(caches)("an entry that has inherited its end, over $name", (cache) => {
  // A storage of three functions keeps no markers of ids.
  const kinds = cache.name.startsWith("an asynchronous") ? ["life"] as const : ["life", "changes"] as const

  const test = testIn(cache.layer())

  test.each(kinds)("%s: a reader with a longer constant does not prolong it", function*(inherit) {
    const { load } = counting()
    const part = load.pipe(Cached.ttl("part", { ttl: "40 minutes" }))
    const whole = (ttl: Duration.Input) => part.pipe(Effect.andThen(load), Cached.ttl("whole", { ttl, inherit }))
    yield* part
    expect(yield* whole("10 minutes")).toBe(2)
    yield* TestClock.adjust("5 minutes")
    expect(yield* whole("1 hour")).toBe(2)
    yield* settle
    yield* TestClock.adjust("5 minutes")
    expect(yield* whole("1 hour")).toBe(3)
    // It would end with its part now, and does: the part is loaded once more.
    yield* TestClock.adjust("30 minutes")
    expect(yield* whole("2 hours")).toBe(5)
  })

  test.each(kinds)("%s: a reader with a shorter constant limits it too", function*(inherit) {
    const { load } = counting()
    const part = load.pipe(Cached.ttl("part", { ttl: "40 minutes" }))
    const whole = (ttl: Duration.Input) => part.pipe(Effect.andThen(load), Cached.ttl("whole", { ttl, inherit }))
    yield* part
    yield* TestClock.adjust("1 minute")
    expect(yield* whole("1 hour")).toBe(2)
    yield* TestClock.adjust("8 minutes")
    expect(yield* whole("10 minutes")).toBe(2)
    yield* TestClock.adjust("2 minutes")
    expect(yield* whole("10 minutes")).toBe(3)
  })
})
