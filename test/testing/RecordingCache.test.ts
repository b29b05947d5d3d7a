/** `RecordingCache` shows a test the operations of a program on its cache. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Schema, type Scope } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { ChaosStore, RecordingCache, withTimePassing } from "effect-cached/testing"
import { TestClock } from "effect/testing"
import { singly } from "../../src/testing/internal/singly.ts"
import { settle } from "../support/caches.ts"
import { pluralOf } from "../support/pluralOf.ts"

class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { city: Schema.String },
  success: Schema.String
}) {}

const berlin = new Weather({ city: "Berlin" })
const fetched = Effect.delay(Effect.succeed("sunny"), "100 millis")
const cached = fetched.pipe(Cached.ttl(berlin, { ttl: "1 minute" }))

const memory = RecordingCache.layer(CacheLayer.memory())

const test = <E>(
  name: string,
  program: (
    recording: RecordingCache["Service"]
  ) => Generator<Effect.Effect<any, E, Caching.Caching | Scope.Scope>, void, never>,
  layer: Layer.Layer<Caching.Caching | RecordingCache> = memory
) =>
  it.effect(
    name,
    () =>
      RecordingCache.use((recording) => Effect.scoped(Effect.gen(() => program(recording)))).pipe(Effect.provide(layer))
  )

describe("a read is recorded", () => {
  test("as load, then as hit, then as load again", function*(recording) {
    yield* withTimePassing(cached)
    yield* cached
    yield* TestClock.adjust("1 minute")
    expect(yield* withTimePassing(cached)).toBe("sunny")
    expect(yield* recording.reads(berlin)).toEqual(["load", "hit", "load"])
    expect(yield* recording.reads("Berlin")).toEqual([])
  })

  test("as joined, where another had started the load", function*(recording) {
    yield* withTimePassing(Effect.all([cached, cached, cached], { concurrency: 3 }))
    expect((yield* recording.reads(berlin)).toSorted()).toEqual(["joined", "joined", "load"])
  })

  test("as fallback, where the load failed or took too long", function*(recording) {
    const options = {
      ttl: "1 hour",
      softTtl: "1 minute",
      softTimeout: "1 second",
      retryAfter: 0,
      fallbackOn: "all"
    } as const
    let load: Effect.Effect<number, string> = Effect.succeed(1)
    const read = Effect.suspend(() => load).pipe(Cached.softTtl("key", options))
    yield* read
    yield* TestClock.adjust("2 minutes")
    load = Effect.delay(Effect.fail("down"), "10 millis")
    expect(yield* withTimePassing(read)).toBe(1)
    load = Effect.delay(Effect.succeed(2), "10 seconds")
    expect(yield* withTimePassing(Effect.all([read, read], { concurrency: 2 }))).toEqual([1, 1])
    expect(yield* recording.reads("key")).toEqual(["load", "fallback", "fallback", "fallback"])
    yield* TestClock.adjust("10 seconds")
    expect(yield* read).toBe(2)
    expect((yield* recording.reads("key")).at(-1)).toBe("hit")
  })

  test("as load where it fails, and not at all where it is interrupted", function*(recording) {
    const failing = Effect.delay(Effect.fail("down"), "1 second").pipe(Cached.ttl("key", { ttl: "1 minute" }))
    yield* withTimePassing(Effect.exit(failing))
    expect(yield* recording.reads("key")).toEqual(["load"])
    const fiber = yield* Effect.forkChild(failing, { startImmediately: true })
    yield* Fiber.interrupt(fiber)
    expect(yield* recording.reads("key")).toEqual(["load"])
  })

  test("as miss or hit where nothing is to be loaded", function*(recording) {
    yield* Cached.getOption(berlin)
    yield* Cached.set(berlin, "rain", { ttl: "1 minute" })
    yield* Cached.getOption(berlin)
    expect(yield* cached).toBe("rain")
    expect(yield* recording.reads(berlin)).toEqual(["miss", "hit", "hit"])
  })

  test("as load under a policy that does not look", function*(recording) {
    yield* withTimePassing(cached)
    yield* withTimePassing(CachePolicy.bypass(cached))
    yield* withTimePassing(CachePolicy.refresh(cached))
    expect(yield* recording.reads(berlin)).toEqual(["load", "load", "load"])
  })
})

describe("a refresh in the background", () => {
  test("is recorded when it begins, once however often it is tried", function*(recording) {
    let loads = 0
    const load = Effect.suspend(() => ++loads === 1 ? Effect.succeed(1) : Effect.fail("down"))
    const read = load.pipe(Cached.refreshAhead("key", { ttl: "1 hour", refreshAfter: "1 minute" }))
    yield* read
    yield* TestClock.adjust("2 minutes")
    yield* recording.forget
    expect(yield* read).toBe(1)
    yield* TestClock.adjust("10 seconds")
    expect(loads).toBe(4)
    expect((yield* recording.log).toSorted((a, b) => a._tag < b._tag ? -1 : 1)).toEqual([
      { _tag: "Read", id: "key", outcome: "stale" },
      { _tag: "Refresh", id: "key" }
    ])
  })
})

describe("over a store", () => {
  for (
    const [kind, wrap] of [
      ["synchronous", (store: Store.Store) => store],
      ["asynchronous", (store: Store.Store) => ChaosStore.make(store, { seed: 1, delay: "5 millis" }).store]
    ] as const
  ) {
    it.effect(`an entry of a ${kind} one is a hit`, () =>
      Effect.gen(function*() {
        const inner = MemoryStore.make()
        const store = Layer.succeed(Store.Store, wrap(inner))
        const restarted = RecordingCache.layer(Layer.provide(CacheLayer.layer(), store))
        const reads = Effect.gen(function*() {
          yield* cached
          yield* cached
          return yield* (yield* RecordingCache).reads(berlin)
        })
        expect(yield* withTimePassing(Effect.provide(reads, restarted))).toEqual(["load", "hit"])
        expect(yield* withTimePassing(Effect.provide(reads, restarted))).toEqual(["hit", "hit"])
      }))
  }

  for (const loadTakes of [0, 10_000]) {
    it.effect(`a read beside a refresh that takes ${loadTakes} ms is stale, with no memory in front`, () =>
      Effect.gen(function*() {
        const { store } = ChaosStore.make(MemoryStore.make(), { seed: 1, delay: "5 millis" })
        const cache = Layer.provide(CacheLayer.layer({ memory: false }), Layer.succeed(Store.Store, store))
        let takes = 0
        let loads = 0
        const load = Effect.suspend(() =>
          takes === 0 ? Effect.sync(() => ++loads) : Effect.delay(Effect.sync(() => ++loads), takes)
        )
        const read = load.pipe(Cached.refreshAhead("key", { ttl: "1 hour", refreshAfter: "1 minute" }))
        const test = Effect.gen(function*() {
          const recording = yield* RecordingCache
          yield* read
          yield* read
          expect(yield* recording.reads("key")).toEqual(["load", "hit"])
          yield* Effect.sleep("2 minutes")
          takes = loadTakes
          yield* read
          yield* read
          yield* Effect.sleep("1 second")
          expect(yield* recording.reads("key")).toEqual(["load", "hit", "stale", "stale"])
          expect((yield* recording.log).filter(({ _tag }) => _tag === "Refresh").length).toBe(1)
        })
        yield* withTimePassing(Effect.provide(test, RecordingCache.layer(cache)))
      }))
  }

  it.effect("a read is stale though the refresh that it started has ended before it", () =>
    Effect.gen(function*() {
      const { store } = ChaosStore.make(MemoryStore.make(), { seed: 1, delay: "5 millis" })
      // The load runs at once, where nothing has to be asked before it.
      const failing = (operation: string) =>
        Effect.fail(new CacheError.StoreError({ store: store.name, operation, reason: "Unavailable" }))
      let isFailing = false
      const cache = Layer.provide(
        CacheLayer.layer({ memory: false }),
        Layer.succeed(Store.Store, {
          ...store,
          markers: (...input) => isFailing ? failing("markers") : store.markers(...input),
          acquire: pluralOf.acquire((...input) => isFailing ? failing("acquire") : singly(store).acquire(...input))
        })
      )
      let loads = 0
      const options = { ttl: "1 hour", refreshAfter: "1 minute" } as const
      const read = Effect.sync(() => ++loads).pipe(Cached.refreshAhead("key", options))
      const test = Effect.gen(function*() {
        yield* read
        yield* Effect.sleep("2 minutes")
        isFailing = true
        expect(yield* read).toBe(1)
        yield* settle
        expect(loads).toBe(2)
        expect(yield* (yield* RecordingCache).reads("key")).toEqual(["load", "stale"])
      })
      yield* withTimePassing(Effect.provide(test, RecordingCache.layer(cache)))
    }))
})

describe("everything else", () => {
  test("is each key of a read of many, once, by how it was answered", function*(recording) {
    const many = Cached.many(
      Weather,
      (keys) => Effect.succeed(keys.map(({ city }) => city === "Rome" ? Exit.fail("down") : Exit.succeed(city))),
      { ttl: "1 minute" }
    )
    const id = (city: string) => CacheKey.id(new Weather({ city }))
    yield* withTimePassing(cached)
    yield* many([{ city: "Paris" }, { city: "Berlin" }, { city: "Rome" }, { city: "Paris" }])
    expect((yield* recording.log).slice(1)).toEqual([
      { _tag: "Read", id: id("Paris"), outcome: "load" },
      { _tag: "Read", id: id("Berlin"), outcome: "hit" },
      { _tag: "Read", id: id("Rome"), outcome: "load" }
    ])
    yield* recording.forget
    yield* Cached.getMany([berlin, new Weather({ city: "Rome" })])
    yield* Cached.getEntry(berlin)
    expect(yield* recording.log).toEqual([
      { _tag: "Read", id: id("Berlin"), outcome: "hit" },
      { _tag: "Read", id: id("Rome"), outcome: "miss" },
      { _tag: "Read", id: id("Berlin"), outcome: "hit" }
    ])
  })

  test("is what a load reads, before the read that it is for", function*(recording) {
    const inner = Cached.ttl(Effect.succeed(1), "inner", { ttl: "1 minute" })
    const outer = Cached.ttl(Effect.andThen(inner, inner), "outer", { ttl: "1 minute" })
    yield* outer
    expect(yield* recording.log).toEqual([
      { _tag: "Read", id: "inner", outcome: "load" },
      { _tag: "Read", id: "inner", outcome: "hit" },
      { _tag: "Read", id: "outer", outcome: "load" }
    ])
  })

  test("is what else is done with a key, where it is done", function*(recording) {
    expect(yield* Cached.touch("key", "1 minute")).toBe(false)
    expect(yield* Cached.set("key", 1, { ifPresent: true })).toBe(false)
    expect(yield* recording.log).toEqual([])
    yield* Cached.set("key", 1, { ifAbsent: true })
    yield* Cached.touch("key", "1 minute")
    yield* Cached.counter("number").increment({ by: 2 })
    yield* Cached.invalidate({ tag: "tag" }, { mode: "soft" })
    expect(yield* recording.log).toEqual([
      { _tag: "Set", id: "key" },
      { _tag: "Touch", id: "key" },
      { _tag: "Increment", name: "number", by: 2 },
      { _tag: "InvalidateTags", tags: ["tag"], mode: "soft" }
    ])
  })

  test("keeps its meaning: what is invalidated softly is stale, not gone", function*(recording) {
    const soft = { ttl: "1 hour", softTtl: "1 minute", tags: ["tag"], fallbackOn: "all" } as const
    yield* Cached.softTtl(Effect.succeed(1), "key", soft)
    yield* Cached.invalidate({ tag: "tag" }, { mode: "soft" })
    expect(yield* Cached.softTtl(Effect.fail("down"), "key", soft)).toBe(1)
    expect(yield* recording.reads("key")).toEqual(["load", "fallback"])
  })

  test("is in the log, in order, until it is forgotten", function*(recording) {
    const id = CacheKey.id(berlin)
    yield* withTimePassing(cached)
    yield* Cached.set(berlin, "rain", { ttl: "1 minute" })
    yield* Cached.invalidate(berlin)
    yield* Cached.invalidate({ tag: "tag" })
    expect(yield* recording.log).toEqual([
      { _tag: "Read", id, outcome: "load" },
      { _tag: "Set", id },
      { _tag: "Invalidate", ids: [id], mode: "hard" },
      { _tag: "InvalidateTags", tags: ["tag"], mode: "hard" }
    ])
    yield* Cached.setMany([["a:1", 1], ["a:2", 2], ["b", 3]])
    yield* recording.forget
    expect(yield* Cached.remove({ matching: "a:*" })).toBe(2)
    yield* Cached.invalidate({ matching: "b" })
    yield* Cached.invalidate({ matching: "a:*" })
    yield* Cached.clear
    expect(yield* recording.log).toEqual([
      { _tag: "InvalidateMatching", pattern: "a:*", invalidated: 2 },
      { _tag: "InvalidateMatching", pattern: "b", invalidated: 1 },
      { _tag: "InvalidateMatching", pattern: "a:*", invalidated: 0 },
      { _tag: "Clear" }
    ])
    yield* recording.forget
    expect(yield* recording.log).toEqual([])
    expect(yield* recording.reads(berlin)).toEqual([])
    yield* withTimePassing(cached)
    expect(yield* recording.reads(berlin)).toEqual(["load"])
  })

  test("works as it does without being recorded", function*() {
    yield* withTimePassing(cached)
    yield* cached
    const { hits, loads, size } = yield* Cached.stats
    expect({ hits, loads, size }).toEqual({ hits: 1, loads: 1, size: 1 })
  })
})

describe("a read inside a load that does not take over what changes", () => {
  test("is listed, with its reader", function*({ forget, uninherited }) {
    const inner = Effect.succeed("inner").pipe(Cached.ttl("inner", { ttl: "1 hour" }))
    const reads = Effect.all([
      inner,
      Cached.getOption("other"),
      Cached.getMany(["a", "b"]),
      CachePolicy.bypass(inner)
    ])
    yield* reads
    yield* reads.pipe(Cached.ttl("page", { inherit: "changes", ttl: "1 hour" }))
    expect(yield* uninherited).toEqual([])
    yield* reads.pipe(Cached.ttl("list", { inherit: "life", ttl: "1 hour" }))
    const by = "list"
    expect(yield* uninherited).toEqual(["inner", "other", "a", "b"].map((id) => ({ id, by })))
    yield* forget
    expect(yield* uninherited).toEqual([])
  })
})
