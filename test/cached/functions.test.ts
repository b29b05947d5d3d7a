/** `Cached.fn`: a function whose results are cached by its arguments. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Schema } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, type Strategy } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, counting, ended, settle, start, started, taking } from "../support/caches.ts"
import { testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

class Down extends Schema.TaggedError<Down>()("Down", {}) {}

class Report extends CacheKey.Class<Report>()("Report", {
  payload: { city: Schema.String, days: Schema.Number.pipe(Schema.withConstructorDefault(Effect.succeed(1))) },
  success: Schema.String,
  error: Down
}) {}
class Settings extends CacheKey.Class<Settings>()("Settings", { success: Schema.Number }) {}
class Fib extends CacheKey.Class<Fib>()("Fib", { payload: { n: Schema.Number }, success: Schema.BigInt }) {}

const strategy = { ttl: "1 hour" } as const

describe.each(caches)("over $name", (cache) => {
  const test = testIn(cache.layer())

  describe("fn", () => {
    test("calls its lookup with the key, once a payload", function*() {
      const keys: Array<Report> = []
      const report = Cached.fn(Report, (key) => {
        keys.push(key)
        return Effect.succeed(`${key.city} ${key.days}`)
      }, strategy)
      expect(yield* report({ city: "Berlin" })).toBe("Berlin 1")
      expect(yield* report({ city: "Berlin", days: 1 })).toBe("Berlin 1")
      expect(yield* report({ city: "Berlin", days: 2 })).toBe("Berlin 2")
      expect(keys).toEqual([new Report({ city: "Berlin" }), new Report({ city: "Berlin", days: 2 })])
    })

    test("needs no payload where no field is required", function*() {
      const { load } = counting()
      const settings = Cached.fn(Settings, () => load, strategy)
      expect([yield* settings(), yield* settings(), yield* settings({})]).toEqual([1, 1, 1])
      yield* settings.invalidate()
      expect(yield* settings()).toBe(2)
      expect(yield* settings.refresh()).toBe(3)
      expect(CacheKey.id(settings.key())).toBe(CacheKey.id(new Settings()))
    })

    test("a call is an effect: it runs as often as it is run, and is made without the cache", function*() {
      const { counts, load } = counting()
      const settings = Cached.fn(Settings, () => load, strategy)
      const call = settings()
      expect([yield* call, yield* call]).toEqual([1, 1])
      yield* settings.invalidate()
      expect(yield* call).toBe(2)
      expect(counts.started).toBe(2)
    })

    test("key names what a call reads", function*() {
      const report = Cached.fn(Report, () => Effect.succeed("sunny"), strategy)
      yield* report({ city: "Berlin" })
      expect(yield* Cached.getOption(report.key({ city: "Berlin" }))).toEqual(Option.some("sunny"))
      expect(yield* Cached.has(report.key({ city: "Rome" }))).toBe(false)
    })

    test("invalidate makes the next call load", function*() {
      const { load } = counting()
      const report = Cached.fn(Report, ({ city }) => Effect.map(load, (n) => `${city} ${n}`), strategy)
      yield* report({ city: "Berlin" })
      yield* report({ city: "Rome" })
      yield* report.invalidate({ city: "Berlin" })
      expect(yield* report({ city: "Berlin" })).toBe("Berlin 3")
      expect(yield* report({ city: "Rome" })).toBe("Rome 2")
    })

    test("refresh loads again, once for callers that ask together, and its failure keeps the old value", function*() {
      const { counts, load } = counting(1000)
      let up = true
      const report = Cached.fn(
        Report,
        () => Effect.flatMap(load, (n) => up ? Effect.succeed(`${n}`) : Effect.fail(new Down())),
        strategy
      )
      expect(yield* taking("1 second", report({ city: "Berlin" }))).toBe("1")
      const both = yield* Effect.all([
        start(report.refresh({ city: "Berlin" })),
        start(report.refresh({ city: "Berlin" }))
      ])
      yield* settle
      // While it runs the old value is served.
      expect(yield* report({ city: "Berlin" })).toBe("1")
      yield* TestClock.adjust("1 second")
      expect(yield* Effect.forEach(both, Fiber.join)).toEqual(["2", "2"])
      expect(yield* report({ city: "Berlin" })).toBe("2")
      up = false
      const failing = yield* started(report.refresh({ city: "Berlin" }))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.await(failing)).toEqual(Exit.fail(new Down()))
      expect(yield* report({ city: "Berlin" })).toBe("2")
      expect(counts.started).toBe(3)
    })

    test("refresh takes the place of a background refresh that has not begun, and follows one that runs", function*() {
      const { counts, load } = counting(1000)
      const settings = Cached.fn(Settings, () => load, {
        strategy: "refreshAhead",
        ttl: "1 hour",
        refreshAfter: "1 minute"
      })
      yield* taking("1 second", settings())
      yield* TestClock.adjust("2 minutes")
      expect(yield* settings()).toBe(1)
      const asked = yield* started(settings.refresh())
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(asked)).toBe(2)
      expect(counts.started).toBe(2)
      yield* TestClock.adjust("2 minutes")
      expect(yield* settings()).toBe(2)
      yield* settle
      const later = yield* start(settings.refresh())
      yield* TestClock.adjust("1 second")
      expect(yield* settings()).toBe(3)
      yield* settle
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(later)).toBe(4)
    })

    test("takes the options of a read", function*() {
      const settings = Cached.fn(Settings, () => Effect.never, {
        strategy: "failover",
        ttl: "1 hour",
        timeout: "1 second",
        tags: ["t"]
      })
      const nothing = yield* start(settings())
      yield* TestClock.adjust("1 second")
      const exit = yield* Fiber.await(nothing)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.LoadTimeout)
      yield* Cached.set(new Settings(), 7)
      expect(yield* taking("1 second", settings())).toBe(7)
      const tagged = Cached.fn(Settings, () => Effect.succeed(1), { ...strategy, tags: ["t"] })
      yield* Cached.clear
      yield* tagged()
      yield* Cached.invalidate({ tag: "t" })
      expect(yield* Cached.has(new Settings())).toBe(false)
    })

    test("a lookup that throws is a defect of the call, and is not stored", function*() {
      let calls = 0
      const settings = Cached.fn(Settings, () => {
        if (++calls === 1) throw new Error("a mistake")
        return Effect.succeed(calls)
      }, strategy)
      expect(Exit.hasDies(yield* Effect.exit(settings()))).toBe(true)
      expect(yield* settings()).toBe(2)
    })
  })

  describe("recursive", () => {
    const counted = () => {
      let computed = 0
      const fib = Cached.recursive(Fib, ({ n }, self) => {
        computed++
        return n < 2
          ? Effect.succeed(BigInt(n))
          : Effect.zipWith(self({ n: n - 1 }), self({ n: n - 2 }), (a, b) => a + b)
      }, { strategy: "untilInvalidated" })
      return { fib, computed: () => computed }
    }

    test("AI-25 · computes each value once", function*() {
      const { computed, fib } = counted()
      expect(yield* fib({ n: 90 })).toBe(2880067194370816120n)
      expect(computed()).toBe(91)
      expect(yield* fib({ n: 91 })).toBe(4660046610375530309n)
      expect(computed()).toBe(92)
    })

    test("callers beside each other share what they need", function*() {
      const { computed, fib } = counted()
      yield* Effect.all([fib({ n: 50 }), fib({ n: 49 }), fib({ n: 51 })], { concurrency: "unbounded" })
      expect(computed()).toBe(52)
    })

    test("a value that needs itself dies with the path", function*() {
      const loop = Cached.recursive(Fib, ({ n }, self) => self({ n: (n + 1) % 3 }), strategy)
      const exit = yield* Effect.exit(loop({ n: 0 }))
      const defect = Exit.isFailure(exit) && Cause.squash(exit.cause)
      expect(defect).toBeInstanceOf(CacheError.CacheCycle)
      expect((defect as CacheError.CacheCycle).path).toEqual(
        [0, 1, 2, 0].map((n) => CacheKey.id(new Fib({ n })))
      )
    })

    test("invalidate and refresh are of one value", function*() {
      const { computed, fib } = counted()
      yield* fib({ n: 10 })
      yield* fib.invalidate({ n: 10 })
      yield* fib({ n: 10 })
      yield* fib.refresh({ n: 10 })
      expect(computed()).toBe(13)
    })

    test("a failure below is a failure above, and nothing is stored", function*() {
      let up = false
      const walk = Cached.recursive(Report, ({ city, days }, self) =>
        days > 0
          ? self({ city, days: days - 1 })
          : Effect.suspend(() => up ? Effect.succeed("there") : Effect.fail(new Down())), strategy)
      expect(yield* Effect.flip(walk({ city: "Berlin", days: 3 }))).toEqual(new Down())
      up = true
      expect(yield* walk({ city: "Berlin", days: 3 })).toBe("there")
    })

    test("interrupted, it ends every load that no other caller needs", function*() {
      const ends: Array<number> = []
      const chain = Cached.recursive(Fib, ({ n }, self) =>
        Effect.onInterrupt(
          n === 0 ? Effect.as(Effect.sleep(1000), 0n) : Effect.map(self({ n: n - 1 }), (below) => below + 1n),
          () => Effect.sync(() => ends.push(n))
        ), strategy)
      const whole = yield* start(chain({ n: 5 }))
      const half = yield* started(chain({ n: 2 }))
      yield* TestClock.adjust(500)
      yield* Fiber.interrupt(whole)
      expect(ends.sort()).toEqual([3, 4, 5])
      expect(ended(half)).toBe("still waiting")
      yield* TestClock.adjust(500)
      expect(yield* Fiber.join(half)).toBe(2n)
    })
  })
})

describe("invalid options are thrown at once", () => {
  const lookup = () => Effect.succeed(1)

  it.each(
    [
      ["no options", () => Cached.fn(Settings, lookup, undefined as never)],
      ["no ttl", () => Cached.fn(Settings, lookup, {} as never)],
      ["a strategy that is none", () => Cached.fn(Settings, lookup, { strategy: {} as Strategy.Strategy })],
      ["no lookup", () => Cached.fn(Settings, undefined as never, strategy)],
      ["an unknown option", () => Cached.fn(Settings, lookup, { ...strategy, tll: 1 } as never)],
      ["tags that are no list", () => Cached.fn(Settings, lookup, { ...strategy, tags: "t" as never })],
      ["a timeout that does not parse", () => Cached.fn(Settings, lookup, { ...strategy, timeout: "soon" as never })],
      ["a softTimeout that is NaN", () => Cached.fn(Settings, lookup, { ...strategy, softTimeout: NaN })],
      ["a fallbackOn that is none", () => Cached.fn(Settings, lookup, { ...strategy, fallbackOn: 1 } as never)],
      ["a class that is none", () => Cached.fn({} as typeof Settings, lookup, strategy)],
      ["recursive without a lookup", () => Cached.recursive(Fib, undefined as never, strategy)]
    ] as const
  )("%s", (_, make) => {
    expect(make).toThrow(CacheError.CacheConfigError)
  })

  inMemory("a payload of another type is a CacheConfigError of the call", function*() {
    const report = Cached.fn(Report, () => Effect.succeed("x"), strategy)
    const exit = yield* Effect.exit(Effect.suspend(() => report({ city: 5 as never })))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
  })
})
