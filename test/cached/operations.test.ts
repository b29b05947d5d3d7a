/** The operations one by one: get, set, has, remove, and what is wrong with their keys. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Layer, Option, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, CachePolicy, Transaction } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, fakeStore, over, settle, start, started } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { testIn } from "../support/tests.ts"

class Report extends CacheKey.Class<Report>()("Report", {
  payload: { city: Schema.String },
  success: Schema.Struct({ celsius: Schema.Number }),
  error: Schema.String,
  tags: ({ city }) => [`city:${city}`]
}) {}

const berlin = new Report({ city: "Berlin" })

const hours = (n: number) => Option.some(Duration.hours(n))

const get = <A, E, R>(load: Effect.Effect<A, E, R>, key = "k") => load.pipe(Cached.ttl(key, { ttl: "1 hour" }))

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  it.effect("AI-03 · set and setMany without a ttl have that of the layer's strategy, in a transaction too", () =>
    Effect.gen(function*() {
      yield* Cached.set("k", 1)
      yield* Cached.setMany([["many", 1]])
      yield* Transaction.run(Cached.set("inside", 1))
      yield* Cached.set("own", 1, { ttl: "3 hours" })
      yield* Cached.set("endless", 1, { ttl: "Infinity" })
      yield* Cached.set("own", 2, { keepTtl: true })
      yield* Cached.set("new", 1, { keepTtl: true })
      const ends = yield* Effect.forEach(["k", "many", "inside", "own", "new"], Looking.expiresIn)
      expect(ends).toEqual([2, 2, 2, 3, 2].map(hours))
      yield* TestClock.adjust("10000 days")
      expect(yield* Effect.filter(["k", "many", "inside", "own", "endless"], Cached.has)).toEqual(["endless"])
    }).pipe(Effect.provide(cache.layer({ strategy: { strategy: "softTtl", ttl: "2 hours", softTtl: "1 hour" } }))))

  it.effect("set without a ttl is for ever where the layer's strategy has no constant one", () =>
    Effect.gen(function*() {
      yield* Cached.set("k", 1)
      yield* TestClock.adjust("10000 days")
      expect(yield* Cached.has("k")).toBe(true)
    }).pipe(Effect.provide(cache.layer({ strategy: { ttl: () => "1 hour" } }))))

  test("getOption: a stale value is a value, a running load is none, a stored failure neither", function*() {
    yield* Effect.succeed("v").pipe(Cached.softTtl("k", { ttl: "1 hour", softTtl: "1 minute" }))
    yield* TestClock.adjust("30 minutes")
    expect(yield* Cached.getOption("k")).toEqual(Option.some("v"))
    const reader = yield* start(get(Effect.never, "running"))
    expect(yield* Cached.getOption("running")).toEqual(Option.none())
    expect(reader.pollUnsafe()).toBe(undefined)
    yield* Fiber.interrupt(reader)
    yield* Effect.exit(Effect.fail("down").pipe(Cached.ttl(berlin, { ttl: "1 hour", when: () => true })))
    expect(yield* Cached.getOption(berlin)).toEqual(Option.none())
    expect(yield* Cached.has(berlin)).toBe(true)
  })

  test("CA-12, AI-04 · set without a ttl: the old one is gone; keepTtl keeps it, and is fresh until then", function*() {
    yield* Cached.set("k", 1, { ttl: "1 hour" })
    yield* Cached.set("k", 2)
    yield* TestClock.adjust("2 hours")
    expect(yield* Cached.getOption("k")).toEqual(Option.some(2))
    const soft = Cached.softTtl("l", { ttl: "1 hour", softTtl: "10 minutes", fallbackOn: "all" })
    yield* soft(Effect.succeed(1))
    yield* TestClock.adjust("30 minutes")
    yield* Cached.set("l", 2, { keepTtl: true })
    expect(yield* soft(Effect.succeed(3))).toBe(2)
    yield* TestClock.adjust("30 minutes")
    expect(yield* soft(Effect.succeed(3))).toBe(3)
  })

  test("set keepTtl: keeps it also where nothing is read", function*() {
    for (const under of [CachePolicy.refresh, CachePolicy.disable("get")]) {
      yield* Cached.set("k", 1, { ttl: "4 hours" })
      yield* under(Cached.set("k", 2, { keepTtl: true }))
      expect(yield* Looking.expiresIn("k")).toEqual(hours(4))
    }
  })

  test.each([0, -1] as const)("set with a ttl of %s removes what is there", function*(ttl) {
    yield* Cached.set("k", 1)
    yield* Cached.set("k", 2, { ttl })
    expect(yield* Cached.has("k")).toBe(false)
  })

  test("set: tags of the key, or its own", function*() {
    yield* Cached.set(berlin, { celsius: 1 })
    yield* Cached.invalidate({ tag: "city:Berlin" })
    expect(yield* Cached.has(berlin)).toBe(false)
    yield* Cached.set(berlin, { celsius: 2 }, { tags: ["t"] })
    yield* Cached.invalidate({ tag: "city:Berlin" })
    expect(yield* Cached.getOption(berlin)).toEqual(Option.some({ celsius: 2 }))
    yield* Cached.invalidate({ tag: "t" })
    expect(yield* Cached.has(berlin)).toBe(false)
  })

  test("set ends the pause after a failure: what it stored is the next to fall back on", function*() {
    const failover = Cached.failover("k", { ttl: "1 hour", retryAfter: "1 hour", fallbackOn: "all" })
    yield* Effect.succeed(1).pipe(failover)
    expect(yield* Effect.fail("down").pipe(failover)).toBe(1)
    expect(yield* Effect.succeed(2).pipe(failover)).toBe(1)
    yield* Cached.set("k", 3)
    expect(yield* Effect.succeed(4).pipe(failover)).toBe(4)
  })

  test("invalidateMany takes any iterable of keys, once or twice the same", function*() {
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)
    yield* Effect.forEach([...keys, "other"], (key) => Cached.set(key, 1))
    yield* Cached.set(berlin, { celsius: 1 })
    yield* Cached.invalidate(new Set([...keys, berlin]))
    yield* Cached.invalidate(["k1", "k1", "nothing"])
    yield* Cached.invalidate([])
    expect(yield* Effect.filter([...keys, "other"], Cached.has)).toEqual(["other"])
    expect(yield* Cached.has(berlin)).toBe(false)
  })
})

const test = testIn(CacheLayer.memory())

test("ids of a class's keys and of texts never meet", function*() {
  yield* Cached.set(berlin, { celsius: 1 })
  const id = CacheKey.id(berlin)
  expect(yield* Cached.has(id)).toBe(false)
  yield* Cached.set(id, "text")
  expect(yield* Cached.getOption(berlin)).toEqual(Option.some({ celsius: 1 }))
  expect(yield* Cached.getOption(id)).toEqual(Option.some("text"))
})

describe("invalid arguments die with a CacheConfigError", () => {
  testIn(over(fakeStore())).each(
    [
      ["a key that is none", () => Cached.getOption(5 as never)],
      ["a key that is none, to set", () => Cached.set(null as never, 1 as never)],
      ["a key that is none, to has", () => Cached.has(undefined as never)],
      ["a key that is none, to invalidate", () => Cached.invalidate({} as never)],
      ["a key that is none, to remove", () => Cached.remove({} as never)],
      ["a ttl that does not parse", () => Cached.set("k", 1, { ttl: "soon" as never })],
      ["a ttl that is NaN", () => Cached.set("k", 1, { ttl: NaN })],
      ["an unknown option of set", () => Cached.set("k", 1, { tll: 1 } as never)],
      ["tags that are no list", () => Cached.set("k", 1, { tags: "t" as never })],
      ["tags that are no texts", () => Cached.set("k", 1, { tags: [1] as never })],
      ["a tag that is no text", () => Cached.invalidate({ tag: 5 as never })],
      ["a target that is none", () => Effect.void.pipe(Cached.invalidateAfter([5 as never]))]
    ] as const
  )("%s", function*([, make]) {
    const exit = yield* Effect.exit(Effect.suspend(make as () => Effect.Effect<unknown>))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
  })
})

describe("a set beside a refresh of the same id", () => {
  const loading = (millis: number) => Effect.as(Effect.sleep(millis), "loaded").pipe(Cached.ttl("k", { ttl: "1 hour" }))

  it.effect.each([5, 20, 45, 60])(
    "memory has what the store has, with a load of %i ms beside a write of 50",
    (millis) =>
      Effect.gen(function*() {
        const fake = fakeStore()
        fake.behave = (operation) => operation === "set" ? { before: Effect.sleep(50) } : {}
        const [here, there] = yield* Effect.all([Layer.build(over(fake)), Layer.build(over(fake))])
        const read = Effect.provide(loading(millis), here)
        const setting = yield* started(Effect.provide(Cached.set("k", "set", { ttl: "1 hour" }), here))
        const refreshing = yield* start(CachePolicy.refresh(read))
        for (let step = 0; step < 50; step++) {
          yield* settle
          yield* TestClock.adjust(5)
        }
        yield* Fiber.join(setting)
        expect(yield* Fiber.join(refreshing)).toBe("loaded")
        const elsewhere = yield* Effect.provide(Cached.getOption("k"), there)
        expect(yield* Effect.provide(Cached.getOption("k"), here)).toEqual(elsewhere)
        expect(Option.isSome(elsewhere)).toBe(true)
      })
  )
})
