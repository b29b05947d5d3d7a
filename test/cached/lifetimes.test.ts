/** How long a result lives: `minLoad`, `when`, ttls by result, and the shorter life in memory. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Layer, Option, Random, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { caches, counting, fakeStore, over, settle, taking } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

class Report extends CacheKey.Class<Report>()("Report", {
  payload: { city: Schema.String },
  success: Schema.Number,
  error: Schema.String
}) {}

const left = (key: string) => Effect.map(Looking.expiresIn(key), Option.map(Duration.toMillis))

const slow = (millis: number) => <A, E, R>(load: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    return yield* taking(millis, load)
  })

describe.each(caches)("minLoad, over $name", (cache) => {
  const test = testIn(cache.layer())

  test("CA-34 · only what took strictly longer is stored", function*() {
    let millis = 3000
    let n = 0
    const load = Effect.suspend(() => Effect.as(Effect.sleep(millis), ++n))
    const get = load.pipe(Cached.ttl("k", { ttl: "1 hour", minLoad: "3 seconds" }))
    expect(yield* slow(3000)(get)).toBe(1)
    expect(yield* Cached.has("k")).toBe(false)
    millis = 3001
    expect(yield* slow(3001)(get)).toBe(2)
    expect(yield* get).toBe(2)
    expect(yield* Cached.stats).toMatchObject({ notStored: 0, refused: 0 })
  })

  test("CA-34 · beside `when`, not instead of it", function*() {
    const { load } = counting(1000)
    const get = load.pipe(Cached.ttl("k", {
      ttl: "1 hour",
      minLoad: 500,
      when: (exit: Exit.Exit<number>) => Exit.isSuccess(exit) && exit.value >= 2
    }))
    expect(yield* slow(1000)(get)).toBe(1)
    expect(yield* slow(1000)(get)).toBe(2)
    expect(yield* get).toBe(2)
    const quick = Effect.succeed(5).pipe(Cached.ttl("q", { ttl: "1 hour", minLoad: 500, when: () => true }))
    yield* quick
    expect(yield* Cached.has("q")).toBe(false)
  })

  test("CA-34 · a quick load leaves an older value where it is", function*() {
    let millis = 1000
    let n = 0
    const load = Effect.suspend(() => Effect.as(Effect.sleep(millis), ++n))
    const get = load.pipe(Cached.softTtl("k", { ttl: "1 hour", softTtl: "1 minute", minLoad: 500 }))
    yield* slow(1000)(get)
    yield* TestClock.adjust("1 minute")
    millis = 10
    expect(yield* slow(10)(get)).toBe(2)
    expect(yield* Cached.getOption("k")).toEqual(Option.some(1))
    expect(yield* left("k")).toEqual(Option.some(59 * 60_000 - 10))
  })

  test("holds for failures and for many", function*() {
    const reports = Cached.many(Report, (keys) =>
      Effect.as(
        Effect.sleep(keys[0]!.city === "slow" ? 1000 : 100),
        keys.map(({ city }) => Exit.fail(city))
      ), { ttl: "1 hour", when: () => true, minLoad: 500 })
    for (const city of ["slow", "quick"]) {
      yield* taking(1000, reports([{ city }]))
    }
    expect(yield* Cached.has(new Report({ city: "slow" }))).toBe(true)
    expect(yield* Cached.has(new Report({ city: "quick" }))).toBe(false)
  })
})

describe.each(caches)("stored outcomes, over $name", (cache) => {
  const test = testIn(cache.layer())

  test("CA-30 · null, undefined, false, 0 and the empty string are values", function*() {
    const load = (value: unknown) => {
      let loads = 0
      return Effect.sync(() => ++loads === 1 ? value : "again")
    }
    for (const [i, value] of [null, undefined, false, 0, ""].entries()) {
      const get = load(value).pipe(Cached.ttl(`k${i}`, { ttl: "1 hour" }))
      yield* get
      expect(yield* get).toBe(value)
      expect(yield* Cached.has(`k${i}`)).toBe(true)
    }
  })

  test("CA-31 · a function that fails inside is called once: its mistake is no other arity", function*() {
    const { load } = counting()
    let asked = 0
    const get = load.pipe(Cached.ttl("k", {
      ttl: () => {
        asked++
        throw new TypeError("inside")
      }
    }))
    expect([yield* get, yield* get]).toEqual([1, 2])
    expect(asked).toBe(2)
    expect((yield* Cached.stats).notStored).toBe(2)
  })

  test("CA-31 · digits without a unit, and nothing at all, are no duration", function*() {
    const { counts, load } = counting()
    for (const ttl of ["1m10", "", " ", "10"] as const) {
      const exit = yield* Effect.exit(load.pipe(Cached.ttl("k", { ttl: ttl as never })))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
    }
    expect(counts.started).toBe(0)
  })

  test("CA-32 · `when` decides by outcome and key", function*() {
    const seen: Array<unknown> = []
    const { load } = counting()
    const get = load.pipe(Cached.ttl("k", {
      ttl: "1 hour",
      when: (exit: Exit.Exit<number>, key) => {
        seen.push(exit, key)
        return Exit.isSuccess(exit) && exit.value > 1
      }
    }))
    expect([yield* get, yield* get, yield* get]).toEqual([1, 2, 2])
    expect(seen).toEqual([Exit.succeed(1), "k", Exit.succeed(2), "k"])
  })

  test("CA-33 · values and these failures", function*() {
    let n = 0
    const outcomes = [Effect.fail("retry"), Effect.fail("gone"), Effect.succeed(1)]
    const get = Effect.suspend(() => outcomes[n++]!).pipe(Cached.ttl(new Report({ city: "Rome" }), {
      ttl: "1 minute",
      when: Exit.match({
        onSuccess: () => true,
        onFailure: (cause) => Cause.squash(cause) === "gone"
      })
    }))
    expect(yield* Effect.flip(get)).toBe("retry")
    expect([yield* Effect.flip(get), yield* Effect.flip(get)]).toEqual(["gone", "gone"])
    yield* TestClock.adjust("1 minute")
    expect([yield* get, yield* get]).toEqual([1, 1])
  })

  test("CA-33 · failures only", function*() {
    let n = 0
    const get = (city: string, outcome: Effect.Effect<number, string>) =>
      Effect.suspend(() => (n++, outcome)).pipe(
        Cached.ttl(new Report({ city }), { ttl: "1 minute", when: Exit.isFailure })
      )
    const good = get("good", Effect.succeed(1))
    const bad = get("bad", Effect.fail("down"))
    yield* Effect.all([good, good])
    expect(n).toBe(2)
    yield* Effect.all([Effect.flip(bad), Effect.flip(bad)])
    expect(n).toBe(3)
  })

  test("CA-33 · about defects and interruptions `when` is never asked, nor are they stored", function*() {
    let asked = 0
    const when = () => ++asked > 0
    let n = 0
    const causes = [
      Cause.die("broken"),
      Cause.interrupt(1),
      Cause.combine(Cause.fail("down"), Cause.die("broken")),
      Cause.combine(Cause.fail("one"), Cause.fail("two"))
    ]
    for (const cause of causes) {
      const get = Effect.suspend(() => (n++, Effect.failCause(cause as Cause.Cause<string>))).pipe(
        Cached.ttl(new Report({ city: "Rome" }), { ttl: "1 hour", when })
      )
      yield* Effect.exit(get)
      expect(yield* Cached.has(new Report({ city: "Rome" }))).toBe(false)
    }
    expect(asked).toBe(0)
    expect(n).toBe(4)
  })

  test("CA-35 · a refresh that fails is not the caller's, and is not tried again at once", function*() {
    let n = 0
    const get = Effect.suspend(() => ++n === 1 ? Effect.succeed(n) : Effect.fail("down")).pipe(
      Cached.refreshAhead("k", { ttl: "1 hour", refreshAfter: "1 minute", retryAfter: "1 minute" })
    )
    yield* get
    yield* TestClock.adjust("1 minute")
    expect(yield* get).toBe(1)
    yield* TestClock.adjust("10 seconds")
    const tries = n
    expect(tries).toBe(4)
    for (let i = 0; i < 5; i++) expect(yield* get).toBe(1)
    yield* settle
    expect(n).toBe(tries)
  })
})

describe("memoryTtl", () => {
  const stores = [
    { name: "a synchronous store", make: () => MemoryStore.make() },
    { name: "an asynchronous store", make: () => fakeStore().store }
  ]

  /** Two caches over one store, which do not receive each other's changes. */
  const two = (make: () => ReturnType<typeof fakeStore>["store"]) => {
    const store = make()
    let gets = 0
    const { getUnsafe } = store
    const counted = {
      ...store,
      get: (id: string, tags: ReadonlyArray<string>) => Effect.suspend(() => (gets++, store.get(id, tags))),
      ...getUnsafe === undefined
        ? {}
        : { getUnsafe: (id: string, tags: ReadonlyArray<string>) => (gets++, getUnsafe(id, tags)) }
    }
    const layer = Layer.succeed(Store.Store, counted)
    return Effect.map(Effect.all([Layer.build(over({ layer })), Layer.build(over({ layer }))]), ([a, b]) => ({
      a: Effect.provide(a),
      b: Effect.provide(b),
      gets: () => gets
    }))
  }

  describe.each(stores)("over $name", ({ make }) => {
    const ttl = (load: Effect.Effect<number>, memoryTtl: Duration.Input) =>
      load.pipe(Cached.ttl("k", { ttl: "1 hour", memoryTtl }))

    test("from then on the store is asked again, and not before", function*() {
      const { a, b, gets } = yield* two(make)
      const { counts, load } = counting()
      const get = ttl(load, "10 seconds")
      yield* a(get)
      yield* b(Cached.set("k", 7, { ttl: "1 hour" }))
      yield* TestClock.adjust(9999)
      const before = gets()
      expect(yield* a(get)).toBe(1)
      expect(gets()).toBe(before)
      yield* TestClock.adjust(1)
      expect(yield* a(get)).toBe(7)
      expect(yield* a(get)).toBe(7)
      expect(gets()).toBe(before + 1)
      expect(counts.started).toBe(1)
    })

    test("zero: never in memory, and the store answers each read", function*() {
      const { a, b } = yield* two(make)
      const { counts, load } = counting()
      const get = ttl(load, 0)
      expect([yield* a(get), yield* a(get)]).toEqual([1, 1])
      expect((yield* a(Cached.stats)).size).toBe(0)
      yield* b(Cached.set("k", 7))
      expect(yield* a(get)).toBe(7)
      yield* b(Cached.invalidate("k"))
      expect(yield* a(get)).toBe(2)
      expect(counts.started).toBe(2)
    })

    test("an entry that a look-up or a set has brought into memory does not outlast it either", function*() {
      for (const memoryTtl of [0, 1000]) {
        const { a, b } = yield* two(make)
        const get = ttl(counting().load, memoryTtl)
        yield* b(Cached.set("k", 5))
        expect(yield* a(Cached.getOption("k"))).toEqual(Option.some(5))
        yield* b(Cached.set("k", 6))
        expect(yield* a(get)).toBe(6)
        yield* a(Cached.set("k", 7))
        yield* b(Cached.set("k", 8))
        yield* TestClock.adjust(1000)
        expect(yield* a(get)).toBe(8)
      }
    })

    test("expiresIn tells what is left in the store", function*() {
      const { a } = yield* two(make)
      const get = ttl(counting().load, "1 second")
      yield* a(get)
      expect(yield* a(left("k"))).toEqual(Option.some(3_600_000))
      yield* TestClock.adjust("10 minutes")
      expect(yield* a(left("k"))).toEqual(Option.some(3_000_000))
      yield* a(get)
      expect(yield* a(left("k"))).toEqual(Option.some(3_000_000))
    })

    test("keepTtl keeps the life it has, not what is left of it in memory", function*() {
      const { a } = yield* two(make)
      yield* a(ttl(counting().load, "1 second"))
      yield* a(Cached.set("k", 2, { keepTtl: true }))
      expect(yield* a(left("k"))).toEqual(Option.some(3_600_000))
    })

    test("a stale value stands in for a failure, though memory's time is over", function*() {
      const { a } = yield* two(make)
      let up = true
      const get = Effect.suspend(() => up ? Effect.succeed("good") : Effect.delay(Effect.fail("down"), 5000)).pipe(
        Cached.softTtl("k", {
          ttl: "1 hour",
          softTtl: "1 minute",
          memoryTtl: "1 second",
          retryAfter: 0,
          fallbackOn: "all"
        })
      )
      yield* a(get)
      yield* TestClock.adjust("1 minute")
      up = false
      for (let i = 0; i < 3; i++) {
        // The second comes after memory's time, each load ends after it.
        expect(yield* taking(5000, a(get))).toBe("good")
      }
      yield* TestClock.adjust("1 hour")
      expect(yield* taking(5000, Effect.flip(a(get)))).toBe("down")
    })

    const rome = new Report({ city: "Rome" })
    const storing = { ttl: "1 hour", memoryTtl: "1 second", when: () => true, fallbackOn: "all" } as const
    test.each(
      [
        ["failover, whose value is fresh to others", Cached.failover(rome, storing), Option.some(1)],
        // The answer has ended the fallback, so the value is no longer served.
        ["softTtl, whose value is due", Cached.softTtl(rome, { ...storing, softTtl: "1 minute" }), Option.none()]
      ] as const
    )(
      "a failure that is stored takes no good value's place, though memory's time is over (%s)",
      function*([, cached, left]) {
        const { a } = yield* two(make)
        let up = true
        const get = cached(Effect.suspend(() => up ? Effect.succeed(1) : Effect.fail("down")))
        yield* a(get)
        yield* TestClock.adjust("2 minutes")
        up = false
        expect(yield* a(Effect.flip(get))).toBe("down")
        expect(yield* a(Cached.getOption(rome))).toEqual(left)
        yield* TestClock.adjust("1 minute")
        expect(yield* a(Effect.flip(get))).toBe("down")
        expect(yield* a(Cached.getOption(rome))).toEqual(left)
      }
    )

    test("invalidations are seen at once", function*() {
      const { a } = yield* two(make)
      const { load } = counting()
      const get = load.pipe(Cached.ttl("k", { ttl: "1 hour", memoryTtl: "1 minute", tags: ["t"] }))
      yield* a(get)
      yield* a(Cached.invalidate({ tag: "t" }))
      expect(yield* a(get)).toBe(2)
      yield* a(Cached.invalidate("k"))
      expect(yield* a(get)).toBe(3)
    })

    test("longer than ttl it says nothing", function*() {
      const { a } = yield* two(make)
      const { load } = counting()
      const get = load.pipe(Cached.ttl("k", { ttl: "1 second", memoryTtl: "1 hour" }))
      yield* a(get)
      yield* TestClock.adjust("1 second")
      expect(yield* a(get)).toBe(2)
    })

    test("reads of a sliding entry move its end, not the time at which the store is asked", function*() {
      const { a, b } = yield* two(make)
      const get = counting().load.pipe(Cached.sliding("k", { idle: "1 minute", memoryTtl: "10 seconds" }))
      yield* a(get)
      yield* b(Cached.set("k", 7))
      for (const value of [1, 1, 7]) {
        yield* TestClock.adjust("4 seconds")
        expect(yield* a(get)).toBe(value)
      }
    })

    it.effect("XFetch looks at the end of the entry, not of memory's time", () =>
      Effect.gen(function*() {
        const { a } = yield* two(make)
        const { counts, load } = counting(500)
        const get = load.pipe(Cached.probabilistic("k", { ttl: "1 hour", memoryTtl: "10 seconds" }))
        yield* slow(500)(a(get))
        for (let i = 0; i < 100; i++) {
          yield* TestClock.adjust("9900 millis")
          yield* a(get)
        }
        expect(counts.started).toBe(1)
      }).pipe(Random.withSeed("memory")))

    test("of many: what has outstayed is asked for, the rest is not", function*() {
      const { a, b } = yield* two(make)
      const reports = Cached.many(
        Report,
        (keys) => Effect.succeed(keys.map(({ city }) => Exit.succeed(city.length))),
        { ttl: "1 hour", memoryTtl: "10 seconds" }
      )
      yield* a(reports([{ city: "Rome" }]))
      yield* TestClock.adjust("6 seconds")
      yield* a(reports([{ city: "Paris" }]))
      yield* b(Cached.set(new Report({ city: "Rome" }), 100))
      yield* b(Cached.set(new Report({ city: "Paris" }), 200))
      yield* TestClock.adjust("4 seconds")
      expect(yield* a(reports([{ city: "Rome" }, { city: "Paris" }]))).toEqual([Exit.succeed(100), Exit.succeed(5)])
    })

    test("without a memory tier it says nothing", function*() {
      const { load } = counting()
      const get = ttl(load, "1 second")
      yield* Effect.gen(function*() {
        yield* get
        yield* TestClock.adjust("1 minute")
        expect(yield* get).toBe(1)
      }).pipe(Effect.provide(over({ layer: Layer.succeed(Store.Store, make()) }, { memory: false })))
    })
  })

  test.overFake("while the store is down each read past it loads", function*(fake) {
    const { load } = counting()
    const get = load.pipe(Cached.ttl("k", { ttl: "1 hour", memoryTtl: "1 second" }))
    yield* get
    fake.behave = () => ({
      before: Effect.fail(new CacheError.StoreError({ store: "fake", operation: "get", reason: "Unavailable" }))
    })
    yield* TestClock.adjust("1 second")
    expect(yield* get).toBe(2)
    expect(yield* get).toBe(2)
  })

  inMemory.each([0, "1 second"] as const)("%s without a store says nothing", function*(memoryTtl) {
    const { load } = counting()
    const get = load.pipe(Cached.ttl("k", { ttl: "1 hour", memoryTtl }))
    yield* get
    yield* Cached.getOption("k")
    yield* TestClock.adjust("59 minutes")
    expect(yield* get).toBe(1)
  })
})

describe("invalid options of lifetimes", () => {
  inMemory.each([{ memoryTtl: "soon" }, { memoryTtl: NaN }, { minLoad: "soon" }, { minLoad: () => 1 }])(
    "%j is a CacheConfigError, before the first load",
    function*(options) {
      const { counts, load } = counting()
      const exit = yield* Effect.exit(load.pipe(Cached.ttl("k", { ttl: 1000, ...options as {} })))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
      expect(counts.started).toBe(0)
    }
  )
})
