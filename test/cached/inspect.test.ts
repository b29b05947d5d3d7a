/** Reads without a load: entries, ids, sizes, everything by a pattern. */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Option, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { caches, fakeStore, over, start, started } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { tempDirectory } from "../support/tempDirectory.ts"
import { test, testIn } from "../support/tests.ts"

class Report extends CacheKey.Class<Report>()("Report", {
  payload: { city: Schema.String },
  success: Schema.Number,
  error: Schema.String,
  tags: ({ city }) => [`city:${city}`]
}) {}

const berlin = new Report({ city: "Berlin" })

const unavailable = new CacheError.StoreError({ store: "fake", operation: "any", reason: "Unavailable" })

const ids = (pattern?: string) => Effect.map(Stream.runCollect(Looking.ids(pattern)), (ids) => Array.from(ids).sort())

const entryOf = (id: string) => Effect.map(Stream.runCollect(Cached.entries(id)), ([entry]) => entry)

const engine = (directory: string) => Layer.build(Layer.fresh(CacheLayer.disk({ directory })))

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())
  const provided = Effect.provide(cache.layer())

  describe("scan, entries, size, ping", () => {
    const fill = Effect.gen(function*() {
      yield* Cached.set("user:1", 1)
      yield* Cached.set("user:2", 2, { tags: ["t"] })
      yield* Cached.set("page:1", 3, { ttl: "1 hour" })
      yield* Cached.set(berlin, 4)
      yield* Cached.set("~odd", 5)
    })

    test("tell all ids, or those that match", function*() {
      expect(yield* ids()).toEqual([])
      yield* fill
      expect(yield* ids()).toEqual(
        ["user:1", "user:2", "page:1", CacheKey.id(berlin), CacheKey.id("~odd")].sort()
      )
      expect(yield* ids("user:*")).toEqual(["user:1", "user:2"])
      expect(yield* ids("*:1")).toEqual(["page:1", "user:1"])
      expect(yield* ids("user:1")).toEqual(["user:1"])
      expect(yield* ids("~Report@*")).toEqual([CacheKey.id(berlin)])
      expect(yield* ids("nothing*")).toEqual([])
      expect(yield* Cached.size).toBe(5)
    })

    test("neither what has expired nor what was invalidated", function*() {
      yield* fill
      yield* Cached.invalidate({ tag: "t" })
      yield* Cached.invalidate({ all: Report })
      yield* Cached.invalidate("~odd")
      yield* TestClock.adjust("1 hour")
      expect(yield* ids()).toEqual(["user:1"])
      if (!cache.store) expect(yield* Cached.size).toBe(1)
    })

    test("an entry that a tag has made stale is listed, as stale", function*() {
      yield* fill
      yield* Cached.invalidate({ tag: "t" }, { mode: "soft" })
      expect(yield* ids("user:*")).toEqual(["user:1", "user:2"])
      expect((yield* entryOf("user:2"))?.softExpiresAt).toBe(-Infinity)
      expect((yield* entryOf("user:1"))?.softExpiresAt).toBe(Infinity)
    })

    test("entries tell what is known, and nothing of the value", function*() {
      yield* TestClock.adjust("1 hour")
      const load = Effect.delay(Effect.succeed(1), "1 second")
      const reader = yield* start(
        Cached.softTtl(load, berlin, { ttl: "1 hour", softTtl: "30 minutes", tags: ["t"], fallbackOn: "all" })
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(reader)
      const entry = yield* entryOf(CacheKey.id(berlin))
      const now = 3_601_000
      const writeId = entry?.writeId
      expect(entry).toEqual({
        id: CacheKey.id(berlin),
        createdAt: now,
        softExpiresAt: now + 1_800_000,
        expiresAt: now + 3_600_000,
        loadMillis: 1000,
        outcome: "success",
        tags: ["~Report", "t"],
        etag: undefined,
        writeId,
        reads: 0
      })
      if (cache.store) expect(writeId).toMatch(/^[0-9a-f]{32}$/)
    })

    test("reads are those that memory has served", function*() {
      if (!cache.memory) return
      const get = Cached.ttl(Effect.succeed(1), "k", { ttl: "1 hour" })
      yield* get
      for (let i = 0; i < 3; i++) yield* get
      expect((yield* entryOf("k"))?.reads).toBe(3)
      expect(Option.getOrThrow(yield* Cached.getEntry("k")).reads).toBe(3)
    })

    test("a stored failure is listed as one; getEntry finds no value", function*() {
      yield* Effect.exit(Cached.ttl(Effect.fail("down"), berlin, { ttl: "1 hour", when: () => true }))
      expect((yield* entryOf(CacheKey.id(berlin)))?.outcome).toBe("failure")
      expect(yield* Cached.getEntry(berlin)).toEqual(Option.none())
    })

    it.effect("a pattern that is none throws at once", () =>
      Effect.sync(() => {
        expect(() => Looking.ids("[")).toThrow(CacheError.CacheConfigError)
        expect(() => Cached.entries("[z-a]")).toThrow(CacheError.CacheConfigError)
      }))

    test("thousands are listed, each once", function*() {
      const all = Array.from({ length: 3000 }, (_, i) => `k${i}`)
      yield* Effect.forEach(all, (id) => Cached.set(id, 1, { tags: [`t${id}`] }))
      expect(yield* ids()).toEqual(all.sort())
      expect(yield* Stream.runCount(Stream.take(Looking.ids(), 10))).toBe(10)
    })

    it.effect("ping succeeds", () => Store.ping.pipe(provided))
  })

  test("getEntry: value and what is known of it, nothing else", function*() {
    expect(yield* Cached.getEntry("k")).toEqual(Option.none())
    yield* Cached.set("k", { a: 1 }, { ttl: "1 hour", tags: ["t"], etag: "\"v1\"" })
    const entry = Option.getOrThrow(yield* Cached.getEntry("k"))
    const { writeId } = entry
    expect(writeId).toMatch(/^[0-9a-f]{32}$/)
    expect(entry).toEqual({
      id: "k",
      value: { a: 1 },
      createdAt: 0,
      softExpiresAt: 3_600_000,
      expiresAt: 3_600_000,
      expiresIn: Duration.hours(1),
      loadMillis: 0,
      outcome: "success",
      tags: ["t"],
      etag: "\"v1\"",
      writeId,
      reads: entry.reads
    })
    yield* TestClock.adjust("1 hour")
    expect(yield* Cached.getEntry("k")).toEqual(Option.none())
  })
})

describe("while the store fails", () => {
  test("increment, scan, size and ping fail typed: nothing is made up", function*() {
    const fake = fakeStore()
    const broken = Effect.fail(unavailable)
    const layer = Layer.succeed(Store.Store, {
      ...fake.store,
      get: () => broken,
      increment: () => broken,
      size: broken,
      scan: () => Stream.fail(unavailable)
    })
    yield* Effect.gen(function*() {
      for (
        const operation of [
          Cached.counter("n").increment(),
          Cached.size,
          Store.ping,
          Stream.runDrain(Looking.ids()),
          Stream.runDrain(Cached.entries())
        ]
      ) {
        const error = yield* Effect.flip<unknown, CacheError.StoreError, never>(operation as never)
        // A ping is named after itself, whatever the store names what it asks for.
        const expected = operation === Store.ping ? { ...unavailable, operation: "ping" } : unavailable
        expect(error).toMatchObject({ ...expected })
      }
    }).pipe(Effect.provide(over({ layer })))
  })

  test("P4 · a store that hangs is not waited for longer than the budget", function*() {
    const fake = fakeStore()
    const layer = Layer.succeed(Store.Store, {
      ...fake.store,
      get: () => Effect.never,
      increment: () => Effect.never,
      scan: () => Stream.never
    })
    yield* Effect.gen(function*() {
      const operations = [Cached.counter("n").increment(), Store.ping, Stream.runDrain(Looking.ids())]
      for (const operation of operations) {
        const fiber = yield* started(Effect.flip<unknown, CacheError.StoreError, never>(operation as never))
        expect(fiber.pollUnsafe()).toBe(undefined)
        yield* TestClock.adjust("500 millis")
        expect(fiber.pollUnsafe()).toMatchObject({ value: { reason: "Timeout" } })
      }
    }).pipe(Effect.provide(over({ layer })))
  })

  test.overFake("an entry in memory alone is listed too, once", function*(fake) {
    yield* Cached.set("stored", 1)
    fake.behave = (operation) => operation === "set" ? { before: Effect.fail(unavailable) } : {}
    yield* Cached.set("refused", 1)
    expect(yield* ids()).toEqual(["refused", "stored"])
  })
})

describe("across engines on one folder", () => {
  test("scan lists what the other has stored", function*() {
    const directory = yield* tempDirectory
    const [one, other] = [yield* engine(directory), yield* engine(directory)]
    yield* Cached.set("a", 1, { tags: ["t"] }).pipe(Effect.provide(one))
    yield* Cached.set("b", 1).pipe(Effect.provide(other))
    expect(yield* ids().pipe(Effect.provide(one))).toEqual(["a", "b"])
    yield* Cached.invalidate({ tag: "t" }).pipe(Effect.provide(other))
    expect(yield* ids().pipe(Effect.provide(one))).toEqual(["b"])
    yield* Store.ping.pipe(Effect.provide(one))
    expect(yield* Cached.size.pipe(Effect.provide(one))).toBeGreaterThan(0)
  })
})

testIn(CacheLayer.disabled)("a cache that caches nothing: nothing is there, and nothing fails", function*() {
  expect(yield* Cached.set("k", 1, { ifAbsent: true })).toBe(false)
  expect(yield* Cached.touch("k", "1 hour")).toBe(false)
  expect(yield* Cached.counter("n").increment({ by: 3 })).toBe(3)
  expect(yield* ids()).toEqual([])
  expect(yield* Cached.size).toBe(0)
  yield* Store.ping
  expect(yield* Looking.progressOf("*")).toEqual([])
})
