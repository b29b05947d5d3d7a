/** P1: one load per id. */
import { describe, expect } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { Cached, CacheKey, CachePolicy } from "effect-cached"
import { TestClock } from "effect/testing"
import { cachesAndTiers, counting, start, taking } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

class Report extends CacheKey.Class<Report>()("Report", { payload: { city: Schema.String }, success: Schema.Number }) {}

const many = Array.from({ length: 20 })

describe("P1 · one load per id that can still be stored or joined", () => {
  describe.each(cachesAndTiers)("over $name", (cache) => {
    const test = testIn(cache.layer())

    test("CA-43 · twenty readers of a cold key share one load, and the next is a hit", function*() {
      const { counts, get } = counting(1000)
      const readers = yield* Effect.forEach(many, () => start(get))
      yield* TestClock.adjust("1 second")
      expect(yield* Effect.forEach(readers, Fiber.join)).toEqual(many.map(() => 1))
      expect(yield* get).toBe(1)
      expect(counts).toEqual({ started: 1, ended: 1, interrupted: 0 })
    })

    test("readers with other strategies, and a cached function of the same key, share the load", function*() {
      const { counts, load } = counting(1000)
      const key = new Report({ city: "Berlin" })
      const report = Cached.fn(Report, () => load, { ttl: "1 hour" })
      const readers = yield* Effect.all([
        start(load.pipe(Cached.ttl(key, { ttl: "1 hour" }))),
        start(load.pipe(Cached.softTtl(key, { ttl: "1 hour", softTtl: "1 minute" }))),
        start(load.pipe(Cached.untilInvalidated(key))),
        start(report({ city: "Berlin" }))
      ])
      yield* TestClock.adjust("1 second")
      expect(yield* Effect.forEach(readers, Fiber.join)).toEqual([1, 1, 1, 1])
      expect(counts.started).toBe(1)
    })

    test("keys do not wait for each other", function*() {
      const slow = yield* start(Effect.never.pipe(Cached.ttl("slow", { ttl: "1 hour" })))
      expect(yield* Effect.succeed(1).pipe(Cached.ttl("quick", { ttl: "1 hour" }))).toBe(1)
      yield* Fiber.interrupt(slow)
    })

    test("readers of a stale value share one background refresh", function*() {
      const { counts, load } = counting(1000)
      const get = load.pipe(Cached.refreshAhead("k", { ttl: "10 minutes", refreshAfter: "5 minutes" }))
      yield* taking("1 second", get)
      yield* TestClock.adjust("6 minutes")
      expect(yield* Effect.all(many.map(() => get), { concurrency: "unbounded" })).toEqual(many.map(() => 1))
      yield* TestClock.adjust("1 second")
      expect(yield* get).toBe(2)
      expect(counts.started).toBe(2)
    })

    test("a refresh beside an older load is the one that is stored, whichever ends last", function*() {
      const old = Effect.as(Effect.sleep(3000), "old").pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const recent = Effect.as(Effect.sleep(1000), "recent").pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const reader = yield* start(old)
      yield* TestClock.adjust("1 second")
      expect(yield* taking("1 second", CachePolicy.refresh(recent))).toBe("recent")
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(reader)).toBe("old")
      expect(yield* Cached.getOption("k")).toMatchObject({ value: "recent" })
    })
  })

  test.withoutMemory("a reader that arrives while the result is written joins, and does not load", function*(fake) {
    fake.behave = (operation) => operation === "set" ? { before: Effect.sleep(100) } : {}
    const { counts, get } = counting(1000)
    const first = yield* start(get)
    yield* TestClock.adjust("1050 millis")
    expect(counts.ended).toBe(1)
    expect(fake.entries.size).toBe(0)
    const second = yield* start(get)
    yield* TestClock.adjust("50 millis")
    expect([yield* Fiber.join(first), yield* Fiber.join(second)]).toEqual([1, 1])
    expect(counts.started).toBe(1)
  })
})
