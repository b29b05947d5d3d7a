/** `flights: "private"`: each reader loads for itself, and what is stored is shared. */
import { describe, expect, it } from "@effect/vitest"
import { type Duration, Effect, Exit, Fiber, Layer, Logger, Option, References, Scheduler, Schema, Scope } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, Caching, type Strategy } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { over, start as startEngine } from "../../src/internal/engine/boundCache.ts"
import { sizesOf } from "../proofs/soak/sizes.ts"
import { caches, counting, elapse, ended, fakeStore, settle, start, started } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

/** Keeps what it is handed, and runs it as a platform does. */
const platform = () => {
  const handed: Array<Fiber.Fiber<void>> = []
  return {
    handed,
    provide: Effect.provideService(CachePolicy.WaitUntil, (rest) => void handed.push(Effect.runFork(rest)))
  }
}

class Item extends CacheKey.Class<Item>()("Item", { payload: { id: Schema.Int }, success: Schema.String }) {}

class Count extends CacheKey.Class<Count>()("Count", { payload: { id: Schema.Int }, success: Schema.Int }) {}

/** A lookup that notes what it is asked for, and answers with the number of its call. */
const numbered = (strategy: Strategy.Input, delay: Duration.Input = 0) => {
  const calls: Array<ReadonlyArray<number>> = []
  const lookup = (keys: ReadonlyArray<Item>) =>
    Effect.suspend(() => {
      const n = calls.push(keys.map(({ id }) => id))
      return Effect.delay(Effect.succeed(keys.map(({ id }) => Exit.succeed(`${id}#${n}`))), delay)
    })
  return { calls, items: Cached.many(Item, lookup, strategy as { readonly ttl: "1 hour" }) }
}

const ttl = { ttl: "1 hour" } as const
const ahead = { ttl: "1 hour", refreshAfter: "1 minute" } as const

describe.each(caches)("private flights over $name", ({ layer }) => {
  const provided = Effect.provide(layer({ flights: "private" }))
  const test = testIn(layer({ flights: "private" }))

  test("four readers at once load for themselves; later ones are served what was stored first", function*() {
    const { counts, load } = counting(1000)
    const get = Cached.ttl(load, "k", ttl)
    const readers = yield* Effect.forEach([1, 2, 3, 4], () => start(get))
    yield* TestClock.adjust("2 seconds")
    expect(readers.map(ended)).toEqual([1, 2, 3, 4].map((n) => Exit.succeed(n)))
    expect(yield* get).toBe(1)
    expect(counts.started).toBe(4)
  })

  /** Runs refreshes that overlap, each with a read after it. Returns the value at the end. */
  const overlapping = (
    get: Effect.Effect<number, never, Caching.Caching>,
    refresh: Effect.Effect<number, never, Caching.Caching>
  ) =>
    Effect.gen(function*() {
      yield* start(get)
      yield* TestClock.adjust("1 second")
      const reader = Effect.all([refresh, get])
      const readers: Array<Fiber.Fiber<[number, number]>> = []
      for (let i = 0; i < 20; i++) {
        readers.push(yield* start(reader))
        yield* elapse(30)
      }
      yield* TestClock.adjust("1 second")
      for (const fiber of readers) {
        const [own, after] = yield* Fiber.join(fiber)
        expect(after).toBeGreaterThanOrEqual(own)
      }
      return yield* get
    })

  test("refreshes that overlap are stored, and a read after one's own never gets what was before it", function*() {
    let runs = 0
    const get = Effect.suspend(() => Effect.delay(Effect.succeed(++runs), 100)).pipe(Cached.ttl("k", ttl))
    // Each read after a refresh was a hit.
    expect(yield* overlapping(get, CachePolicy.refresh(get))).toBe(21)
    expect(runs).toBe(21)
  })

  test("so are refreshes of many keys", function*() {
    let runs = 0
    const counts = Cached.many(
      Count,
      (keys) => Effect.suspend(() => Effect.delay(Effect.succeed(keys.map(() => Exit.succeed(++runs))), 100)),
      { ttl: "1 hour" }
    )
    const first = Effect.flatMap(([one]: ReadonlyArray<Exit.Exit<number>>) => one!)
    const ids = [{ id: 1 }, { id: 2 }]
    expect(yield* overlapping(first(counts(ids)), first(counts.refresh(ids)))).toBe(41)
    expect(runs).toBe(42)
  })

  test("a reader is not held up by a load that never ends, nor by one that ignores its interruption", function*() {
    const stuck = yield* start(Cached.ttl(Effect.never, "k", ttl))
    const stubborn = yield* started(Cached.ttl(Effect.uninterruptible(Effect.sleep("1 day")), "k", ttl))
    const leaving = yield* start(Fiber.interrupt(stubborn))
    const reader = yield* started(Cached.ttl(Effect.succeed("mine"), "k", ttl))
    expect(ended(reader)).toEqual(Exit.succeed("mine"))
    yield* Fiber.interrupt(stuck)
    yield* TestClock.adjust("1 day")
    yield* Fiber.join(leaving)
  })

  test("the interruption of a reader ends its load, and no other", function*() {
    const { counts, load } = counting(1000)
    const get = Cached.ttl(load, "k", ttl)
    const [first, second] = [yield* start(get), yield* start(get)]
    yield* settle
    yield* Fiber.interrupt(first)
    expect(counts.interrupted).toBe(1)
    yield* TestClock.adjust("1 second")
    expect(ended(second)).toEqual(Exit.succeed(2))
  })

  const changes: ReadonlyArray<readonly [what: string, change: Effect.Effect<unknown, unknown, Caching.Caching>]> = [
    ["invalidated by key", Cached.invalidate("k")],
    ["invalidated by tag", Cached.invalidate({ tag: "t" })],
    ["invalidated by pattern", Cached.invalidate({ matching: "k*" })],
    ["cleared", Cached.clear],
    ["set", Cached.set("k", "set", { ttl: "1 hour" })],
    ["loaded again", CachePolicy.refresh(Cached.ttl(Effect.succeed("again"), "k", ttl))]
  ]
  test.each(changes)("a value that is %s while it loads is not stored", function*([, change]) {
    yield* settle
    const reader = yield* started(
      Cached.ttl(Effect.delay(Effect.succeed("old"), "1 second"), "k", { ...ttl, tags: ["t"] })
    )
    yield* change
    yield* TestClock.adjust("1 second")
    expect(ended(reader)).toEqual(Exit.succeed("old"))
    expect(yield* Cached.ttl(Effect.succeed("new"), "k", ttl)).not.toBe("old")
  })

  test("a value that was invalidated while it loads is no previous value", function*() {
    const key = new Item({ id: 1 })
    const get = Effect.gen(function*() {
      yield* Effect.sleep("1 second")
      return Option.isSome(yield* Cached.previous(Item)) ? "compared" : "loaded"
    }).pipe(Cached.ttl(key, { ttl: "1 hour" }))
    yield* Cached.set(key, "old", { ttl: "1 hour" })
    const readers = [yield* start(CachePolicy.refresh(get))]
    yield* settle
    yield* elapse("1 second")
    expect(readers.map(ended)).toEqual([Exit.succeed("compared")])
    readers.push(yield* start(CachePolicy.refresh(get)))
    yield* settle
    yield* Cached.invalidate(key)
    yield* settle
    yield* elapse("1 second")
    expect(ended(readers[1]!)).toEqual(Exit.succeed("loaded"))
  })

  test("an explicit refresh loads for itself", function*() {
    const { load } = counting(1000)
    const get = CachePolicy.refresh(Cached.ttl(load, "k", ttl))
    const [first, second] = [yield* start(get), yield* start(get)]
    yield* TestClock.adjust("2 seconds")
    expect([ended(first), ended(second)]).toEqual([Exit.succeed(1), Exit.succeed(2)])
    expect(yield* Cached.ttl(load, "k", ttl)).toBe(2)
  })

  describe("a refresh in the background", () => {
    test("without a platform there is none", function*() {
      const { counts, load } = counting()
      const get = Cached.refreshAhead(load, "k", ahead)
      yield* get
      yield* TestClock.adjust("2 minutes")
      expect(yield* get).toBe(1)
      yield* settle
      expect(counts.started).toBe(1)
      yield* TestClock.adjust("1 hour")
      expect(yield* get).toBe(2)
    })

    test("is handed to the platform, once for all readers, and renews the entry", function*() {
      const { handed, provide } = platform()
      const { counts, load } = counting(1000)
      const get = provide(Cached.refreshAhead(load, "k", ahead))
      yield* started(get)
      yield* elapse("1 second")
      yield* TestClock.adjust("2 minutes")
      expect(yield* Effect.all([get, get, get])).toEqual([1, 1, 1])
      yield* settle
      expect(yield* get).toBe(1)
      expect([handed.length, counts.started]).toEqual([1, 2])
      expect(ended(handed[0]!)).toBe("still waiting")
      yield* TestClock.adjust("1 second")
      expect(ended(handed[0]!)).toEqual(Exit.void)
      expect(yield* get).toBe(2)
      expect(handed.length).toBe(1)
    })

    test("is never handed on before the reader has its value, and does not begin inside its read", function*() {
      const order: Array<string> = []
      const load = Effect.sync(() => order.push("load"))
      const get = platform().provide(Cached.refreshAhead(load, "k", ahead))
      yield* get
      yield* TestClock.adjust("2 minutes")
      yield* Effect.map(get, () => order.push("served"))
      yield* settle
      expect(order).toEqual(["load", "served", "load"])
    })

    test("which the platform stops, or forgets, leaves the entry due", function*() {
      const { handed, provide } = platform()
      const { counts, load } = counting(1000)
      const get = Cached.refreshAhead(load, "k", ahead)
      yield* started(get)
      yield* elapse("1 second")
      yield* TestClock.adjust("2 minutes")
      yield* provide(get)
      yield* settle
      yield* Fiber.interrupt(handed[0]!)
      expect(counts.interrupted).toBe(1)
      // Again at once.
      yield* Effect.provideService(get, CachePolicy.WaitUntil, () => {})
      expect(counts.started).toBe(2)
      // Not while it may run: `refresh.timeout`.
      yield* provide(get)
      expect(handed.length).toBe(1)
      yield* TestClock.adjust("1 minute")
      yield* provide(get)
      yield* TestClock.adjust("1 second")
      expect(yield* get).toBe(3)
    })

    testIn()("where the platform throws, is none, and one warning says so", function*() {
      const said: Array<unknown> = []
      const logger = Logger.layer([Logger.make(({ message }) => void said.push(message))])
      yield* Effect.gen(function*() {
        const { counts, load } = counting()
        const get = Cached.refreshAhead(load, "k", ahead)
        const broken = Effect.provideService(get, CachePolicy.WaitUntil, () => {
          throw new Error("no request")
        })
        yield* get
        yield* TestClock.adjust("2 minutes")
        expect(yield* Effect.all([broken, broken])).toEqual([1, 1])
        yield* settle
        expect(counts.started).toBe(1)
        expect(said.map(String).filter((text) => text.includes("WaitUntil"))).toHaveLength(1)
        const { provide } = platform()
        yield* provide(get)
        yield* settle
        expect(yield* get).toBe(2)
      }).pipe(provided, Effect.provide(logger), Effect.provideService(References.MinimumLogLevel, "Debug"))
    })

    test("of many keys is one call", function*() {
      const { handed, provide } = platform()
      const { calls, items } = numbered({ strategy: "refreshAhead", ttl: "1 hour", refreshAfter: "1 minute" })
      const read = provide(items([{ id: 1 }, { id: 2 }]))
      expect(yield* read).toEqual([Exit.succeed("1#1"), Exit.succeed("2#1")])
      yield* TestClock.adjust("2 minutes")
      expect(yield* read).toEqual([Exit.succeed("1#1"), Exit.succeed("2#1")])
      yield* TestClock.adjust("1 second")
      expect(yield* read).toEqual([Exit.succeed("1#2"), Exit.succeed("2#2")])
      expect(calls).toEqual([[1, 2], [1, 2]])
      expect(handed).toHaveLength(1)
    })
  })

  describe("past its softTimeout a load", () => {
    const soft = { ttl: "1 hour", softTtl: "1 minute", softTimeout: "1 second" } as const
    const readLate = (provide: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) =>
      Effect.gen(function*() {
        const slow = counting(5000)
        yield* Cached.softTtl(Effect.succeed(0), "k", soft)
        yield* TestClock.adjust("2 minutes")
        const reader = yield* start(provide(Cached.softTtl(slow.load, "k", soft)))
        yield* TestClock.adjust("1 second")
        expect(ended(reader)).toEqual(Exit.succeed(0))
        yield* TestClock.adjust("5 seconds")
        return slow.counts
      })

    test("ends with its reader", function*() {
      expect(yield* readLate((effect) => effect)).toEqual({ started: 1, ended: 0, interrupted: 1 })
    })

    test("continues where the platform keeps it alive", function*() {
      const { handed, provide } = platform()
      expect(yield* readLate(provide)).toEqual({ started: 1, ended: 1, interrupted: 0 })
      expect(handed.map(ended)).toEqual([Exit.void])
      expect(yield* Cached.softTtl(Effect.succeed(2), "k", soft)).toBe(1)
    })
  })

  test("many keys are loaded by each reader in one call", function*() {
    const { calls, items } = numbered({ ttl: "1 hour" }, "1 second")
    const read = items([{ id: 1 }, { id: 2 }])
    const readers = [yield* start(read), yield* start(read)]
    yield* TestClock.adjust("2 seconds")
    const first = [Exit.succeed("1#1"), Exit.succeed("2#1")]
    expect(readers.map(ended)).toEqual([first, [Exit.succeed("1#2"), Exit.succeed("2#2")]].map(Exit.succeed))
    expect(yield* read).toEqual(first)
    expect(calls).toEqual([[1, 2], [1, 2]])
  })

  it.effect("a load that needs itself is a CacheCycle; one that needs thousands of others is not", () =>
    Effect.gen(function*() {
      const self: Effect.Effect<number, never, Caching.Caching> = Effect.suspend(() => Cached.ttl(self, "k", ttl))
      const around = Cached.ttl(self, "around", { ttl: "1 hour" })
      const exit = yield* Effect.exit(around)
      expect(Exit.isFailure(exit) && exit.cause.reasons.map((reason) => Reflect.get(reason, "defect"))).toEqual([
        expect.objectContaining({ _tag: "CacheCycle", path: ["k", "k"] })
      ])
      let loads = 0
      const sum = (n: number): Effect.Effect<number, never, Caching.Caching> =>
        Effect.suspend(() => (loads++, n === 0 ? Effect.succeed(0) : Effect.map(sum(n - 1), (rest) => rest + 1))).pipe(
          Cached.ttl(`sum ${n}`, { ttl: "1 hour" })
        )
      expect([yield* sum(3000), yield* sum(3000)]).toEqual([3000, 3000])
      expect(loads).toBe(3001)
    }).pipe(Effect.provide(layer({ flights: "private", capacity: 20_000 }))))
})

describe("private flights", () => {
  const others: { readonly [what: string]: Effect.Effect<unknown, unknown, Caching.Caching> } = {
    "has set": Cached.set("k", "set", { ttl: "1 hour" }),
    "has removed": Cached.remove("k"),
    "has removed and loaded": Effect.andThen(Cached.remove("k"), Cached.ttl(Effect.succeed("other"), "k", ttl))
  }
  test.each(Object.keys(others))(
    "a refresh behind another one does not replace what another process %s",
    function*(what) {
      const store = MemoryStore.make()
      const shared: Store.Store = { ...store, capabilities: { shared: true, changes: false } }
      const over = (options: CacheLayer.LayerOptions) =>
        Layer.build(Layer.fresh(Layer.provide(CacheLayer.layer(options), Layer.succeed(Store.Store, shared))))
      const [own, other] = [yield* over({ flights: "private", memory: false }), yield* over({ memory: false })]
      let runs = 0
      const get = Effect.suspend(() => Effect.delay(Effect.succeed(`#${++runs}`), 100)).pipe(Cached.ttl("k", ttl))
      const refresh = Effect.provide(CachePolicy.refresh(get), own)
      const first = yield* start(refresh)
      yield* TestClock.adjust(30)
      const second = yield* start(refresh)
      yield* TestClock.adjust(80)
      expect(ended(first)).toEqual(Exit.succeed("#1"))
      yield* Effect.provide(others[what]!, other)
      yield* TestClock.adjust(100)
      expect(ended(second)).toEqual(Exit.succeed("#2"))
      expect(yield* Effect.provide(Cached.getOption("k"), other)).not.toEqual(Option.some("#2"))
    }
  )

  test("hold no lease that another reader would wait for", function*() {
    const fake = fakeStore()
    const asked: Array<unknown> = []
    const acquire: Store.Store["acquire"] = (requests) => (
      asked.push(...requests.map(({ join }) => join)), fake.store.acquire(requests)
    )
    const shared = { ...fake.store, acquire, capabilities: { ...fake.store.capabilities, shared: true } }
    const layer = Layer.provide(CacheLayer.layer({ flights: "private" }), Layer.succeed(Store.Store, shared))
    const { load } = counting(1000)
    const get = Cached.ttl(load, "k", { ...ttl, shareLoad: true })
    yield* Effect.gen(function*() {
      const readers = [yield* start(get), yield* start(get)]
      yield* settle
      yield* elapse("1 second")
      expect(readers.map(ended)).toEqual([Exit.succeed(1), Exit.succeed(2)])
    }).pipe(Effect.provide(layer))
    expect(asked).toEqual([true, true])
  })

  test("of readers that are stopped without a word leave nothing behind", function*() {
    const engine = yield* startEngine({ ...Caching.defaults, flights: "private" })
    const cache = over(engine)
    const get = Cached.refreshAhead(Effect.never, "k", ahead).pipe(
      Effect.provideService(Caching.Caching, cache),
      Effect.provideService(CachePolicy.WaitUntil, () => {})
    )
    const leave = Effect.sync(() => {
      Effect.runFork(get)
      Effect.runFork(CachePolicy.refresh(get))
      Effect.runFork(
        Cached.softTtl(Effect.never, "soft", { ...ttl, softTtl: "1 milli", softTimeout: "1 day" }).pipe(
          Effect.provideService(Caching.Caching, cache)
        )
      )
    })
    yield* leave
    const before = sizesOf(engine)
    for (let i = 0; i < 1000; i++) yield* leave
    expect(Object.fromEntries(sizesOf(engine))).toEqual(Object.fromEntries(before))
    // A later caller is served.
    const other = Effect.provideService(Cached.ttl(Effect.succeed(1), "k", ttl), Caching.Caching, cache)
    expect(yield* other).toBe(1)
  })

  test("wait for no turn but their readers', as the one that built the layer may be over", function*() {
    const stopped: Scheduler.Scheduler = {
      ...{ executionMode: "async", shouldYield: () => false },
      makeDispatcher: () => ({ scheduleTask: () => {}, flush: () => {} })
    }
    const starting = startEngine({ ...Caching.defaults, flights: "private" })
    const cache = over(yield* Effect.provideService(starting, Scheduler.Scheduler, stopped))
    const sum = (n: number): Effect.Effect<number, never, Caching.Caching> =>
      Effect.suspend(() => n === 0 ? Effect.succeed(0) : Effect.map(sum(n - 1), (rest) => rest + 1)).pipe(
        Cached.ttl(`sum ${n}`, { ttl: "1 hour" }),
        CachePolicy.refresh
      )
    const reader = yield* started(Effect.provideService(sum(1000), Caching.Caching, cache))
    expect(ended(reader)).toEqual(Exit.succeed(1000))
  })

  test("end with CacheClosed where they begin after the close", function*() {
    const scope = yield* Scope.make()
    const { "0": context } = [yield* Layer.buildWithScope(CacheLayer.memory({ flights: "private" }), scope)]
    const { load } = counting(1000)
    const reader = yield* start(Effect.provide(Cached.ttl(load, "k", ttl), context))
    yield* Scope.close(scope, Exit.void)
    yield* TestClock.adjust("1 second")
    // Its own load, which the close does not concern.
    expect(ended(reader)).toEqual(Exit.succeed(1))
    const late = yield* Effect.exit(Effect.provide(Cached.ttl(load, "k", ttl), context))
    expect(String(late)).toContain("CacheClosed")
  })

  it("are an option that is checked", () => {
    expect(() => CacheLayer.memory({ flights: "own" as "private" })).toThrow(CacheError.CacheConfigError)
    expect(() => CacheLayer.memory({ flights: "own" as "private" })).toThrow(
      "flights of CacheLayer.memory must be \"shared\" or \"private\""
    )
  })
})
