/** `of` of `Cached.events`: only the kinds that a subscriber names, and the kinds that are rare. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { Cached, type CacheEvent, CacheLayer, Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { cacheOf } from "../../src/internal/engine/boundCache.ts"
import { fakeStore, over, settle, start, within } from "../support/caches.ts"

type Kind = CacheEvent.CacheEvent["_tag"]

/** Collects the events of some kinds; each call returns those since the last call. */
const watch = (kinds: ReadonlyArray<Kind>) =>
  Effect.gen(function*() {
    const told: Array<CacheEvent.CacheEvent> = []
    yield* start(Stream.runForEach(Cached.events({ of: kinds }), (event) => Effect.sync(() => void told.push(event))))
    return Effect.andThen(settle, Effect.sync(() => told.splice(0)))
  })

const read = (key: string) => Cached.ttl(Effect.succeed(1), key, { ttl: "1 hour" })

describe("Cached.events of some kinds", () => {
  it.effect("has the named kinds, and a hit emits nothing unless it is among them", () =>
    Effect.gen(function*() {
      const loads = yield* watch(["Load", "Invalidate"])
      yield* Effect.all([read("k"), read("k"), Cached.invalidate("k"), read("k")])
      expect((yield* loads).map(({ _tag }) => _tag)).toEqual(["Load", "Invalidate", "Load"])
      let asksForHits = true
      cacheOf(yield* Caching.Caching).perform({
        over: (engine) => void (asksForHits = engine.hitsHaveEffects),
        without: () => {}
      })
      expect(asksForHits).toBe(false)
      const hits = yield* watch(["Hit"])
      yield* Effect.all([read("k"), read("l"), read("l")])
      expect(yield* hits).toEqual([
        { _tag: "Hit", source: "memory", id: "k", keyClass: undefined },
        { _tag: "Hit", source: "memory", id: "l", keyClass: undefined }
      ])
      expect((yield* loads).map(({ _tag }) => _tag)).toEqual(["Load"])
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("has the cause of each removal, which other subscribers do not get", () =>
    Effect.gen(function*() {
      const removed = yield* watch(["Removed"])
      const both = yield* watch(["Evict", "Removed"])
      const evicted = yield* watch(["Evict"])
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
        const circuit = yield* watch(["Circuit"])
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
        const told = yield* watch(["Load", "Stale", "Removed"])
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

  it.effect("says which process invalidated an entry, and nothing where that is not known", () =>
    Effect.gen(function*() {
      const pending: Array<Store.Change> = []
      const shared: Store.Store = {
        ...MemoryStore.make(),
        capabilities: { shared: true, changes: true },
        changesUnsafe: () => pending.splice(0)
      }
      const layer = Layer.provide(CacheLayer.layerWith({}), Layer.succeed(Store.Store, shared))
      yield* within(
        layer,
        Effect.gen(function*() {
          const removed = yield* watch(["Removed"])
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
    }))

  it.effect("says which operations of the store were slow", () =>
    Effect.gen(function*() {
      const fake = fakeStore()
      fake.behave = (operation) => ({ before: Effect.sleep(operation === "get" ? 150 : 20) })
      yield* within(
        over(fake),
        Effect.gen(function*() {
          const slow = yield* watch(["Slow"])
          yield* start(read("k"))
          for (let i = 0; i < 50; i++) yield* Effect.andThen(TestClock.adjust(10), settle)
          // This store looks for the entry when it is asked for the lease.
          expect(yield* slow).toEqual([
            { _tag: "Slow", operation: "get", millis: 150 },
            { _tag: "Slow", operation: "acquire", millis: 150 }
          ])
        })
      )
    }))

  it.effect("says how long a load waited for the lease of another process", () =>
    Effect.gen(function*() {
      const store: Store.Store = { ...MemoryStore.make(), capabilities: { shared: true, changes: false } }
      const layer = Layer.provide(CacheLayer.layerWith({}), Layer.succeed(Store.Store, store))
      const [first, second] = [yield* Layer.build(Layer.fresh(layer)), yield* Layer.build(Layer.fresh(layer))]
      yield* Effect.addFinalizer(() => TestClock.adjust("1 hour"))
      const slow = Effect.as(Effect.sleep(500), 1).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const waited = yield* Effect.provide(watch(["Waited"]), second)
      yield* start(Effect.provide(slow, first))
      yield* settle
      yield* start(Effect.provide(slow, second))
      for (let i = 0; i < 20; i++) yield* Effect.andThen(TestClock.adjust(50), settle)
      expect(yield* waited).toEqual([{ _tag: "Waited", id: "k", keyClass: undefined, millis: expect.any(Number) }])
    }).pipe(Effect.scoped))

  it.effect("says when changes by other processes cannot be followed", () =>
    Effect.gen(function*() {
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
      const layer = Layer.provide(CacheLayer.layerWith({}), Layer.succeed(Store.Store, shared))
      yield* within(
        layer,
        Effect.gen(function*() {
          const tracking = yield* watch(["Tracking"])
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
    }))

  it("refuses a kind that does not exist", () => {
    expect(() => Cached.events({ of: ["Loaded" as never] })).toThrow("There is no event \"Loaded\": pass Hit, Miss")
    expect(() => Cached.events({ of: [] })).toThrow("Cached.events needs kinds of events")
    expect(() => Cached.events({ of: ["toString" as never] })).toThrow("There is no event")
  })
})
