/** The options of a read: ttl, jitter, tags, `when`, timeouts, retries; and values that are no option. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Option, Random, Schema } from "effect"
import { Cached, CacheError, CacheKey, CachePolicy, type Strategy } from "effect-cached"
import { TestClock } from "effect/testing"
import { caches, counting, elapse, ended, settle, start, started, taking } from "../support/caches.ts"
import * as Looking from "../support/looking.ts"
import { made } from "../support/strategies.ts"
import { testIn } from "../support/tests.ts"

class Report extends CacheKey.Class<Report>()("Report", {
  payload: { city: Schema.String },
  success: Schema.Number,
  tags: ({ city }) => [`city:${city}`]
}) {}

class NotFound extends Schema.TaggedError<NotFound>()("NotFound", {}) {}
class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Person extends CacheKey.Class<Person>()("Person", {
  payload: { id: Schema.Int },
  success: Schema.String,
  error: NotFound
}) {}

const mistake = (): any => {
  throw new Error("a mistake")
}

const lifetimes: ReadonlyArray<readonly [string, () => Duration.Input]> = [
  ["gives zero", () => 0],
  ["gives less than zero", () => "-1 minute" as never],
  ["gives minus infinity", () => -Infinity]
]

const timeoutOf = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) as CacheError.LoadTimeout : undefined

describe.each(caches)("over $name", (cache) => {
  const provided = Effect.provide(cache.layer())
  const test = testIn(cache.layer())

  describe("ttl", () => {
    test("counts from the end of the load, to the millisecond", function*() {
      const { load } = counting(60_000)
      const get = load.pipe(Cached.ttl("k", { ttl: "10 seconds" }))
      expect(yield* taking("1 minute", get)).toBe(1)
      yield* TestClock.adjust(9999)
      expect(yield* get).toBe(1)
      yield* TestClock.adjust(1)
      expect(yield* Cached.has("k")).toBe(false)
      expect(yield* taking("1 minute", get)).toBe(2)
    })

    test("as a function sees outcome and key, and makes lifetimes of its own", function*() {
      const seen: Array<unknown> = []
      const get = (city: string, value: number) =>
        Effect.succeed(value).pipe(Cached.ttl(new Report({ city }), {
          ttl: (exit, key) => {
            seen.push(exit, key.city)
            return Exit.isSuccess(exit) ? Duration.minutes(exit.value) : 0
          }
        }))
      yield* get("Berlin", 1)
      yield* get("Rome", 5)
      expect(seen).toEqual([Exit.succeed(1), "Berlin", Exit.succeed(5), "Rome"])
      yield* TestClock.adjust("2 minutes")
      expect([yield* get("Berlin", 7), yield* get("Rome", 7)]).toEqual([7, 5])
    })

    test.each(lifetimes)("as a function that %s: not stored", function*([, ttl]) {
      const { load } = counting()
      const get = load.pipe(Cached.ttl("k", { ttl }))
      expect([yield* get, yield* get]).toEqual([1, 2])
      expect(yield* Cached.has("k")).toBe(false)
      expect(yield* Cached.stats).toMatchObject({ notStored: 0 })
    })

    test.each([0, -1, "0 millis"] as const)(
      "%s: a mistake, and not stored where a function answers it",
      function*(ttl) {
        const { load } = counting()
        const exit = yield* Effect.exit(load.pipe(Cached.ttl("k", { ttl })))
        expect(String(exit)).toContain("ttl is zero or less")
        const get = load.pipe(Cached.ttl("k", { ttl: () => ttl }))
        expect([yield* get, yield* get]).toEqual([1, 2])
      }
    )

    test("Infinity: for ever", function*() {
      const { load } = counting()
      for (const ttl of [Infinity, "Infinity", Duration.infinity] as const) {
        const get = load.pipe(Cached.ttl("k", { ttl }))
        yield* get
        yield* TestClock.adjust("10000 days")
        expect(yield* get).toBe(1)
      }
      expect(yield* Looking.expiresIn("k")).toEqual(Option.some(Duration.infinity))
    })
  })

  describe("jitter", () => {
    it.effect("takes a random share of the lifetime, the soft deadline with it", () =>
      Effect.gen(function*() {
        const { load } = counting()
        const left: Array<number> = []
        for (let i = 0; i < 50; i++) {
          const key = `k${i}`
          yield* load.pipe(Cached.softTtl(key, { ttl: 1000, softTtl: 500, jitter: 0.2 }))
          left.push(Duration.toMillis(Option.getOrThrow(yield* Looking.expiresIn(key))))
        }
        expect(Math.min(...left)).toBeGreaterThan(800)
        expect(Math.max(...left)).toBeLessThanOrEqual(1000)
        expect(new Set(left).size).toBeGreaterThan(25)
      }).pipe(Random.withSeed("jitter"), provided))

    it.effect("0, the default, takes nothing; 1 anything", () =>
      Effect.gen(function*() {
        yield* Effect.succeed(1).pipe(Cached.ttl("a", { ttl: 1000 }))
        expect(yield* Looking.expiresIn("a")).toEqual(Option.some(Duration.seconds(1)))
        yield* Effect.succeed(1).pipe(Cached.ttl("b", { ttl: 1000, jitter: 1 }))
        expect(Duration.toMillis(Option.getOrThrow(yield* Looking.expiresIn("b")))).toBeLessThan(1000)
      }).pipe(Random.withSeed("jitter"), provided))
  })

  describe("tags", () => {
    type Tags = ReadonlyArray<string> | ((exit: Exit.Exit<number>, key: Report) => ReadonlyArray<string>) | undefined
    test.each<readonly [string, Tags, other: string, own: string]>([
      ["a list, in place of the key's", ["a", "b"], "city:Berlin", "b"],
      ["the key's, by default", undefined, "city:Rome", "city:Berlin"],
      ["a function", (exit, { city }) => Exit.isSuccess(exit) ? [`${city} ${exit.value}`] : [], "Berlin 2", "Berlin 1"],
      ["the user's, though they look like the library's own", ["~Report"], "~~Report", "~Report"]
    ])("%s", function*([, tags, other, own]) {
      const { load } = counting()
      const get = load.pipe(Cached.ttl(new Report({ city: "Berlin" }), { ttl: "1 hour", ...tags && { tags } }))
      yield* get
      yield* Cached.invalidate({ tag: other })
      expect(yield* get).toBe(1)
      yield* Cached.invalidate({ tag: own })
      expect(yield* get).toBe(2)
    })

    test.each(
      [
        ["throws", mistake],
        ["gives no list", () => 5 as never],
        ["gives no text", () => [5] as never]
      ] as const
    )("a function that %s: not stored", function*([, tags]) {
      const { load } = counting()
      const get = load.pipe(Cached.ttl("k", { ttl: "1 hour", tags }))
      expect([yield* get, yield* get]).toEqual([1, 2])
      expect((yield* Cached.stats).notStored).toBe(2)
    })
  })

  describe("storeIf", () => {
    test("sees value and key, and keeps values out; it is never asked about failures", function*() {
      const asked: Array<unknown> = []
      let n = 0
      const get = Effect.suspend(() => ++n === 1 ? Effect.fail("down") : Effect.succeed(n)).pipe(
        Cached.ttl(new Report({ city: "Rome" }), {
          ttl: "1 hour",
          storeIf: (value, key) => {
            asked.push([value, key.city])
            return value >= 3
          }
        })
      )
      yield* Effect.flip(get)
      expect([yield* get, yield* get, yield* get]).toEqual([2, 3, 3])
      expect(asked).toEqual([[2, "Rome"], [3, "Rome"]])
    })

    test("beside when: both must accept", function*() {
      const { load } = counting()
      const get = load.pipe(Cached.ttl("k", { ttl: "1 hour", when: Exit.isSuccess, storeIf: (value) => value >= 2 }))
      expect([yield* get, yield* get, yield* get]).toEqual([1, 2, 2])
    })
  })

  describe("storeFailures", () => {
    const failing = (tag: "NotFound" | "Down") => {
      const counts = { loads: 0 }
      const load = Effect.suspend(() => {
        counts.loads++
        return Effect.fail(tag === "NotFound" ? new NotFound() : new Down())
      }) as Effect.Effect<string, NotFound | Down>
      return { counts, load }
    }
    const strategies = {
      "of a combinator": Cached.ttl("k", { ttl: "1 hour", storeFailures: ["NotFound"] }),
      "of a strategy": Cached.withStrategy("k", { strategy: { ttl: "1 hour" }, storeFailures: ["NotFound"] })
    }

    for (const [name, cached] of Object.entries(strategies)) {
      it.effect(`${name}: failures of these tags are stored, others are not, values are as ever`, () =>
        Effect.gen(function*() {
          const gone = failing("NotFound")
          const get = cached(gone.load)
          expect([yield* Effect.flip(get), yield* Effect.flip(get)]).toMatchObject([
            { _tag: "NotFound" },
            { _tag: "NotFound" }
          ])
          expect(gone.counts.loads).toBe(1)
          yield* Cached.remove("k")
          const down = failing("Down")
          yield* Effect.flip(cached(down.load))
          yield* Effect.flip(cached(down.load))
          expect(down.counts.loads).toBe(2)
          const there: Effect.Effect<string, NotFound> = Effect.succeed("there")
          expect([yield* cached(there), yield* cached(down.load)]).toEqual(["there", "there"])
        }).pipe(cache.memory ? provided : Effect.provide(caches[0]!.layer())))
    }

    test("of a key class: those that its error describes outlive memory", function*() {
      const gone = failing("NotFound")
      const get = gone.load.pipe(Cached.ttl(new Person({ id: 7 }), { ttl: "1 hour", storeFailures: ["NotFound"] }))
      expect([yield* Effect.flip(get), yield* Effect.flip(get)]).toMatchObject([
        { _tag: "NotFound" },
        { _tag: "NotFound" }
      ])
      expect(gone.counts.loads).toBe(1)
    })

    test("a stored failure is an answer, also beside fallbackOn", function*() {
      const gone = failing("NotFound")
      yield* Cached.set("k", "old")
      const get = gone.load.pipe(
        Cached.failover("k", { ttl: "1 hour", fallbackOn: ["NotFound", "Down"], storeFailures: ["NotFound"] })
      )
      expect(yield* Effect.flip(get)).toMatchObject({ _tag: "NotFound" })
    })

    test("beside when: both must accept, and when is not asked to repeat itself", function*() {
      const gone = failing("NotFound")
      const never = gone.load.pipe(
        Cached.ttl("k", { ttl: "1 hour", when: Exit.isSuccess, storeFailures: ["NotFound"] })
      )
      yield* Effect.flip(never)
      yield* Effect.flip(never)
      expect(gone.counts.loads).toBe(2)
    })

    test("defects are never stored", function*() {
      let loads = 0
      const get = Effect.suspend(() => {
        loads++
        return Effect.die(new NotFound()) as Effect.Effect<string, NotFound>
      }).pipe(Cached.ttl("k", { ttl: "1 hour", storeFailures: ["NotFound"] }))
      yield* Effect.exit(get)
      yield* Effect.exit(get)
      expect(loads).toBe(2)
    })
  })

  describe("timeout", () => {
    test("counts from when the caller joined", function*() {
      const { load } = counting(1000)
      const get = (timeout: number) => load.pipe(Cached.ttl("k", { ttl: "1 hour", timeout }))
      const first = yield* start(get(600))
      yield* TestClock.adjust(500)
      // The load ends later than 0.7 seconds after its start, and within them after this reader came.
      const second = yield* start(get(700))
      yield* TestClock.adjust(500)
      expect(timeoutOf(yield* Fiber.await(first))).toMatchObject({ _tag: "LoadTimeout" })
      expect(yield* Fiber.join(second)).toBe(1)
    })

    test.each([0, -5] as const)("%s waits for nothing that is not there", function*(timeout) {
      const { counts, load } = counting(1000)
      const get = load.pipe(Cached.ttl("k", { ttl: "1 hour", timeout }))
      const reader = yield* start(get)
      yield* elapse(0)
      const exit = ended(reader)
      expect(exit !== "still waiting" && timeoutOf(exit)).toMatchObject({ _tag: "LoadTimeout" })
      yield* settle
      expect(counts.interrupted).toBe(counts.started)
      yield* Cached.set("k", 7)
      if (cache.memory) expect(yield* get).toBe(7)
    })

    test("Infinity is none", function*() {
      const { load } = counting(1_000_000_000)
      const get = load.pipe(Cached.ttl("k", { ttl: "Infinity", timeout: "Infinity" }))
      const reader = yield* started(get)
      yield* TestClock.adjust(1_000_000_000)
      expect(yield* Fiber.join(reader)).toBe(1)
    })

    test("falls back where the strategy does", function*() {
      const options = { ttl: "1 hour", softTtl: 0, timeout: 100 } as const
      yield* Effect.succeed(0).pipe(Cached.softTtl("k", options))
      const { counts, load } = counting(1000)
      expect(yield* taking(100, load.pipe(Cached.softTtl("k", options)))).toBe(0)
      expect(counts.interrupted).toBe(1)
      expect(
        timeoutOf(
          yield* Effect.exit(taking(
            100,
            load.pipe(Cached.softTtl("k", { ...options, retryAfter: 0, fallbackOn: () => false }))
          ))
        )
      ).toMatchObject({ _tag: "LoadTimeout" })
    })
  })

  describe("softTimeout", () => {
    test("and timeout: the sooner stale, the later an end", function*() {
      const { counts, load } = counting(1000)
      const get = load.pipe(Cached.failover("k", { ttl: "1 hour", softTimeout: 100, timeout: 500 }))
      expect(timeoutOf(yield* Effect.exit(taking(500, get)))).toMatchObject({ _tag: "LoadTimeout" })
      expect(counts.interrupted).toBe(1)
      yield* Cached.set("k", 0)
      expect(yield* taking(100, get)).toBe(0)
      // The load continues past the timeout of the caller that is gone.
      yield* TestClock.adjust(900)
      expect(counts.ended).toBe(1)
      expect(yield* Cached.getOption("k")).toEqual(Option.some(2))
    })

    test("an abandoned load ends with the refresh timeout", function*() {
      yield* Cached.set("k", 0)
      let interrupted = 0
      const hanging = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      expect(yield* taking(100, hanging.pipe(Cached.failover("k", { ttl: "1 hour", softTimeout: 100 })))).toBe(0)
      yield* TestClock.adjust("59 seconds")
      expect(interrupted).toBe(0)
      yield* TestClock.adjust("1 second")
      expect(interrupted).toBe(1)
    })
  })

  describe("fallbackOn", () => {
    const after = (
      outcome: Effect.Effect<string, string>,
      fallbackOn: "all" | ((cause: Cause.Cause<string>) => boolean)
    ) =>
      Effect.gen(function*() {
        yield* Cached.set("k", "stale")
        return yield* Effect.exit(outcome.pipe(Cached.failover("k", { ttl: "1 hour", fallbackOn })))
      })

    test("\"all\" is no failure with a defect beside it", function*() {
      const both = Cause.combine(Cause.fail("down"), Cause.die("bug"))
      expect(yield* after(Effect.failCause(both), "all")).toEqual(Exit.failCause(both))
    })

    test("is never asked about interruption", function*() {
      let asked = 0
      const exit = yield* after(Effect.interrupt, () => ++asked > 0)
      expect(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)).toBe(true)
      expect(asked).toBe(0)
    })
  })

  describe("retryAfter", () => {
    test("is five seconds: a failing load is not tried on every read", function*() {
      const options = { ttl: "1 hour", softTtl: "1 minute", fallbackOn: "all" } as const
      yield* Effect.succeed("stale").pipe(Cached.softTtl("k", options))
      yield* TestClock.adjust("2 minutes")
      let calls = 0
      const failing = Effect.suspend(() => {
        calls++
        return Effect.fail("down")
      }).pipe(Cached.softTtl("k", options))
      yield* failing
      yield* TestClock.adjust(4999)
      expect(yield* failing).toBe("stale")
      expect(calls).toBe(1)
      yield* TestClock.adjust(1)
      expect(yield* failing).toBe("stale")
      expect(calls).toBe(2)
    })

    test("0 tries every time, as failover does", function*() {
      let calls = 0
      const failing = Effect.suspend(() => {
        calls++
        return Effect.fail("down")
      })
      yield* Effect.succeed("stale").pipe(Cached.softTtl("k", { ttl: "1 hour", softTtl: 0 }))
      for (
        const run of [
          failing.pipe(Cached.softTtl("k", { ttl: "1 hour", softTtl: 0, retryAfter: 0, fallbackOn: "all" })),
          failing.pipe(Cached.failover("k", { ttl: "1 hour", fallbackOn: "all" }))
        ]
      ) {
        calls = 0
        expect([yield* run, yield* run, yield* run]).toEqual(["stale", "stale", "stale"])
        expect(calls).toBe(3)
      }
    })

    test("does not keep a reader with nothing stored from loading", function*() {
      const options = { ttl: 3000, softTtl: 1000, retryAfter: "1 hour", fallbackOn: "all" } as const
      yield* Effect.succeed("stale").pipe(Cached.softTtl("k", options))
      yield* TestClock.adjust(2000)
      yield* Effect.fail("down").pipe(Cached.softTtl("k", options))
      yield* TestClock.adjust(1000)
      expect(yield* Effect.succeed("new").pipe(Cached.softTtl("k", options))).toBe("new")
    })

    test("is over once a value is set or invalidated", function*() {
      const options = { ttl: "1 hour", softTtl: 0, retryAfter: "1 hour", fallbackOn: "all" } as const
      yield* Effect.succeed("stale").pipe(Cached.softTtl("k", options))
      yield* Effect.fail("down").pipe(Cached.softTtl("k", options))
      expect(yield* Effect.succeed("new").pipe(Cached.softTtl("k", options))).toBe("stale")
      yield* Cached.invalidate("k")
      expect(yield* Effect.succeed("new").pipe(Cached.softTtl("k", options))).toBe("new")
    })
  })

  it.effect("probabilistic: refreshes the earlier the longer the last load took", () =>
    Effect.gen(function*() {
      const read = (key: string, loadMillis: number) =>
        Effect.gen(function*() {
          const { counts, load } = counting(loadMillis)
          const get = load.pipe(Cached.probabilistic(key, { ttl: "1 hour" }))
          yield* taking(loadMillis, get)
          yield* TestClock.adjust("30 minutes")
          for (let i = 0; i < 20; i++) expect(yield* get).toBe(1)
          yield* settle
          return counts.started
        })
      expect([yield* read("cheap", 1), yield* read("dear", 1_800_000)]).toEqual([1, 2])
    }).pipe(Random.withSeed("probabilistic"), provided))

  test("Scope: each try of a refresh has one, closed before the next", function*() {
    const ahead = { ttl: "1 hour", refreshAfter: "1 minute" } as const
    yield* Effect.succeed("good").pipe(Cached.refreshAhead("k", ahead))
    yield* TestClock.adjust("2 minutes")
    const log: Array<string> = []
    const failing = Effect.acquireRelease(
      Effect.sync(() => log.push("open")),
      () => Effect.sync(() => log.push("close"))
    ).pipe(Effect.andThen(Effect.fail("down")), Cached.refreshAhead("k", ahead))
    expect(yield* failing).toBe("good")
    yield* TestClock.adjust("2 seconds")
    expect(log).toEqual(["open", "close", "open", "close", "open", "close"])
  })

  describe("withStrategy", () => {
    test("takes a strategy of your own", function*() {
      const hour = 3_600_000
      const untilTheHour: Strategy.Strategy = {
        name: "untilTheHour",
        decide: (entry, now) =>
          entry !== undefined && Math.floor(entry.createdAt / hour) === Math.floor(now / hour) ? "Serve" : "Load",
        lifetime: () => ({ softTtl: Infinity, ttl: Infinity })
      }
      const { load } = counting()
      const get = load.pipe(Cached.withStrategy("k", { strategy: untilTheHour }))
      yield* TestClock.adjust("59 minutes")
      expect([yield* get, yield* get]).toEqual([1, 1])
      yield* TestClock.adjust("1 minute")
      expect([yield* get, yield* get]).toEqual([2, 2])
    })

    test("its retryAfter and jitter count", function*() {
      const strategy: Strategy.Strategy = {
        ...made({ strategy: "softTtl", ttl: 1000, softTtl: 0, jitter: 0.5 }),
        retryAfter: 100
      }
      yield* Effect.succeed(1).pipe(Cached.withStrategy("k", { strategy }))
      const left = Duration.toMillis(Option.getOrThrow(yield* Looking.expiresIn("k")))
      expect(left).toBeLessThan(1000)
      expect(left).toBeGreaterThanOrEqual(500)
      let calls = 0
      const failing = Effect.suspend(() => {
        calls++
        return Effect.fail("down")
      }).pipe(Cached.withStrategy("k", { strategy, fallbackOn: "all" }))
      yield* failing
      yield* failing
      expect(calls).toBe(1)
      yield* TestClock.adjust(100)
      yield* failing
      expect(calls).toBe(2)
    })
  })
})

describe("wrong options die with a CacheConfigError before the first load", () => {
  const wrong: ReadonlyArray<readonly [string, (load: Effect.Effect<number>) => unknown]> = [
    ["an unknown option of untilInvalidated", Cached.untilInvalidated("k", { ttl: 1 } as never)],
    ["a jitter of 2", Cached.ttl("k", { ttl: 1, jitter: 2 })],
    ["a softTimeout that is NaN", Cached.failover("k", { ttl: 1, softTimeout: NaN })],
    ["a retryAfter that does not parse", Cached.failover("k", { ttl: 1, retryAfter: "soon" as never })],
    ["a shareLoad that is a duration", Cached.ttl("k", { ttl: 1, shareLoad: "5 seconds" as never })],
    ["tags that are no texts", Cached.ttl("k", { ttl: 1, tags: [1] as never })],
    ["`storeFailures` of no tags", Cached.untilInvalidated("k", { storeFailures: [1 as never] })],
    ["a fallbackOn that is none", Cached.failover("k", { ttl: 1, fallbackOn: true as never })],
    ["a strategy that is none", Cached.withStrategy("k", { strategy: {} as never })],
    [
      "a ttl beside a strategy",
      Cached.withStrategy("k", { strategy: { strategy: "untilInvalidated" }, ttl: 1 } as never)
    ],
    // The first calls of a process throw, the others make an effect that dies.
    ["no key", (load) => Effect.suspend(() => Cached.ttl({ ttl: 1 } as never, undefined as never)(load as never))],
    ["a key that is none", Cached.ttl(5 as never, { ttl: 1 })],
    ["a key that is null", Cached.ttl(null as never, { ttl: 1 })]
  ]

  describe.each(caches)("over $name", (cache) => {
    testIn(cache.layer()).each(wrong)("%s", function*([, wrap]) {
      const { counts, load } = counting()
      const read = wrap(load) as Effect.Effect<number>
      for (const run of [read, CachePolicy.disable("set")(read), CachePolicy.refresh(read)]) {
        const exit = yield* Effect.exit(run)
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(CacheError.CacheConfigError)
      }
      expect(counts.started).toBe(0)
    })
  })
})
