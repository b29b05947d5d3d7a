/**
 * Lifetimes that are functions of the outcome, timeouts that are functions of the key, and what these functions throw.
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Schema } from "effect"
import { Cached, CacheError, CacheKey } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, counting, elapse, ended, settle, start, started, taking } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { testIn } from "../support/tests.ts"

class Report extends CacheKey.Class<Report>()("Report", {
  payload: { city: Schema.String, slow: Schema.Boolean },
  success: Schema.Number
}) {}

const key = new Report({ city: "Rome", slow: false })
const slow = new Report({ city: "Rome", slow: true })

const mistake = (): never => {
  throw new Error("a mistake")
}

const defectOf = (exit: Exit.Exit<unknown, unknown>) => Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

describe.each(caches)("over $name", (cache) => {
  const provided = Effect.provide(cache.layer())
  const test = testIn(cache.layer())

  test("options may be an instance of a class: its getters and methods are options too", function*() {
    class Limited {
      readonly #millis = 10
      readonly ttl = "1h"
      get timeout() {
        return this.#millis
      }
    }
    const reading = yield* start(Effect.never.pipe(Cached.ttl("limited", new Limited())))
    yield* TestClock.adjust(10)
    const exit = ended(reading)
    expect(exit !== "still waiting" && defectOf(exit)).toBeInstanceOf(CacheError.LoadTimeout)
    class Timed {
      readonly #millis = 10
      readonly ttl = "1h"
      get timeout() {
        return ({ slow }: Report) => slow ? 30 : this.#millis
      }
    }
    const report = Cached.fn(Report, () => counting(20).load, new Timed())
    const readings = [yield* start(report(key)), yield* start(report(slow))]
    yield* elapse(20)
    yield* TestClock.adjust(10)
    const [quick, patient] = readings.map(ended) as [Exit.Exit<number>, Exit.Exit<number>]
    expect(defectOf(quick)).toBeInstanceOf(CacheError.LoadTimeout)
    expect(Exit.isSuccess(patient)).toBe(true)
  })

  describe("softTtl", () => {
    test("CA-36 · as a function sees outcome and key: past it a failure is answered with the old value", function*() {
      const seen: Array<unknown> = []
      let n = 0
      const get = Effect.suspend(() => ++n === 1 ? Effect.succeed(n) : Effect.fail("down")).pipe(
        Cached.softTtl(key, {
          ttl: "1h",
          softTtl: (exit, key) => {
            seen.push(exit, key.city)
            return Exit.isSuccess(exit) ? `${exit.value}m` : 0
          },
          fallbackOn: "all"
        })
      )
      expect(yield* get).toBe(1)
      expect(seen).toEqual([Exit.succeed(1), "Rome"])
      yield* TestClock.adjust(59_999)
      expect([yield* get, n]).toEqual([1, 1])
      yield* TestClock.adjust(1)
      expect([yield* get, n]).toEqual([1, 2])
    })

    test.each([0, -5, "-1 minute"] as const)(
      "as a function that gives %s: stale from the beginning",
      function*(softTtl) {
        const { load } = counting()
        const get = load.pipe(Cached.softTtl("k", { ttl: "1h", softTtl: () => softTtl }))
        expect([yield* get, yield* get]).toEqual([1, 2])
        expect(yield* Cached.has("k")).toBe(true)
      }
    )

    test("as a function may give more than ttl: it ends there", function*() {
      const { load } = counting()
      const get = load.pipe(Cached.softTtl("k", { ttl: "1h", softTtl: () => "2h" }))
      yield* get
      yield* TestClock.adjust("59 minutes")
      expect(yield* get).toBe(1)
      yield* TestClock.adjust("1 minutes")
      expect(yield* get).toBe(2)
    })
  })

  describe("refreshAfter", () => {
    test("as a function of the outcome: past it a read is served at once, and refreshes", function*() {
      const { counts, load } = counting()
      const get = load.pipe(
        Cached.refreshAhead("k", { ttl: "1h", refreshAfter: (exit) => Exit.isSuccess(exit) ? exit.value * 60_000 : 0 })
      )
      yield* get
      yield* TestClock.adjust(59_999)
      expect(yield* get).toBe(1)
      yield* settle
      expect(counts.started).toBe(1)
      yield* TestClock.adjust(1)
      expect(yield* get).toBe(1)
      yield* settle
      expect(counts.started).toBe(2)
      // The refresh of the second value.
      yield* TestClock.adjust(119_999)
      expect(yield* get).toBe(2)
      yield* settle
      expect(counts.started).toBe(2)
    })

    test("as a function, of a strategy", function*() {
      const { counts, load } = counting()
      const strategy = { strategy: "refreshAhead", ttl: "1h", refreshAfter: () => "1m" as const } as const
      const get = load.pipe(Cached.withStrategy("k", { strategy }))
      yield* get
      yield* TestClock.adjust("1 minutes")
      expect(yield* get).toBe(1)
      yield* settle
      expect(counts.started).toBe(2)
    })
  })

  test.each(
    [
      ["throws", mistake],
      ["gives no duration", () => "soon" as never],
      ["gives NaN", () => NaN]
    ] as const
  )(
    "a function about a loaded value that %s: not stored, counted once, and the answer is given",
    function*([, given]) {
      const { load } = counting()
      const soft = load.pipe(Cached.softTtl("k", { ttl: "1h", softTtl: given }))
      const ahead = load.pipe(Cached.refreshAhead("l", { ttl: "1h", refreshAfter: given }))
      expect([yield* soft, yield* soft, yield* ahead]).toEqual([1, 2, 3])
      expect([yield* Cached.has("k"), yield* Cached.has("l")]).toEqual([false, false])
      expect(yield* Cached.stats).toMatchObject({ notStored: 3 })
    }
  )

  describe("timeout", () => {
    const get = (key: Report, load: Effect.Effect<number>) =>
      load.pipe(Cached.ttl(key, { ttl: "1h", timeout: ({ slow }) => slow ? "10s" : "1s" }))

    test("as a function of the key", function*() {
      const { load } = counting(5000)
      const [quick, patient] = [yield* start(get(key, load)), yield* start(get(slow, load))]
      yield* TestClock.adjust("1 seconds")
      expect(defectOf(yield* Fiber.await(quick))).toMatchObject({ _tag: "LoadTimeout", timeoutMillis: 1000 })
      yield* TestClock.adjust("4 seconds")
      expect(yield* Fiber.join(patient)).toBe(2)
    })

    it.effect("as a function of a string key, and is asked by each caller that waits, not by hits", () =>
      Effect.gen(function*() {
        const asked: Array<string> = []
        let millis = 100
        const { load } = counting(150)
        const get = load.pipe(
          Cached.ttl("k", {
            ttl: "1h",
            timeout: (key) => {
              asked.push(key)
              return millis
            }
          })
        )
        const first = yield* start(get)
        millis = 1000
        const second = yield* start(get)
        yield* TestClock.adjust(100)
        expect(defectOf(yield* Fiber.await(first))).toMatchObject({ _tag: "LoadTimeout" })
        yield* TestClock.adjust(50)
        expect(yield* Fiber.join(second)).toBe(1)
        expect(asked).toEqual(["k", "k"])
        expect(yield* get).toBe(1)
        expect(asked).toEqual(["k", "k"])
      }).pipe(cache.memory ? provided : Effect.provide(caches[0]!.layer())))

    test("that throws is the defect of that caller alone", function*() {
      const { counts, load } = counting(100)
      const good = load.pipe(Cached.ttl("k", { ttl: "1h", timeout: "1s" }))
      const bad = load.pipe(Cached.ttl("k", { ttl: "1h", timeout: mistake }))
      const none = load.pipe(Cached.ttl("k", { ttl: "1h", timeout: () => "soon" as never }))
      // Before there is a load.
      const refused = yield* started(bad)
      expect(defectOf(yield* Fiber.await(refused))).toMatchObject({ message: "a mistake" })
      expect(counts.started).toBe(0)
      // And beside one.
      const waiting = yield* started(good)
      const joined = yield* started(none)
      const exit = ended(joined)
      expect(exit !== "still waiting" && defectOf(exit)).toBeInstanceOf(CacheError.CacheConfigError)
      yield* TestClock.adjust(100)
      expect(yield* Fiber.join(waiting)).toBe(1)
      // A hit asks nothing.
      if (cache.memory) expect(yield* bad).toBe(1)
    })

    test("of each key of many", function*() {
      const many = Cached.many(
        Report,
        (keys) => Effect.as(Effect.sleep("5 seconds"), keys.map(() => Exit.succeed(1))),
        { ttl: "1h", timeout: ({ slow }) => slow ? "10s" : "1s" }
      )
      const [first, second] = yield* taking("5 seconds", many([key, slow]))
      expect(defectOf(first!)).toMatchObject({ _tag: "LoadTimeout", timeoutMillis: 1000 })
      expect(second).toEqual(Exit.succeed(1))
    })

    test("of one key of many that throws is that key's answer", function*() {
      const many = Cached.many(Report, (keys) => Effect.succeed(keys.map(() => Exit.succeed(1))), {
        ttl: "1h",
        timeout: ({ slow }) => slow ? mistake() : "1s"
      })
      const [first, second] = yield* many([key, slow])
      expect(first).toEqual(Exit.succeed(1))
      expect(defectOf(second!)).toMatchObject({ message: "a mistake" })
    })
  })

  test("softTimeout as a function of the key", function*() {
    const { load } = counting(5000)
    const get = (key: Report) =>
      load.pipe(Cached.failover(key, { ttl: "1h", softTimeout: ({ slow }) => slow ? "10s" : "1s" }))
    yield* Cached.set(key, 100)
    yield* Cached.set(slow, 200)
    const [quick, patient] = [yield* start(get(key)), yield* start(get(slow))]
    yield* settle
    yield* TestClock.adjust("1 seconds")
    expect(ended(quick)).toEqual(Exit.succeed(100))
    expect(ended(patient)).toBe("still waiting")
    yield* TestClock.adjust("4 seconds")
    expect(yield* Fiber.join(patient)).toBe(2)
  })

  describe("annotate", () => {
    test("softTtl takes the place of the strategy's", function*() {
      const { counts, load } = counting()
      const annotated = Effect.tap(load, Cached.annotate({ softTtl: "5m" }))
      const soft = annotated.pipe(Cached.softTtl("k", { ttl: "1h", softTtl: "1m" }))
      expect(yield* soft).toBe(1)
      yield* TestClock.adjust("4 minutes")
      expect(yield* soft).toBe(1)
      yield* TestClock.adjust("1 minutes")
      expect(yield* soft).toBe(2)
      const ahead = annotated.pipe(Cached.refreshAhead("l", { ttl: "1h", refreshAfter: "30m" }))
      expect(yield* ahead).toBe(3)
      yield* TestClock.adjust("5 minutes")
      expect(yield* ahead).toBe(3)
      yield* settle
      expect(counts.started).toBe(4)
    })

    test("softTtl ends with ttl, the annotated one too", function*() {
      const { load } = counting()
      const get = Effect.tap(load, Cached.annotate({ ttl: "10m", softTtl: "2h" })).pipe(
        Cached.softTtl("k", { ttl: "1h", softTtl: "1m" })
      )
      yield* get
      yield* TestClock.adjust("9 minutes")
      expect(yield* get).toBe(1)
      expect(yield* Looking.expiresIn("k")).toMatchObject(Option.some({ value: { millis: 60_000 } }))
      yield* TestClock.adjust("1 minutes")
      expect(yield* get).toBe(2)
    })

    test("softTtl under a strategy without one serves it all the same", function*() {
      const { load } = counting()
      const annotated = Effect.tap(load, Cached.annotate({ softTtl: "1m" }))
      const plain = annotated.pipe(Cached.ttl("k", { ttl: "1h" }))
      const sliding = annotated.pipe(Cached.sliding("l", { ttl: "1h", idle: "30m" }))
      expect([yield* plain, yield* sliding]).toEqual([1, 2])
      yield* TestClock.adjust("29 minutes")
      expect([yield* plain, yield* sliding]).toEqual([1, 2])
      yield* TestClock.adjust("29 minutes")
      expect([yield* plain, yield* sliding]).toEqual([1, 2])
    })

    it("softTtl that is no duration is refused at once", () => {
      expect(() => Cached.annotate({ softTtl: "soon" as never })).toThrow("softTtl is not a duration")
    })
  })
})
