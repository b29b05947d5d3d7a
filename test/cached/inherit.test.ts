/**
 * The option `inherit`: the properties that an entry takes over from the values that a cache served inside its load.
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Duration, Effect, Exit, Fiber, Layer, Logger, Option, References, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, Caching } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, settle, start, started } from "../support/caches.ts"
import { warner } from "../support/logged.ts"
import * as Looking from "../support/looking.ts"
import { testIn } from "../support/tests.ts"

const inMemory = testIn(CacheLayer.memory())

class Inner extends CacheKey.Class<Inner>()("Inner", { payload: { n: Schema.Int }, success: Schema.Int }) {}
class Outer extends CacheKey.Class<Outer>()("Outer", { payload: { n: Schema.Int }, success: Schema.Int }) {}

type Key = string | Inner | Outer

/** How much longer the entry is served, in minutes; `undefined` where there is none. */
const left = (key: Key) =>
  Effect.map(Looking.expiresIn(key), (found) => Option.getOrUndefined(Option.map(found, Duration.toMinutes)))

const minutes = (n: number) => TestClock.adjust(`${n} minutes`)

const hour = { ttl: "1 hour" } as const

let loads = 0
const inner = (key: string, ttl: Duration.Input = "1 day") => Effect.sync(() => ++loads).pipe(Cached.ttl(key, { ttl }))

const refused = Effect.map(Cached.stats, (stats) => stats.refused)

describe.each(caches)("inherit, over $name", (cache) => {
  const test = testIn(cache.layer())

  const withAge = testIn(cache.layer({ inherit: "age" }))

  describe("age", () => {
    withAge("CA-40 · the outer life counts from the birth of what a cache served inside its load", function*() {
      yield* inner("inner")
      yield* minutes(59)
      const outer = inner("inner").pipe(Cached.ttl("outer", hour))
      yield* outer
      expect(yield* left("outer")).toBe(1)
      yield* minutes(1)
      expect(yield* Cached.has("outer")).toBe(false)
    })

    withAge("CA-40 · a value that was loaded inside, or that another load inside brought, has no age", function*() {
      const outer = Effect.delay(inner("inner"), "1 minute").pipe(Cached.ttl("outer", hour))
      const reading = yield* started(outer)
      yield* minutes(1)
      yield* settle
      expect(reading.pollUnsafe()).toBeDefined()
      expect(yield* left("outer")).toBe(60)
      // Joined: the load began before, and brings a new value.
      const slow = Effect.delay(Effect.succeed(1), "5 minutes")
        .pipe(Cached.ttl("slow", { maxLoad: "10 minutes", ...hour }))
      yield* started(slow)
      yield* minutes(1)
      yield* started(slow.pipe(Cached.ttl("joins", hour)))
      yield* minutes(4)
      yield* settle
      expect(yield* left("joins")).toBe(60)
    })

    withAge("the oldest of several counts, in whatever order they are read", function*() {
      yield* inner("a")
      yield* minutes(10)
      yield* inner("b")
      yield* minutes(10)
      for (const [i, keys] of [["a", "b", "c"], ["c", "b", "a"], ["b", "a", "c"]].entries()) {
        yield* Effect.forEach(keys, (key) => inner(key)).pipe(Cached.ttl(`outer ${i}`, hour))
        expect(yield* left(`outer ${i}`)).toBe(40)
        yield* Cached.invalidate("c")
      }
      yield* Effect.all([inner("b"), inner("d")], { concurrency: 2 }).pipe(Cached.ttl("outer", hour))
      expect(yield* left("outer")).toBe(50)
    })

    withAge("ages add up over three levels, whether the middle one is cached, loaded or joined", function*() {
      yield* inner("inner")
      yield* minutes(30)
      const middle = Effect.andThen(Effect.yieldNow, inner("inner")).pipe(Cached.ttl("middle", hour))
      yield* middle.pipe(Cached.ttl("loaded", hour))
      expect(yield* left("loaded")).toBe(30)
      yield* minutes(10)
      yield* middle.pipe(Cached.ttl("cached", hour))
      expect(yield* left("cached")).toBe(20)
      yield* Cached.invalidate("middle")
      const first = yield* start(middle)
      yield* middle.pipe(Cached.ttl("joined", hour))
      expect(first.pollUnsafe()).toBeDefined()
      expect(yield* left("joined")).toBe(20)
    })

    withAge("a value older than the ttl is given to the caller, and not stored", function*() {
      yield* inner("inner")
      yield* minutes(61)
      const before = yield* refused
      const outer = inner("inner").pipe(Cached.ttl("outer", hour))
      expect(yield* outer).toBe(yield* inner("inner"))
      expect(yield* Cached.has("outer")).toBe(false)
      expect(yield* refused).toBe(before + 1)
    })

    withAge("a life without an end has none", function*() {
      yield* inner("inner")
      yield* minutes(61)
      yield* inner("inner").pipe(Cached.untilInvalidated("outer"))
      expect(yield* left("outer")).toBe(Infinity)
    })

    withAge("the soft deadline counts from the load, as ever, and ends with the hard one", function*() {
      yield* inner("inner")
      yield* minutes(30)
      const options = hour
      const outer = inner("inner").pipe(Cached.refreshAhead("outer", { ...options, refreshAfter: "20 minutes" }))
      const late = inner("inner").pipe(Cached.refreshAhead("late", { ...options, refreshAfter: "40 minutes" }))
      yield* outer
      yield* late
      expect([yield* left("outer"), yield* left("late")]).toEqual([30, 30])
      yield* minutes(19)
      const { loads } = yield* Cached.stats
      yield* outer
      yield* settle
      expect((yield* Cached.stats).loads).toBe(loads)
      yield* minutes(1)
      yield* outer
      yield* settle
      expect((yield* Cached.stats).loads).toBe(loads + 1)
      // The refresh has read the same old value.
      expect(yield* left("outer")).toBe(10)
    })

    withAge("a sliding entry ends at its ttl from the birth, and its idle time counts from the load", function*() {
      yield* inner("inner")
      yield* minutes(30)
      const outer = inner("inner").pipe(Cached.sliding("outer", { idle: "20 minutes", ttl: "1 hour" }))
      yield* outer
      expect(yield* left("outer")).toBe(20)
      yield* minutes(15)
      yield* outer
      yield* settle
      expect(yield* left("outer")).toBe(15)
      const endless = inner("inner").pipe(Cached.sliding("endless", { idle: "20 minutes" }))
      yield* endless
      expect(yield* left("endless")).toBe(20)
    })

    withAge("an annotated ttl counts from the birth too", function*() {
      yield* inner("inner")
      yield* minutes(5)
      yield* Effect.andThen(Cached.annotate({ ttl: "8 minutes" }), inner("inner")).pipe(
        Cached.ttl("outer", hour)
      )
      expect(yield* left("outer")).toBe(3)
    })

    withAge("a stored failure has it too, and so has a value made of one", function*() {
      const key = new Inner({ n: 1 })
      const failing = Effect.fail("down").pipe(Cached.ttl("failing", { ...hour, when: () => true }))
      if (!cache.memory) return
      yield* Effect.exit(failing)
      yield* minutes(10)
      yield* Effect.exit(failing.pipe(Cached.ttl("outer", { ...hour, when: () => true })))
      const [outer] = yield* Stream.runCollect(Cached.entries("outer"))
      expect((outer!.expiresAt - (yield* Clock.currentTimeMillis)) / 60_000).toBe(50)
      yield* failing.pipe(Effect.catch(() => Effect.succeed(0)), Cached.ttl(key, hour))
      expect(yield* left(key)).toBe(50)
    })

    withAge("a look-up sees the age of the entry", function*() {
      yield* inner("inner")
      yield* minutes(30)
      const outer = inner("inner").pipe(Cached.ttl("outer", hour))
      yield* outer
      const [, [read]] = yield* Cached.detect(outer)
      expect(read).toMatchObject({ ageMillis: 30 * 60_000, ttlMillis: 30 * 60_000 })
    })

    withAge("an entry that is looked up counts too, and the previous value does not", function*() {
      yield* Cached.set("inner", 1)
      yield* Cached.set(new Outer({ n: 1 }), 1)
      yield* minutes(30)
      const ways = {
        getOption: Cached.getOption("inner"),
        getEntry: Cached.getEntry("inner"),
        getMany: Cached.getMany(["inner"])
      }
      for (
        const [name, way] of Object.entries(ways) as Array<[string, Effect.Effect<unknown, never, Caching.Caching>]>
      ) {
        yield* Effect.as(way, 1).pipe(Cached.ttl(name, hour))
        expect(yield* left(name)).toBe(30)
      }
      yield* Effect.andThen(Cached.set("inner", 2, { keepTtl: true }), Effect.succeed(1)).pipe(
        Cached.ttl("sets", hour)
      )
      expect(yield* left("sets")).toBe(60)
      const outer = Cached.fn(
        Outer,
        () => Effect.map(Cached.previous(Outer), Option.match({ onNone: () => 0, onSome: ({ value }) => value })),
        hour
      )
      expect(yield* outer.refresh({ n: 1 })).toBe(1)
      expect(yield* left(new Outer({ n: 1 }))).toBe(60)
    })

    withAge("a call of many is one load: its age is that of all its results", function*() {
      const many = Cached.many(Inner, (keys) => Effect.succeed(keys.map(({ n }) => Exit.succeed(n))), {
        ttl: "1 day"
      })
      yield* many([{ n: 1 }, { n: 2 }])
      yield* minutes(20)
      yield* Effect.as(many([{ n: 1 }, { n: 3 }]), 1).pipe(Cached.ttl("outer", hour))
      expect(yield* left("outer")).toBe(40)
      const outers = Cached.many(
        Outer,
        (keys) => Effect.as(many([{ n: 2 }]), keys.map(({ n }) => Exit.succeed(n))),
        hour
      )
      yield* outers([{ n: 1 }, { n: 2 }])
      expect([yield* left(new Outer({ n: 1 })), yield* left(new Outer({ n: 2 }))]).toEqual([40, 40])
    })

    withAge("a call of many continues for the others when the first of its keys is left", function*() {
      yield* inner("inner")
      yield* minutes(20)
      const strategy = { strategy: "ttl", ...hour } as const
      const outers = Cached.many(
        Outer,
        (keys) => Effect.delay(inner("inner"), "1 minute").pipe(Effect.as(keys.map(({ n }) => Exit.succeed(n)))),
        strategy
      )
      const one = Cached.fn(Outer, () => Effect.never, strategy)
      const both = yield* started(outers([{ n: 1 }, { n: 2 }]))
      const second = yield* started(one({ n: 2 }))
      yield* Fiber.interrupt(both)
      yield* minutes(1)
      yield* settle
      expect(yield* Fiber.join(second)).toBe(2)
      expect(yield* left(new Outer({ n: 2 }))).toBe(39)
    })

    withAge("a fiber that outlives the load adds nothing", function*() {
      yield* inner("inner")
      yield* minutes(30)
      const late = Effect.delay(inner("inner"), "1 minute")
      yield* Effect.as(Effect.forkDetach(late), 1).pipe(Cached.ttl("outer", hour))
      yield* minutes(1)
      expect(yield* left("outer")).toBe(59)
    })

    withAge("a try that failed leaves nothing to the next one", function*() {
      yield* inner("inner")
      let tries = 0
      const load = Effect.suspend(() =>
        ++tries === 2 ? Effect.andThen(inner("inner"), Effect.fail("down")) : Effect.succeed(tries)
      )
      const outer = load.pipe(Cached.refreshAhead("outer", { ttl: "2 hours", refreshAfter: "30 minutes" }))
      yield* minutes(10)
      yield* outer
      yield* minutes(30)
      yield* outer
      yield* settle
      yield* TestClock.adjust("30 seconds")
      expect(tries).toBe(3)
      expect(yield* left("outer")).toBeGreaterThan(119)
    })
  })

  describe("life", () => {
    const life = { ...hour, inherit: "life" } as const
    const short = (key: string, ttl: `${number} minutes`) => Effect.succeed(key).pipe(Cached.ttl(key, { ttl }))

    test("ends with the first of what a cache served, and of what was loaded inside", function*() {
      yield* short("a", "30 minutes")
      yield* short("b", "50 minutes")
      yield* minutes(4)
      yield* Effect.all([short("b", "50 minutes"), short("a", "30 minutes")]).pipe(
        Cached.ttl("outer", life)
      )
      yield* short("new", "10 minutes").pipe(Cached.ttl("of a load", life))
      yield* Effect.as(Cached.getOption("b"), 1).pipe(Cached.ttl("of a look-up", life))
      expect([yield* left("outer"), yield* left("of a load"), yield* left("of a look-up")]).toEqual([26, 10, 46])
    })

    test("through levels; one in between that takes nothing over counts with its own end", function*() {
      yield* short("a", "30 minutes")
      const middle = (key: string, inherit: "life" | false) =>
        short("a", "30 minutes").pipe(Cached.ttl(key, { ttl: "40 minutes", inherit }))
      yield* middle("taking", "life").pipe(Cached.ttl("outer", life))
      yield* middle("not taking", false).pipe(Cached.ttl("other", life))
      expect([yield* left("outer"), yield* left("other")]).toEqual([30, 40])
      yield* minutes(10)
      yield* middle("taking", "life").pipe(Cached.ttl("served", life))
      expect(yield* left("served")).toBe(20)
    })

    test("has its own end where that is first, and takes over no age", function*() {
      yield* inner("inner")
      yield* minutes(10)
      yield* inner("inner").pipe(Cached.ttl("outer", { ttl: "20 minutes", inherit: "life" }))
      yield* Effect.succeed(1).pipe(Cached.ttl("alone", life))
      expect([yield* left("outer"), yield* left("alone")]).toEqual([20, 60])
    })

    test("is not stored where something that it has read has ended meanwhile", function*() {
      yield* short("a", "30 minutes")
      const slow = short("a", "30 minutes").pipe(Effect.tap(() => Effect.sleep("31 minutes")))
      const reading = yield* started(slow.pipe(Cached.ttl("outer", life)))
      yield* minutes(31)
      expect(yield* Fiber.join(reading)).toBe("a")
      expect(yield* Cached.has("outer")).toBe(false)
    })

    test("hides loads from an outer one that refuses values served by caches", function*() {
      const middle = short("new", "10 minutes").pipe(Cached.ttl("middle", life))
      yield* middle.pipe(Cached.ttl("outer", { ...hour, inherit: "refuse" }))
      expect(yield* Cached.has("outer")).toBe(true)
    })
  })

  describe("refuse", () => {
    const refuse = { ...hour, inherit: "refuse" } as const

    test("CA-40 · a result made of a value that a cache served is not stored; one of a loaded value is", function*() {
      const outer = inner("inner").pipe(Cached.ttl("outer", refuse))
      yield* outer
      expect(yield* left("outer")).toBe(60)
      yield* Cached.invalidate("outer")
      const before = yield* refused
      const value = yield* outer
      expect(value).toBe(yield* inner("inner"))
      expect(yield* Cached.has("outer")).toBe(false)
      expect(yield* refused).toBe(before + 1)
    })

    test("CA-40 · also where a load between them was served it", function*() {
      yield* inner("inner")
      const middle = inner("inner").pipe(Cached.ttl("middle", hour))
      yield* middle.pipe(Cached.ttl("outer", refuse))
      expect([yield* Cached.has("middle"), yield* Cached.has("outer")]).toEqual([true, false])
    })
  })

  describe("false", () => {
    const not = { ...hour, inherit: false } as const

    test("the life counts from the end of the load, and those around it know nothing of what it read", function*() {
      yield* inner("inner")
      yield* minutes(30)
      const outer = inner("inner").pipe(Cached.ttl("outer", not))
      yield* outer.pipe(Cached.ttl("loads it", hour))
      expect([yield* left("outer"), yield* left("loads it")]).toEqual([60, 60])
      yield* minutes(10)
      yield* outer.pipe(Cached.ttl("reads it", hour))
      expect(yield* left("reads it")).toBe(50)
    })

    test("a stale value is not stored all the same", function*() {
      let up = true
      const soft = Effect.suspend(() => up ? Effect.succeed(1) : Effect.fail("down")).pipe(
        Cached.softTtl("inner", { ttl: "1 day", softTtl: "1 minute", fallbackOn: "all" })
      )
      yield* soft
      yield* minutes(1)
      up = false
      yield* soft.pipe(Cached.ttl("outer", not))
      expect(yield* Cached.has("outer")).toBe(false)
    })
  })

  it.effect("is an option of functions and of the layer; a read goes before its layer", () =>
    Effect.gen(function*() {
      yield* inner("inner")
      yield* minutes(30)
      const outer = (options: { readonly inherit?: Cached.Inherit }) =>
        Cached.fn(Outer, () => inner("inner"), { ...hour, ...options })
      yield* outer({})({ n: 1 })
      yield* outer({ inherit: "age" })({ n: 2 })
      yield* outer({ inherit: "refuse" })({ n: 3 })
      const lives = yield* Effect.forEach([1, 2, 3], (n) => left(new Outer({ n })))
      expect(lives).toEqual([60, 30, undefined])
    }).pipe(Effect.provide(cache.layer({ inherit: false }))))
})

describe("inherit", () => {
  inMemory.each([["age", 30], ["life", 15]] as const)(
    "crosses caches, with %s: what one of them served counts in the other",
    function*([inherit, minutesLeft]) {
      const other = yield* Caching.make(Caching.defaults)
      const part = inner("inner", "45 minutes").pipe(Effect.provideService(Caching.Caching, other))
      yield* part
      yield* minutes(30)
      yield* part.pipe(Cached.ttl("outer", { ...hour, inherit }))
      expect(yield* left("outer")).toBe(minutesLeft)
    }
  )

  inMemory("is life by default: a token or a setting of two hours ago keeps nothing out", function*() {
    yield* inner("token")
    yield* minutes(120)
    yield* inner("token").pipe(Cached.ttl("outer", hour))
    expect(yield* left("outer")).toBe(60)
    yield* minutes(21 * 60 + 30)
    yield* inner("token").pipe(Cached.ttl("late", hour))
    expect(yield* left("late")).toBe(30)
  })

  it.effect("a debug line says which life was shortened, and by what; not for what was loaded inside", () => {
    const lines: Array<unknown> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      if (logLevel === "Debug") {
        lines.push([String(message), fiber.getRef(References.CurrentLogAnnotations)["cache.key"]])
      }
    })
    return Effect.gen(function*() {
      yield* TestClock.adjust("1 day")
      yield* inner("equal", "1 hour").pipe(Cached.ttl("as long", hour))
      yield* inner("part", "40 minutes")
      yield* inner("part", "40 minutes").pipe(Cached.ttl("whole", hour))
      const loads = Effect.delay(inner("new", "1 hour"), "1 second").pipe(Effect.delay("1 second"))
      const reading = yield* started(loads.pipe(Cached.ttl("loads", hour)))
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(reading)
      yield* settle
      expect(lines).toEqual([[`"whole" ends with "part", which its load has read`, "whole"]])
    }).pipe(
      Effect.provide(Layer.provide(CacheLayer.memory(), Logger.layer([logger]))),
      Effect.provideService(References.MinimumLogLevel, "Debug")
    )
  })

  it.effect("a value too old to store is reported once a key class, with both names and what to do", () => {
    const { logger, warnings } = warner()
    return Effect.gen(function*() {
      yield* inner("token")
      yield* minutes(61)
      const outer = Cached.fn(Outer, () => inner("token"), hour)
      yield* outer({ n: 1 })
      yield* outer({ n: 1 })
      yield* outer({ n: 2 })
      yield* settle
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toContain(CacheKey.id(new Outer({ n: 1 })))
      expect(warnings[0]).toMatch(/"token".*inherit: "life"/)
    }).pipe(Effect.provide(Layer.provide(CacheLayer.memory({ inherit: "age" }), Logger.layer([logger]))))
  })

  inMemory("an expired entry that such a result replaces has expired", function*() {
    const causes: Array<string> = []
    yield* Cached.onRemoval(({ cause, id }) => Effect.sync(() => causes.push(`${id} ${cause}`)))
    yield* inner("inner")
    yield* minutes(30)
    const outer = inner("inner").pipe(Cached.ttl("outer", { ttl: "2 hours" }))
    yield* Cached.set("outer", 1, { ttl: "10 minutes" })
    yield* minutes(10)
    yield* outer
    yield* settle
    expect(causes).toEqual(["outer expired"])
  })

  inMemory.each([true, "ages", 0, null])("%j is none of its values", function*(inherit) {
    const wrong = { ...hour, inherit: inherit as never }
    const exit = yield* Effect.exit(Effect.succeed(1).pipe(Cached.ttl("k", wrong)))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
    if (inherit !== null) {
      expect(() => CacheLayer.memory({ inherit: inherit as never })).toThrow(CacheError.CacheConfigError)
    }
  })
})
