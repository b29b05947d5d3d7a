/** Clocks that are set back or forth, or stand before 1970. */
import { describe, expect, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Layer, Logger, Option, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, CachePolicy, Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { SqliteStore } from "effect-cached/sqlite"
import { TestClock } from "effect/testing"
import { clocks } from "../../src/internal/defaults/processes.ts"
import { singly } from "../../src/testing/internal/singly.ts"
import { caches, cachesAndTiers, counting, settle, start, started, taking } from "../support/caches.ts"
import { listenersOf } from "../support/listeners.ts"
import * as Looking from "../support/looking.ts"
import { entry } from "../support/stored.ts"
import { storeFrom } from "../support/storeFrom.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test } from "../support/tests.ts"
import { type WallAndMonotonic, wallAndMonotonic } from "../support/wallAndMonotonic.ts"

/** Some day in 1938. */
const longAgo = -1e12

const cacheOver = (store: Store.Store, options?: CacheLayer.LayerOptions) =>
  Layer.provide(CacheLayer.layer(options), Layer.succeed(Store.Store, store))

const sharedWith = (more: Partial<Store.Store>): Store.Store => ({
  ...MemoryStore.make(),
  capabilities: { shared: true, changes: false },
  ...more
})

const hours = (count: number): number => count * 3_600_000

describe("before 1970", () => {
  describe.each(caches)("over $name", (cache) => {
    test("entries live as long as they do after it, failures among them", function*() {
      yield* TestClock.setTime(longAgo)
      yield* Effect.gen(function*() {
        const { counts, load } = counting()
        const get = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
        const failing = Effect.andThen(load, Effect.fail("down")).pipe(
          Cached.ttl("f", { ttl: "1 hour", when: () => true }),
          Effect.flip
        )
        yield* Effect.all([get, get, failing])
        // Without an error schema a failure is kept in memory alone.
        yield* failing
        expect(counts.started).toBe(cache.memory ? 2 : 3)
        yield* TestClock.adjust("1 hour")
        yield* Effect.all([get, failing])
        expect(counts.started).toBe(cache.memory ? 4 : 5)
      }).pipe(Effect.provide(cache.layer()))
    })

    test("a removal says whether there was something", function*() {
      yield* TestClock.setTime(longAgo)
      yield* Effect.gen(function*() {
        expect(yield* Cached.remove("nothing")).toBe(false)
        yield* Cached.set("k", 1, { ttl: "1 second" })
        expect(yield* Cached.remove("k")).toBe(true)
        expect(yield* Cached.remove(["k", "nothing"])).toBe(0)
      }).pipe(Effect.provide(cache.layer()))
    })
  })

  test("a lease that was released is free", function*() {
    yield* TestClock.setTime(longAgo)
    const directory = yield* tempDirectory
    for (const store of [MemoryStore.make(), yield* storeFrom(SqliteStore.layer({ directory }))]) {
      const asking = (owner: string) => ({ owner, leaseMillis: 5000, rejectedWriteId: undefined, join: false })
      expect(yield* singly(store).acquire("id", asking("a"))).toMatchObject({ _tag: "Granted" })
      expect(yield* singly(store).acquire("id", asking("b"))).toMatchObject({ _tag: "Wait", leftMillis: 5000 })
      yield* store.release("id", "a")
      expect(yield* singly(store).acquire("id", asking("b"))).toMatchObject({ _tag: "Granted" })
    }
  })

  test("readers share a load though the changes of the store cannot be read", function*() {
    yield* TestClock.setTime(longAgo)
    let isDown = false
    const store = sharedWith({
      capabilities: { shared: true, changes: true },
      changesUnsafe: () => {
        if (isDown) throw new Error("down")
        return []
      }
    })
    yield* Effect.gen(function*() {
      const { counts, load } = counting(1000)
      const get = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
      yield* Cached.getOption("other")
      isDown = true
      yield* TestClock.adjust("100 millis")
      yield* Cached.getOption("other")
      const first = yield* start(get)
      yield* TestClock.adjust("500 millis")
      expect([yield* taking("1 second", get), yield* Fiber.join(first)]).toEqual([1, 1])
      expect(counts.started).toBe(1)
    }).pipe(Effect.provide(cacheOver(store)), Effect.provide(Logger.layer([])))
  })
})

describe("a clock that is set back two hours", () => {
  test.each(caches)("delays no next try after a failure: over $name", function*(cache) {
    yield* TestClock.setTime(hours(100))
    yield* Effect.gen(function*() {
      let loads = 0
      const get = Effect.suspend(() => ++loads === 2 ? Effect.fail("down") : Effect.succeed(loads)).pipe(
        Cached.softTtl("k", { ttl: "24 hours", softTtl: "1 minute", retryAfter: "30 seconds", fallbackOn: "all" })
      )
      yield* get
      yield* TestClock.adjust("5 hours")
      expect(yield* get).toBe(1)
      yield* TestClock.adjust("1 second")
      // Within `retryAfter` the stale value is served.
      expect(yield* get).toBe(1)
      expect(loads).toBe(2)
      yield* TestClock.setTime(hours(103))
      expect(yield* get).toBe(3)
    }).pipe(Effect.provide(cache.layer()), Effect.provide(Logger.layer([])))
  })

  test("during a load makes its time none, not less, nor 49 days", function*() {
    yield* TestClock.setTime(hours(100))
    const directory = yield* tempDirectory
    const store = yield* storeFrom(SqliteStore.layer({ directory }))
    yield* Effect.gen(function*() {
      const millis: Array<number> = []
      listenersOf(yield* Caching.Caching).listen((event) => {
        if (event._tag === "Load") millis.push(event.millis)
      })
      yield* TestClock.setTime(hours(98)).pipe(Cached.ttl("k", { ttl: "24 hours" }))
      yield* Effect.andThen(TestClock.setTime(hours(97)), Effect.fail("down")).pipe(
        Cached.ttl("f", { ttl: "24 hours" }),
        Effect.ignore
      )
      yield* settle
      expect((yield* Cached.getEntry("k")).pipe(Option.map(({ loadMillis }) => loadMillis))).toEqual(Option.some(0))
      expect(store.getUnsafe!("k", []).entry).toMatchObject({ meta: { loadMillis: 0 } })
      expect(millis).toEqual([0, 0])
    }).pipe(Effect.provide(cacheOver(store)))
  })

  test("leaves a reader that asks again its timeout", function*() {
    yield* TestClock.setTime(hours(100))
    // Answers after a second, and while it does the clock is set back.
    const memory = MemoryStore.make()
    const store: Store.Store = {
      ...memory,
      getUnsafe: undefined,
      get: (...input) => Effect.tap(memory.get(...input), () => TestClock.setTime(hours(98)))
    }
    yield* Effect.gen(function*() {
      const running = yield* started(CachePolicy.refresh(Effect.never.pipe(Cached.ttl("k", { ttl: "1 hour" }))))
      const late = yield* started(
        Effect.never.pipe(Cached.ttl("k", { ttl: "1 hour", timeout: "1 minute" }), Effect.flip)
      )
      yield* TestClock.adjust("1 minute")
      expect(late.pollUnsafe()).toMatchObject({ value: { _tag: "LoadTimeout" } })
      yield* Fiber.interrupt(running)
    }).pipe(Effect.provide(cacheOver(store, { memory: false })))
  })
})

test("a frame keeps a load time that is negative as none", function*() {
  const directory = yield* tempDirectory
  const store = yield* storeFrom(SqliteStore.layer({ directory }))
  yield* singly(store).set("k", entry(1, 8, { loadMillis: -7_200_000 }))
  expect(store.getUnsafe!("k", []).entry).toMatchObject({ meta: { loadMillis: 0 } })
})

const minute = 60_000
const hour = 60 * minute

/** Uses a cache under a clock that can be set. */
const within = <A, E>(
  layer: Layer.Layer<Caching.Caching>,
  use: (clock: WallAndMonotonic) => Effect.Effect<A, E, any>
): Effect.Effect<A, E, any> =>
  Effect.gen(function*() {
    yield* TestClock.setTime(100 * hour)
    const clock = yield* wallAndMonotonic
    return yield* use(clock).pipe(Effect.provide(layer), Effect.provideService(Clock.Clock, clock.clock))
  })

const testWithin = (layer: Layer.Layer<Caching.Caching>) =>
(
  title: string,
  program: (clock: WallAndMonotonic) => Generator<Effect.Effect<any, any, any>, unknown, never>
) => it.effect(title, () => within(layer, (clock) => Effect.gen(() => program(clock))))

it.effect("a clock that is set back before the first read prolongs nothing that another process has stored", () => {
  const store = sharedWith({})
  const { counts, load } = counting()
  const get = load.pipe(Cached.ttl("k", { ttl: "1 minute" }))
  return within(cacheOver(store), (clock) =>
    Effect.gen(function*() {
      yield* Effect.provide(get, cacheOver(store))
      yield* clock.set(-4000)
      yield* TestClock.adjust("1 minute")
      yield* get
      expect(counts.started).toBe(2)
    }))
})

const millisLeft = Effect.map(Looking.expiresIn("k"), Option.map(Duration.toMillis))

class Key extends CacheKey.Class<Key>()("SetBack", { payload: { id: Schema.String }, success: Schema.Number }) {}

interface Way {
  readonly name: string
  /** Reads a value that is loaded again after a minute without a read: the number of its load. */
  readonly read: (load: Effect.Effect<number>) => Effect.Effect<number, unknown, any>
}

const ways: ReadonlyArray<Way> = [
  { name: "ttl", read: Cached.ttl("k", { ttl: "1 minute" }) },
  { name: "softTtl", read: Cached.softTtl("k", { ttl: "1 day", softTtl: "1 minute" }) },
  { name: "sliding", read: Cached.sliding("k", { idle: "1 minute", ttl: "1 day" }) },
  {
    name: "many",
    read: (load) => {
      const lookup = (keys: ReadonlyArray<Key>) => Effect.map(load, (n) => keys.map(() => Exit.succeed(n)))
      const many = Cached.many(Key, lookup, { ttl: "1 minute" })
      return Effect.flatMap(many([{ id: "a" }]), ([exit]) => exit!)
    }
  },
  {
    name: "a stream",
    read: (load) =>
      Stream.fromEffect(load).pipe(
        Cached.stream("k", { ttl: "1 minute" }),
        Stream.runCollect,
        Effect.map(([n]) => n!)
      )
  },
  {
    name: "derived from another entry",
    read: (load) =>
      load.pipe(
        Cached.ttl("part", { ttl: "1 minute" }),
        Cached.ttl("k", { ttl: "1 day", inherit: "life" })
      )
  }
]

describe.each(cachesAndTiers)("a clock that is set back, over $name", ({ layer }) => {
  const withClock = testWithin(layer())

  it.effect.each(ways)("delays no load: $name", ({ read }) =>
    within(layer(), (clock) =>
      Effect.gen(function*() {
        const { counts, load } = counting()
        const get = read(load)
        yield* get
        yield* TestClock.adjust("30 seconds")
        yield* clock.set(-hour)
        yield* TestClock.adjust("30 seconds")
        yield* get
        expect(counts.started).toBe(2)
        yield* TestClock.adjust("59 seconds")
        // The value that was stored since then lives as long as ever.
        yield* get
        expect(counts.started).toBe(2)
      })))

  withClock("does not prolong the time that is left", function*(clock) {
    const { counts, load } = counting()
    const get = load.pipe(Cached.ttl("k", { ttl: "1 minute" }))
    for (const by of [-hour, -20, -7 * hour, -1]) {
      yield* get
      yield* clock.set(by)
      expect(Option.getOrElse(yield* millisLeft, () => 0)).toBeLessThanOrEqual(minute)
    }
    expect(counts.started).toBeLessThanOrEqual(4)
  })

  withClock("is noticed after an idle time that was longer than that", function*(clock) {
    const { counts, load } = counting()
    const get = load.pipe(Cached.ttl("k", { ttl: "150 minutes" }))
    yield* get
    yield* clock.set(hour)
    yield* get
    yield* TestClock.adjust("2 hours")
    yield* clock.set(-hour)
    yield* get
    expect(counts.started).toBe(2)
  })

  withClock("brings no entry back that had ended while it was ahead", function*(clock) {
    yield* Cached.set("k", 1, { ttl: "1 hour" })
    yield* TestClock.adjust("1 second")
    yield* clock.set(2 * hour)
    expect(yield* Cached.getOption("k")).toEqual(Option.none())
    yield* clock.set(-2 * hour)
    expect(yield* Cached.getOption("k")).toEqual(Option.none())
  })

  withClock("by milliseconds, again and again, changes nothing", function*(clock) {
    const { counts, load } = counting()
    const get = load.pipe(Cached.ttl("k", { ttl: "1 minute" }))
    for (let i = 0; i < 59; i++) {
      yield* get
      yield* TestClock.adjust(1005)
      yield* clock.set(-5)
    }
    yield* get
    expect(counts.started).toBe(1)
    yield* TestClock.adjust("1 second")
    yield* get
    expect(counts.started).toBe(2)
  })

  withClock("during a load does not prolong what it brings", function*(clock) {
    const { counts, load } = counting(10_000)
    const get = load.pipe(Cached.ttl("k", { ttl: "1 minute" }))
    const loading = yield* start(get)
    yield* TestClock.adjust("5 seconds")
    yield* clock.set(-hour)
    yield* TestClock.adjust("5 seconds")
    yield* Fiber.join(loading)
    yield* TestClock.adjust("59 seconds")
    expect(yield* get).toBe(1)
    yield* TestClock.adjust("1 second")
    yield* start(get)
    yield* TestClock.adjust("1 second")
    expect(counts.started).toBe(2)
    yield* TestClock.adjust("10 seconds")
  })

  it.effect("while a machine is suspended its monotonic clock stands still, and entries end all the same", () =>
    within(layer(), (clock) =>
      Effect.gen(function*() {
        const { counts, load } = counting()
        const get = load.pipe(Cached.ttl("k", { ttl: "1 hour" }))
        yield* get
        yield* TestClock.adjust("1 hour")
        yield* clock.suspended(hour)
        yield* get
        expect(counts.started).toBe(2)
      })))
})

describe("a clock that is set back, in memory", () => {
  const withClock = testWithin(CacheLayer.memory())

  withClock("delays no removal of what has ended", function*(clock) {
    for (let i = 0; i < 10; i++) yield* Cached.set(`${i}`, i, { ttl: "1 minute" })
    yield* clock.set(-hour)
    yield* TestClock.adjust("62 seconds")
    expect(yield* Cached.stats).toMatchObject({ size: 0 })
  })

  withClock("keeps no counter longer, nor removes one sooner", function*(clock) {
    const hits = Cached.counter("hits")
    yield* hits.increment({ ttl: "1 minute" })
    yield* TestClock.adjust("30 seconds")
    yield* clock.set(-hour)
    expect(yield* hits.increment({ ttl: "1 minute" })).toBe(2)
    expect(yield* hits.expiresIn).toEqual(Option.some(Duration.seconds(30)))
    yield* TestClock.adjust("29 seconds")
    expect(yield* hits.get).toBe(2)
    yield* TestClock.adjust("1 second")
    expect(yield* hits.get).toBe(0)
  })

  withClock("shows the times that the clock would have shown", function*(clock) {
    yield* Cached.set("k", 1, { ttl: "1 minute" })
    const before = Option.getOrThrow(yield* Cached.getEntry("k"))
    yield* clock.set(-hour)
    const after = Option.getOrThrow(yield* Cached.getEntry("k"))
    expect([after.createdAt, after.expiresAt]).toEqual([before.createdAt - hour, before.expiresAt - hour])
  })

  withClock("a hit reads the monotonic clock about once a second", function*(clock) {
    const get = Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour" }))
    yield* get
    const before = clock.looks()
    for (let i = 0; i < 100; i++) yield* get
    expect(clock.looks()).toBe(before)
  })
})

describe("a store that two machines share", () => {
  /** Two caches over one store, whose clocks differ. Gives how often both together load one key that both read. */
  const loadsAt = (aheadMillis: number, options: CacheLayer.LayerOptions) =>
    Effect.gen(function*() {
      yield* TestClock.setTime(100 * hour)
      const store = Layer.succeed(Store.Store, MemoryStore.make())
      const { counts, load } = counting()
      const machine = (by: number) =>
        Effect.gen(function*() {
          const { clock, set } = yield* wallAndMonotonic
          yield* set(by)
          const context = yield* Layer.build(Layer.fresh(Layer.provide(CacheLayer.layer(options), store))).pipe(
            Effect.provideService(Clock.Clock, clock)
          )
          return load.pipe(
            Cached.ttl("k", { ttl: "1 hour" }),
            Effect.provide(context),
            Effect.provideService(Clock.Clock, clock)
          )
        })
      const [ahead, behind] = [yield* machine(aheadMillis), yield* machine(0)]
      for (let i = 0; i < 20; i++) {
        yield* ahead
        yield* behind
        yield* TestClock.adjust("1 second")
      }
      return counts.started
    }).pipe(Effect.scoped)

  test.each([[clocks.aheadMillis, 1], [clocks.aheadMillis + 1, 2]] as const)(
    "%i ms apart load a key %i times",
    function*([apart, loads]) {
      expect(yield* loadsAt(apart, {})).toBe(loads)
      expect(yield* loadsAt(apart, { memory: false })).toBe(loads)
    }
  )

  test("lets an entry of a machine that is 5 seconds ahead live no longer than its ttl", function*() {
    const store = Layer.succeed(Store.Store, MemoryStore.make())
    const layer = Layer.fresh(Layer.provide(CacheLayer.layer(), store))
    yield* TestClock.setTime(100 * hour)
    const { clock, set } = yield* wallAndMonotonic
    yield* set(5000)
    yield* Cached.set("k", 1, { ttl: "1 minute" }).pipe(
      Effect.provide(layer),
      Effect.provideService(Clock.Clock, clock)
    )
    const found = Option.getOrThrow(yield* Effect.provide(Cached.getEntry("k"), layer))
    expect([found.createdAt, found.expiresAt]).toEqual([100 * hour, 100 * hour + minute])
  })

  test.each(caches.filter(({ store }) => store))(
    "holds nothing of the future that a condition sees: $name",
    function*({ layer }) {
      yield* TestClock.setTime(100 * hour)
      const { clock, set } = yield* wallAndMonotonic
      yield* Effect.gen(function*() {
        yield* set(hour)
        yield* Cached.set("k", 1, { ttl: "1 minute" })
        yield* set(-hour)
        expect(yield* Cached.set("k", 2, { ttl: "1 minute", ifAbsent: true })).toBe(true)
      }).pipe(Effect.provide(layer({ capacity: 1 })), Effect.provideService(Clock.Clock, clock))
    }
  )
})

test("a clock that is set back while a value is set does not prolong its lifetime", function*() {
  yield* TestClock.setTime(100 * hour)
  const { clock, set } = yield* wallAndMonotonic
  const store = MemoryStore.make()
  const slow: Store.Store = {
    ...store,
    getUnsafe: undefined,
    get: (id, tags) => Effect.delay(store.get(id, tags), 100)
  }
  const layer = Layer.provide(CacheLayer.layer(), Layer.succeed(Store.Store, slow))
  yield* Effect.gen(function*() {
    const setting = yield* start(Cached.set("k", 1, { ttl: "1 minute", keepTtl: true }))
    yield* TestClock.adjust(50)
    yield* set(-hour)
    yield* TestClock.adjust(50)
    yield* Fiber.join(setting)
    yield* TestClock.adjust(minute - 100)
    expect(yield* taking(100, Cached.getOption("k"))).toEqual(Option.none())
  }).pipe(Effect.provide(layer), Effect.provideService(Clock.Clock, clock))
})

test.each(["life", "default", "age"] as const)(
  "a clock that is set back while a load runs does not prolong what it inherits: %s",
  function*(inherit) {
    yield* TestClock.setTime(100 * hour)
    const { clock, set } = yield* wallAndMonotonic
    let loads = 0
    const part = Cached.ttl(Effect.succeed("part"), "part", { ttl: "1 minute" })
    const whole = Cached.ttl(
      Effect.suspend(() => {
        loads++
        return Effect.delay(Effect.as(Effect.andThen(part, Effect.sleep(100)), loads), 1)
      }),
      "whole",
      { ttl: "2 minutes", ...inherit === "default" ? {} : { inherit } }
    )
    yield* Effect.gen(function*() {
      yield* part
      yield* TestClock.adjust(minute / 2)
      const loading = yield* start(whole)
      yield* TestClock.adjust(50)
      yield* set(-hour)
      yield* TestClock.adjust(51)
      expect(yield* Fiber.join(loading)).toBe(1)
      const left = inherit === "age" ? 1.5 * minute : minute / 2
      yield* TestClock.adjust(left - 200)
      expect(yield* whole).toBe(1)
      yield* TestClock.adjust(200)
      expect(yield* taking(101, whole)).toBe(2)
    }).pipe(Effect.provide(CacheLayer.memory()), Effect.provideService(Clock.Clock, clock))
  }
)
