/** Events: which ones, in which order, and for which listeners. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Deferred, Effect, Exit, Fiber, Layer, Logger, Option, Schema, Stream } from "effect"
import { Cached, type CacheEvent, CacheKey, CacheLayer, CachePolicy, Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { StoreError } from "effect-cached/CacheError"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { type Cache, cacheOf } from "../../src/internal/engine/boundCache.ts"
import type { Engine } from "../../src/internal/engine/engine.ts"
import { listen, onRemoval } from "../../src/internal/engine/operations/removals.ts"
import * as Operations from "../../src/internal/engine/operationTable.ts"
import { caches, counting, fakeStore, over, settle, start, started, taking, within } from "../support/caches.ts"
import { listenersOf } from "../support/listeners.ts"
import { test, testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { city: Schema.String },
  success: Schema.Int,
  error: Schema.String,
  tags: ({ city }) => [`city:${city}`]
}) {}

const berlin = new Weather({ city: "Berlin" })

/** Collects events; each call returns those since the last call. */
const watch = Effect.gen(function*() {
  const told: Array<CacheEvent.CacheEvent> = []
  yield* Effect.forkScoped(
    Stream.runForEach(Cached.events(), (event) => Effect.sync(() => told.push(event))),
    { startImmediately: true }
  )
  return Effect.andThen(settle, Effect.sync(() => told.splice(0)))
})

const inShort = (event: CacheEvent.CacheEvent): string => {
  switch (event._tag) {
    case "Hit":
      return `Hit ${event.source}`
    case "Load":
      return `Load ${event.outcome}${event.refresh ? " refresh" : ""} ${event.millis}`
    default:
      return event._tag
  }
}

const shortly = (told: Effect.Effect<Array<CacheEvent.CacheEvent>>) =>
  Effect.map(told, (events) => events.map((event) => inShort(event)))

const soft = { ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" } as const

describe.each(caches)("over $name, events arrive in their order:", (cache) => {
  const test = testIn(cache.layer({ capacity: 100 }))
  const hit = cache.memory ? "Hit memory" : "Hit store"
  const isLate = cache.name.startsWith("an asynchronous")

  test("a miss, its load and a hit", function*() {
    const told = yield* Effect.map(watch, shortly)
    const { load } = counting(100)
    yield* taking(100, Cached.ttl(load, berlin, { ttl: "1 hour" }))
    expect(yield* told).toEqual(["Miss", "Load success 100"])
    yield* Cached.ttl(load, berlin, { ttl: "1 hour" })
    expect(yield* told).toEqual([hit])
  })

  test("a joining caller counts as a miss too where there is nothing to serve", function*() {
    const told = yield* Effect.map(watch, shortly)
    const { load } = counting(100)
    const read = Cached.ttl(load, berlin, { ttl: "1 hour" })
    const readers = yield* Effect.all([start(read), start(read)])
    yield* settle
    const last = yield* start(read)
    yield* TestClock.adjust(100)
    yield* Fiber.joinAll([...readers, last])
    expect(yield* told).toEqual([
      // While the store is asked the answer is not known yet.
      ...isLate ? ["Joined", "Miss", "Miss"] : ["Miss", "Miss", "Joined"],
      "Miss",
      "Joined",
      "Load success 100"
    ])
    const { joined, loads, misses } = yield* Cached.stats
    expect({ joined, loads, misses }).toEqual({ joined: 2, loads: 1, misses: 3 })
  })

  test("a load that fails, dies, or is interrupted", function*() {
    const told = yield* Effect.map(watch, shortly)
    const options = { ttl: "1 hour" } as const
    yield* Effect.exit(Cached.ttl(Effect.fail("secret"), berlin, options))
    yield* Effect.exit(Cached.ttl(Effect.die("secret"), berlin, options))
    const reader = yield* started(Cached.ttl(Effect.never, berlin, options))
    yield* Fiber.interrupt(reader)
    expect(yield* told).toEqual(["Miss", "Load failure 0", "Miss", "Load failure 0", "Miss", "Load interrupted 0"])
  })

  test("a load that has found the value still right", function*() {
    const told = yield* Effect.map(watch, shortly)
    const load = Effect.flatMap(
      Cached.previous(Weather),
      (previous) => Option.isSome(previous) ? Cached.notModified : Effect.succeed(1)
    )
    yield* Cached.softTtl(load, berlin, soft)
    yield* TestClock.adjust("2 minutes")
    expect(yield* Cached.softTtl(load, berlin, soft)).toBe(1)
    yield* Cached.softTtl(load, berlin, soft)
    expect(yield* told).toEqual(["Miss", "Load success 0", "Miss", "Load notModified 0", hit])
  })

  test("a refresh behind a hit", function*() {
    const told = yield* Effect.map(watch, shortly)
    const read = Cached.refreshAhead(counting(100).load, berlin, { ttl: "1 hour", refreshAfter: "1 minute" })
    yield* taking("2 minutes", read)
    yield* told
    expect(yield* read).toBe(1)
    yield* settle
    yield* TestClock.adjust(100)
    expect(yield* told).toEqual(["Refresh", hit, "Load success refresh 100"])
  })

  test("stale values: for a failure, for a while after it, and for a load that takes too long", function*() {
    const told = yield* Effect.map(watch, shortly)
    const { load } = counting(10_000)
    yield* Cached.softTtl(Effect.succeed(0), berlin, soft)
    yield* TestClock.adjust("2 minutes")
    yield* told
    const down = Cached.softTtl(Effect.fail("down"), berlin, soft)
    expect(yield* down).toBe(0)
    expect(yield* told).toEqual(["Miss", "Load failure 0", "Stale"])
    expect(yield* down).toBe(0)
    expect(yield* told).toEqual(["Stale"])
    yield* TestClock.adjust("5 seconds")
    const slow = yield* started(Cached.softTtl(load, berlin, { ...soft, softTimeout: "1 second" }))
    yield* TestClock.adjust("1 second")
    expect(yield* Fiber.join(slow)).toBe(0)
    expect(yield* told).toEqual(["Miss", "Stale"])
    yield* TestClock.adjust("9 seconds")
    expect(yield* told).toEqual(["Load success 10000"])
    expect(yield* Cached.stats).toMatchObject({ stale: 3, misses: 3, loads: 3, loadFailures: 1 })
  })

  test("writes that store, and writes that do not", function*() {
    const told = yield* Effect.map(watch, shortly)
    yield* Cached.set(berlin, 1)
    expect(yield* Cached.set(berlin, 2, { ifAbsent: true }).pipe(Effect.orElseSucceed(() => false))).toBe(false)
    yield* Cached.setMany([["k", 2], ["l", 3]])
    expect((yield* told).toSorted()).toEqual(["Set", "Set", "Set"])
    yield* Cached.set(berlin, 1, { ttl: 0 })
    expect(yield* told).toEqual(["Invalidate"])
  })

  test("a result that came too late", function*() {
    const told = yield* Effect.map(watch, shortly)
    const reader = yield* started(Cached.ttl(counting(100).load, "k", { ttl: "1 hour", tags: ["t"] }))
    yield* Cached.invalidate("k")
    yield* TestClock.adjust(100)
    yield* Fiber.join(reader)
    expect(yield* told).toEqual(["Miss", "Invalidate", "Refused", "Load success 100"])
  })

  test("invalidations: of keys, of tags, of all, hard and soft", function*() {
    const told = yield* watch
    const nothing = { _tag: "Invalidate", ids: [], tags: [], mode: "hard", all: false }
    yield* Cached.invalidate([])
    yield* Cached.invalidate(["k", berlin])
    yield* Cached.invalidate({ tag: "t" })
    yield* Cached.invalidate({ tag: "t" }, { mode: "soft" })
    yield* Cached.clear
    expect(yield* told).toEqual([
      { ...nothing, ids: ["k", CacheKey.id(berlin)] },
      { ...nothing, tags: ["t"] },
      { ...nothing, tags: ["t"], mode: "soft" },
      { ...nothing, all: true }
    ])
  })

  test("each of many, by its own key", function*() {
    const told = yield* watch
    const many = Cached.many(
      Weather,
      (keys) => Effect.succeed(keys.map(({ city }) => city === "Atlantis" ? Exit.fail("sunk") : Exit.succeed(1))),
      {
        ttl: "1 hour"
      }
    )
    yield* many([{ city: "Berlin" }, { city: "Atlantis" }])
    yield* many([{ city: "Berlin" }])
    const atlantis = CacheKey.id(new Weather({ city: "Atlantis" }))
    const events = (yield* told).map((event) => [inShort(event), "id" in event ? event.id : ""])
    expect(events.toSorted()).toEqual([
      [hit, CacheKey.id(berlin)],
      ["Load failure 0", atlantis],
      ["Load success 0", CacheKey.id(berlin)],
      ["Miss", atlantis],
      ["Miss", CacheKey.id(berlin)]
    ].toSorted())
  })
})

testIn(CacheLayer.memory({ capacity: 2 }))("an id with the name of its class, and never a value", function*() {
  const told = yield* watch
  const id = CacheKey.id(berlin)
  const secret = "of a private kind"
  for (const key of [berlin, "k"]) {
    const read = <A, E>(load: Effect.Effect<A, E>) => Cached.softTtl(load, key as string, soft)
    yield* read(Effect.succeed({ secret }))
    yield* TestClock.adjust("2 minutes")
    yield* read(Effect.fail(secret))
    yield* Cached.invalidate(key)
    yield* Effect.exit(read(Effect.fail(secret)))
    yield* Cached.set(key as string, secret)
    yield* read(Effect.die(secret))
  }
  for (let i = 0; i < 3; i++) yield* Cached.set(new Weather({ city: `${i}` }), 1)
  const events = yield* told
  expect(events.length).toBe(26)
  for (const event of events) {
    if (!("id" in event)) continue
    expect(event.keyClass).toBe(event.id === "k" ? undefined : "Weather")
  }
  expect(events.filter((event) => "id" in event && event.id === id).length).toBe(10)
  expect(events.filter(({ _tag }) => _tag === "Evict")).toEqual([
    { _tag: "Evict", id, keyClass: "Weather", ageMillis: 120_000 },
    { _tag: "Evict", id: "k", keyClass: undefined, ageMillis: 0 },
    { _tag: "Evict", id: CacheKey.id(new Weather({ city: "0" })), keyClass: "Weather", ageMillis: 0 }
  ])
  expect(inspect(events, { depth: 10 })).not.toContain(secret)
})

describe("a store", () => {
  test("that fails is reported, by operation and reason", function*() {
    const fake = fakeStore()
    const test = Effect.gen(function*() {
      const told = yield* watch
      const failing = new StoreError({ store: "fake", operation: "get", reason: "Full" })
      fake.behave = (operation) => operation === "get" ? { before: Effect.fail(failing) } : {}
      yield* Cached.ttl(Effect.succeed(1), berlin, { ttl: "1 hour" })
      const events = yield* told
      expect(events[0]).toEqual({ _tag: "StoreFailure", operation: "get", reason: "Full" })
      expect(events.filter(({ _tag }) => _tag !== "StoreFailure").map((event) => inShort(event)))
        .toEqual(["Miss", "Load success 0"])
      expect((yield* Cached.stats).storeFailures).toBe(events.length - 2)
    })
    yield* Effect.provide(test, over(fake))
  })

  test("with a value that cannot be written, or read back, is reported too", function*() {
    const fake = fakeStore()
    const test = Effect.gen(function*() {
      const told = yield* watch
      yield* Cached.ttl(Effect.succeed("no number" as never), berlin, { ttl: "1 hour" })
      expect((yield* told).filter(({ _tag }) => _tag === "StoreFailure"))
        .toEqual([{ _tag: "StoreFailure", operation: "encode", reason: "Corrupt" }])
      yield* Cached.set(berlin, 1)
      const id = CacheKey.id(berlin)
      const stored = fake.entries.get(id)!
      fake.entries.set(id, { ...stored, payload: Uint8Array.of(0) })
      yield* Cached.getOption(berlin)
      expect((yield* told).filter(({ _tag }) => _tag === "StoreFailure"))
        .toEqual([{ _tag: "StoreFailure", operation: "decode", reason: "Corrupt" }])
    })
    yield* Effect.provide(test, over(fake, { memory: false }))
  })

  test("that is asked counts a read once: as a hit of it, or as a miss", function*() {
    const fake = fakeStore()
    const read = Cached.ttl(counting().load, berlin, { ttl: "1 hour" })
    const both = Effect.all([read, read], { concurrency: 2 })
    const counted = Effect.map(Cached.stats, ({ hits, misses, storeHits }) => ({ hits, misses, storeHits }))
    yield* Effect.provide(read, over(fake))
    const again = Effect.gen(function*() {
      const told = yield* Effect.map(watch, shortly)
      yield* both
      expect(yield* told).toEqual(["Joined", "Hit store", "Hit store"])
      expect(yield* counted).toEqual({ hits: 0, storeHits: 2, misses: 0 })
    })
    yield* Effect.provide(again, over(fake))
  })
})

describe("listeners", () => {
  inMemory("slowly loses the oldest, and no read waits for him", function*() {
    const gate = yield* Deferred.make<void>()
    const got: Array<string> = []
    const lost: Array<number> = []
    const loads = yield* Effect.forkScoped(Stream.runCollect(Cached.events({ of: ["Load"] })), {
      startImmediately: true
    })
    yield* Effect.forkScoped(
      Stream.runForEach(Cached.events(), (event) => {
        if (event._tag === "Lost") lost.push(event.count)
        else got.push("id" in event ? event.id : event._tag)
        return got.length === 1 ? Deferred.await(gate) : Effect.void
      }),
      { startImmediately: true }
    )
    yield* Cached.set("first", 1)
    yield* settle
    expect(got).toEqual(["first"])
    for (let i = 0; i < 3000; i++) yield* Cached.set(`${i}`, i)
    expect(got).toEqual(["first"])
    yield* Deferred.succeed(gate, undefined)
    for (let i = 0; i < 50; i++) yield* settle
    expect(got.length).toBe(1025)
    expect(got.slice(1)).toEqual(Array.from({ length: 1024 }, (_, i) => `${3000 - 1024 + i}`))
    expect(lost).toEqual([3000 - 1024])
    yield* Cached.set("after", 1)
    yield* settle
    expect([got.at(-1), lost.length]).toEqual(["after", 1])
    expect(loads.pollUnsafe()).toBeUndefined()
  })

  test("and throws hurts no read, is not called again, and that is logged", function*() {
    const lines: Array<unknown> = []
    const logged = Logger.layer([
      Logger.make(({ cause, logLevel, message }) => void lines.push([logLevel, message, Cause.squash(cause)]))
    ])
    const test = Effect.gen(function*() {
      const caching = listenersOf(yield* Caching.Caching)
      let calls = 0
      const throwing = () => {
        calls++
        throw new Error("mine")
      }
      const received: Array<string> = []
      caching.listen(throwing)
      caching.listen((event) => void received.push(event._tag))
      caching.onRemoval(throwing)
      caching.onRemoval(({ cause }) => void received.push(cause))
      expect(yield* Cached.ttl(Effect.succeed(1), "k", { ttl: "1 hour" })).toBe(1)
      expect(calls).toBe(1)
      expect(yield* Cached.remove("k")).toBe(true)
      expect(yield* Cached.ttl(Effect.succeed(2), "k", { ttl: "1 hour" })).toBe(2)
      expect(yield* Cached.remove("k")).toBe(true)
      expect(calls).toBe(2)
      const removed = ["Invalidate", "invalidated"]
      expect(received).toEqual(["Miss", "Load", ...removed, "Miss", "Load", ...removed])
    })
    yield* Effect.provide(test, Layer.provide(CacheLayer.memory(), logged))
    const line = [
      "Warn",
      ["A listener of the cache threw (see the cause): it is not called again"],
      new Error("mine")
    ]
    expect(lines).toEqual([line, line])
  })

  inMemory("may read an entry that was reported as not stored: it is loaded again", function*() {
    const caching = listenersOf(yield* Caching.Caching)
    const { load } = counting()
    const part = Cached.ttl(Effect.succeed("part"), "part", { ttl: "1 day" })
    const whole = part.pipe(Effect.andThen(load), Cached.ttl("whole", { ttl: "1 minute", inherit: "refuse" }))
    yield* part
    const run = Effect.runForkWith(yield* Effect.context<Caching.Caching>())
    const readings: Array<Fiber.Fiber<number>> = []
    let heard = 0
    caching.listen(({ _tag }) => {
      if (_tag === "Refused" && heard++ === 0) readings.push(run(whole))
    })
    expect(yield* whole).toBe(1)
    expect(yield* Effect.forEach(readings, Fiber.join)).toEqual([2])
  })

  inMemory("stops when the stream has ended, however it ends", function*() {
    const { Caching: service } = Caching
    const caching = cacheOf(yield* service)
    let listening = 0
    const counted: Cache = {
      ...caching,
      perform: (operation, ...args) => {
        const answer = caching.perform(operation, ...args)
        if (operation as unknown !== Operations.listen) return answer
        listening++
        return (() => {
          listening--
          ;(answer as () => void)()
        }) as typeof answer
      }
    }
    const streams = Effect.gen(function*() {
      const one = yield* start(Stream.runCollect(Stream.take(Cached.events(), 1)))
      const other = yield* start(Stream.runDrain(Cached.events()))
      const failing = yield* start(Stream.runForEach(Cached.events(), () => Effect.fail("mine")))
      expect(listening).toBe(3)
      yield* Cached.set("k", 1)
      expect(yield* Fiber.join(one)).toEqual([{ _tag: "Set", id: "k", keyClass: undefined }])
      expect(yield* Effect.exit(Fiber.join(failing))).toEqual(Exit.fail("mine"))
      expect(listening).toBe(1)
      yield* Fiber.interrupt(other)
      expect(listening).toBe(0)
    })
    yield* Effect.provide(streams, Context.make(service, counted))
  })

  it("costs nothing once no listener is left", () => {
    const engine = { listeners: { events: undefined }, memory: { onRemoval: undefined } } as unknown as Engine
    const first = listen(engine, () => {})
    const second = listen(engine, () => {})
    const removals = onRemoval(engine, () => {})
    expect([engine.listeners.events?.length, engine.memory.onRemoval?.length]).toEqual([2, 3])
    first()
    first()
    expect([engine.listeners.events?.length, engine.memory.onRemoval?.length]).toEqual([1, 2])
    second()
    removals()
    expect([engine.listeners.events, engine.memory.onRemoval]).toEqual([undefined, undefined])
  })

  testIn(CacheLayer.disabled)("to a cache that is switched off receives nothing", function*() {
    const told = yield* watch
    yield* Cached.ttl(Effect.succeed(1), "k", { ttl: "1 hour" })
    yield* Cached.set("k", 1)
    expect(yield* told).toEqual([])
  })
})

describe("look-ups are reported as reads are", () => {
  it.effect.each(caches)("over $name", (cache) =>
    Effect.gen(function*() {
      const told: Array<string> = []
      yield* Effect.forkChild(
        Stream.runForEach(
          Cached.events(),
          (event) =>
            Effect.sync(() => {
              if (event._tag === "Hit") told.push(`${event.id} from ${event.source}`)
              if (event._tag === "Miss") told.push(`no ${event.id}`)
            })
        ),
        { startImmediately: true }
      )
      yield* Cached.set("there", 1)
      const place = cache.memory ? "memory" : "store"
      const lookUps = [
        [Cached.getOption("there"), `there from ${place}`],
        [Cached.getOption("gone"), "no gone"],
        [Cached.has("there"), `there from ${place}`],
        [Cached.has("gone"), "no gone"],
        [Cached.getEntry("there"), `there from ${place}`],
        [Cached.getEntry("gone"), "no gone"],
        [Cached.getMany(["gone", "there"]), "no gone", `there from ${place}`],
        // It goes past the cache.
        [CachePolicy.bypass(Cached.getOption("there"))],
        // A write that looks for an entry is no look-up.
        [Cached.set("there", 2, { keepTtl: true })]
      ] as ReadonlyArray<readonly [Effect.Effect<unknown, never, Caching.Caching>, ...Array<string>]>
      for (const [lookUp, ...expected] of lookUps) {
        yield* lookUp
        yield* settle
        expect(told.splice(0)).toEqual(expected)
      }
      expect(yield* Cached.stats).toMatchObject({ hits: 0, storeHits: 0, misses: 0 })
    }).pipe(Effect.provide(cache.layer())))
})

type Kind = CacheEvent.CacheEvent["_tag"]

/** Collects events of some kinds; each call returns those since the last call. */
const watchOf = (kinds: ReadonlyArray<Kind>) =>
  Effect.gen(function*() {
    const told: Array<CacheEvent.CacheEvent> = []
    yield* start(Stream.runForEach(Cached.events({ of: kinds }), (event) => Effect.sync(() => void told.push(event))))
    return Effect.andThen(settle, Effect.sync(() => told.splice(0)))
  })

const read = (key: string) => Cached.ttl(Effect.succeed(1), key, { ttl: "1 hour" })

describe("Cached.events of some kinds", () => {
  inMemory("has the named kinds, and a hit emits nothing unless it is among them", function*() {
    const loads = yield* watchOf(["Load", "Invalidate"])
    yield* Effect.all([read("k"), read("k"), Cached.invalidate("k"), read("k")])
    expect((yield* loads).map(({ _tag }) => _tag)).toEqual(["Load", "Invalidate", "Load"])
    let asksForHits = true
    cacheOf(yield* Caching.Caching).perform({
      over: (engine) => void (asksForHits = engine.hitsHaveEffects),
      without: () => {}
    })
    expect(asksForHits).toBe(false)
    const hits = yield* watchOf(["Hit"])
    yield* Effect.all([read("k"), read("l"), read("l")])
    expect(yield* hits).toEqual([
      { _tag: "Hit", source: "memory", id: "k", keyClass: undefined },
      { _tag: "Hit", source: "memory", id: "l", keyClass: undefined }
    ])
    expect((yield* loads).map(({ _tag }) => _tag)).toEqual(["Load"])
  })

  it.effect("has the cause of each removal, which other subscribers do not get", () =>
    Effect.gen(function*() {
      const removed = yield* watchOf(["Removed"])
      const both = yield* watchOf(["Evict", "Removed"])
      const evicted = yield* watchOf(["Evict"])
      const all: Array<string> = []
      yield* start(Stream.runForEach(Cached.events(), ({ _tag }) => Effect.sync(() => void all.push(_tag))))
      yield* Effect.all([Cached.set("a", 1), Cached.set("b", 1), Cached.set("c", 1), Cached.set("c", 2)])
      yield* Cached.remove("c")
      const of = { _tag: "Removed", keyClass: undefined, ageMillis: 0 }
      expect(yield* removed).toEqual([
        { ...of, id: "a", cause: "evicted" },
        { ...of, id: "c", cause: "replaced" },
        { ...of, id: "c", cause: "invalidated", by: "this process" }
      ])
      expect((yield* both).map(({ _tag }) => _tag)).toEqual(["Evict", "Removed", "Removed", "Removed"])
      expect((yield* evicted).map(({ _tag }) => _tag)).toEqual(["Evict"])
      expect(all.toSorted()).toEqual(["Evict", "Invalidate", "Set", "Set", "Set", "Set"])
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 2 }))))

  it.effect("says when the store is no longer asked, and when it is again", () => {
    const fake = fakeStore()
    let isDown = true
    fake.behave = () => isDown ? { before: Effect.never } : {}
    return within(
      over(fake, { storeTimeout: "1 second" }),
      Effect.gen(function*() {
        const circuit = yield* watchOf(["Circuit"])
        for (const key of ["a", "b", "c", "d"]) {
          yield* start(read(key))
          yield* TestClock.adjust("10 seconds")
        }
        expect(yield* circuit).toEqual([{ _tag: "Circuit", state: "open" }])
        isDown = false
        yield* TestClock.adjust("1 minute")
        yield* start(read("e"))
        yield* TestClock.adjust("1 second")
        expect(yield* circuit).toEqual([{ _tag: "Circuit", state: "closed" }])
      })
    )
  })

  it.effect("says how old a value was, and how many bytes its load wrote", () =>
    within(
      over(fakeStore()),
      Effect.gen(function*() {
        const told = yield* watchOf(["Load", "Stale", "Removed"])
        const soft = { ttl: "1 hour", softTtl: "1 minute", fallbackOn: () => true } as const
        yield* Cached.softTtl(Effect.succeed("four"), "k", soft)
        yield* TestClock.adjust("2 minutes")
        yield* Cached.softTtl(Effect.die("down"), "k", soft)
        yield* Cached.invalidate("k")
        const [first, failed, stale, removed] = yield* told
        expect(first).toMatchObject({ _tag: "Load", bytes: expect.any(Number) })
        expect((first as { bytes: number }).bytes).toBeGreaterThan(3)
        expect((first as { bytes: number }).bytes).toBeLessThan(20)
        expect(stale).toMatchObject({ _tag: "Stale", id: "k", ageMillis: 120_000 })
        expect(failed).toMatchObject({ _tag: "Load", outcome: "failure" })
        expect(failed).not.toHaveProperty("bytes")
        expect(removed).toMatchObject({ _tag: "Removed", cause: "invalidated", ageMillis: 120_000, by: "this process" })
      })
    ))

  test("says which process invalidated an entry, and nothing where that is not known", function*() {
    const pending: Array<Store.Change> = []
    const shared: Store.Store = {
      ...MemoryStore.make(),
      capabilities: { shared: true, changes: true },
      changesUnsafe: () => pending.splice(0)
    }
    const layer = Layer.provide(CacheLayer.layer({}), Layer.succeed(Store.Store, shared))
    yield* within(
      layer,
      Effect.gen(function*() {
        const removed = yield* watchOf(["Removed"])
        const by = Effect.map(
          removed,
          (events) =>
            events.flatMap((event) => event._tag === "Removed" && event.cause === "invalidated" ? [event.by] : [])
        )
        yield* read("k")
        pending.push({ _tag: "Changed", id: "k" })
        yield* TestClock.adjust("1 second")
        yield* read("other")
        expect(yield* by).toEqual(["another process"])
        yield* read("k")
        yield* Cached.invalidate("k")
        expect(yield* by).toEqual(["this process"])
        const tagged = Cached.ttl(Effect.succeed(1), "k", { ttl: "1 hour", tags: ["t"] })
        yield* tagged
        yield* Cached.invalidate({ tag: "t" })
        yield* tagged
        expect(yield* by).toEqual([undefined])
      })
    )
  })

  test("says which operations of the store were slow", function*() {
    const fake = fakeStore()
    fake.behave = (operation) => ({ before: Effect.sleep(operation === "get" ? 150 : 20) })
    yield* within(
      over(fake),
      Effect.gen(function*() {
        const slow = yield* watchOf(["Slow"])
        yield* start(read("k"))
        for (let i = 0; i < 50; i++) yield* Effect.andThen(TestClock.adjust(10), settle)
        // This store looks for the entry when it is asked for the lease.
        expect(yield* slow).toEqual([
          { _tag: "Slow", operation: "get", millis: 150 },
          { _tag: "Slow", operation: "acquire", millis: 150 }
        ])
      })
    )
  })

  test("says how long a load waited for the lease of another process", function*() {
    const store: Store.Store = { ...MemoryStore.make(), capabilities: { shared: true, changes: false } }
    const layer = Layer.provide(CacheLayer.layer({}), Layer.succeed(Store.Store, store))
    const [first, second] = [yield* Layer.build(Layer.fresh(layer)), yield* Layer.build(Layer.fresh(layer))]
    yield* Effect.addFinalizer(() => TestClock.adjust("1 hour"))
    const slow = Effect.as(Effect.sleep(500), 1).pipe(Cached.ttl("k", { ttl: "1 hour" }))
    const waited = yield* Effect.provide(watchOf(["Waited"]), second)
    yield* started(Effect.provide(slow, first))
    yield* start(Effect.provide(slow, second))
    for (let i = 0; i < 20; i++) yield* Effect.andThen(TestClock.adjust(50), settle)
    expect(yield* waited).toEqual([{ _tag: "Waited", id: "k", keyClass: undefined, millis: expect.any(Number) }])
  })

  test("says when changes by other processes cannot be followed", function*() {
    let fails = false
    const store = MemoryStore.make()
    const shared: Store.Store = {
      ...store,
      capabilities: { shared: true, changes: true },
      changesUnsafe: () => {
        if (fails) throw new Error("gone")
        return []
      }
    }
    const layer = Layer.provide(CacheLayer.layer({}), Layer.succeed(Store.Store, shared))
    yield* within(
      layer,
      Effect.gen(function*() {
        const tracking = yield* watchOf(["Tracking"])
        yield* read("k")
        fails = true
        yield* TestClock.adjust("1 second")
        yield* read("k")
        expect(yield* tracking).toEqual([{ _tag: "Tracking", state: "untracked" }])
        fails = false
        yield* TestClock.adjust("1 second")
        yield* read("k")
        expect(yield* tracking).toEqual([{ _tag: "Tracking", state: "tracked" }])
      })
    )
  })

  it("refuses a kind that does not exist", () => {
    expect(() => Cached.events({ of: ["Loaded" as never] })).toThrow("There is no event \"Loaded\": pass Hit, Miss")
    expect(() => Cached.events({ of: [] })).toThrow("Cached.events needs kinds of events")
    expect(() => Cached.events({ of: ["toString" as never] })).toThrow("There is no event")
  })
})
