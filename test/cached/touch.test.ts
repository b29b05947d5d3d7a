/** `Cached.touch` gives an entry another lifetime. */
import { describe, expect } from "@effect/vitest"
import { Effect, Fiber, Option, Schema } from "effect"
import { Cached, CacheError, CacheKey, CachePolicy } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, counting, started } from "../support/caches.ts"
import { test, testIn } from "../support/tests.ts"

class Report extends CacheKey.Class<Report>()("Report", {
  payload: { city: Schema.String },
  success: Schema.Number,
  error: Schema.String,
  tags: ({ city }) => [`city:${city}`]
}) {}

const berlin = new Report({ city: "Berlin" })

const unavailable = new CacheError.StoreError({ store: "fake", operation: "any", reason: "Unavailable" })

describe.each(caches)("touch, over $name", (cache) => {
  const test = testIn(cache.layer())

  test("AI-07 · false where nothing is: absent, expired, gone by a tag, being loaded", function*() {
    expect([yield* Cached.touch("k", "1 hour"), yield* Cached.touch("k", 0)]).toEqual([false, false])
    yield* Cached.set("k", 1, { ttl: "1 minute" })
    yield* TestClock.adjust("1 minute")
    expect(yield* Cached.touch("k", "1 hour")).toBe(false)
    expect(yield* Cached.has("k")).toBe(false)
    yield* Cached.set(berlin, 1)
    yield* Cached.invalidate({ tag: "city:Berlin" })
    expect(yield* Cached.touch(berlin, "1 hour")).toBe(false)
    expect(yield* Cached.has(berlin)).toBe(false)
  })

  test("AI-07 · zero or less removes it, Infinity lets it live on", function*() {
    yield* Cached.set("k", 1, { ttl: "1 hour" })
    expect(yield* Cached.touch("k", "Infinity")).toBe(true)
    yield* TestClock.adjust("10000 hours")
    expect(yield* Cached.getOption("k")).toEqual(Option.some(1))
    expect(yield* Cached.touch("k", 0)).toBe(true)
    expect(yield* Cached.has("k")).toBe(false)
    yield* Cached.set("k", 1)
    expect(yield* Cached.touch("k", -1)).toBe(true)
    expect(yield* Cached.has("k")).toBe(false)
  })

  test("while a load runs: what it brings has its own lifetime", function*() {
    const { load } = counting(1000)
    const reader = yield* started(Cached.ttl(load, "k", { ttl: "1 hour" }))
    expect(yield* Cached.touch("k", "9 hours")).toBe(false)
    yield* TestClock.adjust("1 second")
    expect(yield* Fiber.join(reader)).toBe(1)
    yield* TestClock.adjust("1 hour")
    expect(yield* Cached.has("k")).toBe(false)
  })

  test("does nothing where the policy writes nothing", function*() {
    yield* Cached.set("k", 1, { ttl: "1 hour" })
    const under = CachePolicy.disable("set")
    expect(yield* under(Cached.touch("k", 0))).toBe(false)
    expect(yield* under(Cached.touch("k", "9 hours"))).toBe(false)
    yield* TestClock.adjust("1 hour")
    expect(yield* Cached.has("k")).toBe(false)
  })
})

describe("touch, while the store fails", () => {
  test.overFake("memory continues, and reports the failure; strict callers get it", function*(fake) {
    yield* Cached.set("k", 1, { ttl: "1 hour" })
    fake.behave = () => ({ before: Effect.fail(unavailable) })
    expect(yield* Cached.touch("k", "2 hours")).toBe(true)
    expect(yield* Cached.touch("nothing", "2 hours")).toBe(false)
    expect(yield* Effect.flip(CachePolicy.strict(Cached.touch("k", "2 hours")))).toEqual(unavailable)
    yield* TestClock.adjust("90 minutes")
    expect(yield* Cached.getOption("k")).toEqual(Option.some(1))
  })

  test.overFake("P2 · does not bring back what was invalidated in vain", function*(fake) {
    yield* Cached.set("k", 1, { ttl: "1 hour" })
    fake.behave = (operation) => operation === "remove" ? { before: Effect.fail(unavailable) } : {}
    yield* Cached.invalidate("k")
    expect(yield* Cached.touch("k", "2 hours")).toBe(false)
    expect(yield* Cached.has("k")).toBe(false)
    expect(fake.entries.get("k")?.meta.expiresAt).toBe(3_600_000)
  })
})
