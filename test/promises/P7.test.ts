/** P7: everything is limited, and a closed layer leaves nothing. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy, type Caching } from "effect-cached"
import { TestClock } from "effect/testing"
import * as TagEpochs from "../../src/internal/engine/memory/tagEpochs.ts"
import { cachesAndTiers, counting, ended, fakeStore, over, settle, start, taking } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

const unavailable = new CacheError.StoreError({ store: "fake", operation: "any", reason: "Unavailable" })

/** A cache that the test closes itself. */
const open = (layer: Layer.Layer<Caching.Caching>) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(layer, scope)
    return {
      use: <A, E>(self: Effect.Effect<A, E, Caching.Caching>) => Effect.provideContext(self, context),
      close: Scope.close(scope, Exit.void),
      stats: Effect.provideContext(Cached.stats, context)
    }
  })

const isClosed = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof CacheError.CacheClosed

describe("P7 · memory, fibers, timers and waiters are bounded", () => {
  testIn(CacheLayer.memory({ capacity: 10 }))("the memory tier keeps its capacity, whatever is written", function*() {
    for (let i = 0; i < 1000; i++) {
      yield* Effect.succeed(i).pipe(Cached.ttl(`load ${i}`, { ttl: "1 hour" }))
      yield* Cached.set(`set ${i}`, i)
    }
    expect(yield* Cached.stats).toMatchObject({ size: 10, evictions: 1990 })
  })

  describe("what is remembered about tags", () => {
    const others = Array.from({ length: 20_000 }, (_, i) => `other ${i}`)

    testIn(CacheLayer.memory())("is bounded, and what was forgotten errs to a miss", function*() {
      yield* Cached.set("dead", 1, { tags: ["t"] })
      yield* Cached.set("alive", 1, { tags: ["u"] })
      yield* Cached.invalidate({ tag: "t" })
      yield* Effect.forEach(others, (tag) => Cached.invalidate({ tag }))
      expect([yield* Cached.has("dead"), yield* Cached.has("alive")]).toEqual([false, false])
      yield* Cached.set("alive", 1, { tags: ["u"] })
      expect(yield* Cached.has("alive")).toBe(true)
    })

    it("is a table of twice ten thousand at most", () => {
      const tags = TagEpochs.make()
      for (let i = 0; i < 50_000; i++) TagEpochs.invalidate(tags, [`tag ${i}`])
      expect(tags.hard.recent.size + tags.hard.older.size).toBeLessThanOrEqual(20_000)
      expect(TagEpochs.changedSince(tags, ["tag 0"], 0)).toBe(true)
      expect(TagEpochs.changedSince(tags, ["tag 0"], 50_000)).toBe(false)
    })
  })

  describe.each(cachesAndTiers)("over $name", (cache) => {
    testIn(cache.layer())("ten thousand interrupted readers of a hundred keys leave no load behind", function*() {
      const { counts, load } = counting(1000)
      const readers = yield* Effect.forEach(
        Array.from({ length: 10_000 }, (_, i) => i % 100),
        (i) => start(load.pipe(Cached.ttl(`k${i}`, { ttl: "1 hour", timeout: "1 minute" })))
      )
      yield* settle
      expect(counts.started).toBe(100)
      yield* Fiber.interruptAll(readers)
      expect(counts).toEqual({ started: 100, ended: 0, interrupted: 100 })
    })

    it.effect("refreshes that hang are ended, so many run at once, and the others wait their turn", () =>
      Effect.gen(function*() {
        let running = 0
        let most = 0
        const slow = Effect.acquireUseRelease(
          Effect.sync(() => most = Math.max(most, ++running)),
          () => Effect.never,
          () => Effect.sync(() => running--)
        )
        const keys = Array.from({ length: 10 }, (_, i) => `k${i}`)
        yield* Effect.forEach(keys, (key) => Cached.set(key, "stale", { ttl: "1 hour" }))
        yield* TestClock.adjust("10 minutes")
        const options = { ttl: "1 hour", refreshAfter: 0 } as const
        for (const key of keys) {
          yield* Effect.succeed("stale").pipe(
            CachePolicy.refresh,
            Cached.refreshAhead(key, options),
            CachePolicy.refresh
          )
          expect(yield* slow.pipe(Cached.refreshAhead(key, options))).toBe("stale")
        }
        yield* settle
        expect(running).toBe(4)
        yield* TestClock.adjust("5 minutes")
        expect([running, most]).toEqual([0, 4])
        expect((yield* Cached.stats).refreshes).toBe(10)
        expect(yield* Cached.getOption("k0")).toEqual(Option.some("stale"))
      }).pipe(Effect.provide(cache.layer({ refresh: { concurrency: 4 } }))))
  })

  describe("closing", () => {
    test("starts no new load: it dies with CacheClosed", function*() {
      const cache = yield* open(CacheLayer.memory())
      yield* cache.close
      const { counts, load } = counting()
      const exit = yield* Effect.exit(cache.use(load.pipe(Cached.ttl("k", { ttl: "1 hour" }))))
      expect(isClosed(exit)).toBe(true)
      expect(counts.started).toBe(0)
    })

    test("nor a refresh that was queued, whichever caller comes for it", function*() {
      const cache = yield* open(CacheLayer.memory({ refresh: { concurrency: 1 } }))
      const { counts, load } = counting(1000)
      const get = (key: string) => load.pipe(Cached.refreshAhead(key, { ttl: "1 hour", refreshAfter: 0 }))
      for (const key of ["a", "b"]) yield* taking("1 second", cache.use(CachePolicy.refresh(get(key))))
      yield* cache.use(Effect.all([get("a"), get("b")]))
      yield* settle
      expect(counts.started).toBe(3)
      const closing = yield* start(cache.close)
      const reader = yield* start(cache.use(CachePolicy.refresh(get("b"))))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(closing)
      expect(isClosed(yield* Fiber.await(reader))).toBe(true)
      expect(counts.started).toBe(3)
    })

    test("lets loads with waiters finish within shutdownTimeout", function*() {
      const cache = yield* open(CacheLayer.memory())
      const { load } = counting(3000)
      const reader = yield* start(cache.use(load.pipe(Cached.ttl("k", { ttl: "1 hour" }))))
      const closing = yield* start(cache.close)
      yield* TestClock.adjust("2999 millis")
      expect(ended(closing)).toBe("still waiting")
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      expect(yield* Fiber.join(reader)).toBe(1)
    })

    test("ends those that take longer: their waiters die with CacheClosed", function*() {
      const cache = yield* open(CacheLayer.memory({ shutdownTimeout: "2 seconds" }))
      const { counts, load } = counting(3000)
      const reader = yield* start(cache.use(load.pipe(Cached.ttl("k", { ttl: "1 hour", timeout: "1 minute" }))))
      yield* taking("2 seconds", cache.close)
      expect(isClosed(yield* Fiber.await(reader))).toBe(true)
      expect(counts).toEqual({ started: 1, ended: 0, interrupted: 1 })
    })

    test("leaves no timer of callers that waited", function*() {
      const cache = yield* open(CacheLayer.memory({ shutdownTimeout: "2 seconds" }))
      const options = { ttl: "1 hour", softTimeout: "30 seconds", timeout: "1 minute" } as const
      yield* cache.use(Effect.succeed("stale").pipe(Cached.failover("k", options)))
      const reader = yield* start(cache.use(Effect.never.pipe(Cached.failover("k", options))))
      yield* taking("2 seconds", cache.close)
      expect(isClosed(yield* Fiber.await(reader))).toBe(true)
      yield* TestClock.adjust("2 minutes")
      expect((yield* cache.stats).stale).toBe(0)
    })

    test("interrupts refreshes at once, and waits for what they release", function*() {
      const cache = yield* open(CacheLayer.memory())
      let released = false
      const hanging = Effect.onInterrupt(
        Effect.never,
        () => Effect.andThen(Effect.sleep(100), Effect.sync(() => released = true))
      )
      const options = { ttl: "1 hour", refreshAfter: 0 } as const
      yield* cache.use(Effect.succeed("v").pipe(Cached.refreshAhead("k", options)))
      yield* cache.use(hanging.pipe(Cached.refreshAhead("k", options)))
      yield* settle
      const closing = yield* start(cache.close)
      yield* TestClock.adjust("99 millis")
      expect(ended(closing)).toBe("still waiting")
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      expect(released).toBe(true)
    })

    test("sends pending invalidations again", function*() {
      const fake = fakeStore()

      const cache = yield* open(over(fake))
      yield* cache.use(Cached.set("k", 1))
      fake.behave = () => ({ before: Effect.fail(unavailable) })
      yield* cache.use(Cached.invalidate("k"))
      fake.behave = () => ({})
      expect(fake.entries.size).toBe(1)
      yield* cache.close
      expect(fake.entries.size).toBe(0)
      expect((yield* cache.stats).lostInvalidations).toBe(0)
    })

    test("sends pending invalidations again although the circuit is open", function*() {
      const fake = fakeStore()

      const cache = yield* open(over(fake))
      const ids = ["a", "b", "c", "d", "e"]
      for (const id of ids) yield* cache.use(Cached.set(id, 1))
      const timeout = new CacheError.StoreError({ store: "fake", operation: "remove", reason: "Timeout" })
      fake.behave = () => ({ before: Effect.fail(timeout) })
      for (const id of ids) yield* cache.use(Cached.invalidate(id))
      fake.behave = () => ({})
      expect(fake.entries.size).toBe(5)
      yield* cache.close
      expect(fake.entries.size).toBe(0)
      expect((yield* cache.stats).lostInvalidations).toBe(0)
    })

    test("flushes a clear that is under way", function*() {
      const fake = fakeStore()

      const cache = yield* open(over(fake))
      yield* cache.use(Cached.set("k", 1))
      let clears = 0
      fake.behave = (operation) => operation === "clear" && ++clears === 1 ? { before: Effect.never } : {}
      yield* start(cache.use(Cached.clear))
      yield* taking("10 seconds", cache.close)
      expect((yield* cache.stats).lostInvalidations).toBe(1)
    })

    test("counts what was lost, and takes no longer than the store budget for it", function*() {
      const fake = fakeStore()

      const cache = yield* open(over(fake))
      fake.behave = () => ({ before: Effect.fail(unavailable) })
      yield* cache.use(Cached.invalidate(["a", "b", "c"]))
      fake.behave = () => ({ before: Effect.never })
      yield* taking("500 millis", cache.close)
      expect((yield* cache.stats).lostInvalidations).toBe(3)
    })
  })
})
