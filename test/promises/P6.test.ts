/** P6: when a stale value is served, and what a failed refresh leaves. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Schema } from "effect"
import { Cached, CacheKey, CachePolicy, type Strategy, Transaction } from "effect-cached"
import { TestClock } from "effect/testing"
import { cachesAndTiers, counting, ended, inside, overFake, settle, start, started, taking } from "../support/caches.ts"
import { made } from "../support/strategies.ts"
import { testIn } from "../support/tests.ts"

class Described extends CacheKey.Class<Described>()("Described", { success: Schema.String, error: Schema.String }) {}

const soft = { ttl: "10 minutes", softTtl: "7 minutes", fallbackOn: "all" } as const
const ahead = { ttl: "10 minutes", refreshAfter: "7 minutes" } as const

const good = Effect.succeed("good") as Effect.Effect<string, string>
const bad = Effect.fail("down") as Effect.Effect<string, string>

it.effect("P6 · a store's soft deadline behind the hard one prolongs nothing", () =>
  overFake(function*(fake) {
    yield* good.pipe(Cached.ttl("k", { ttl: "1 minute" }))
    const stored = fake.entries.get("k")!
    fake.entries.set("k", { ...stored, meta: { ...stored.meta, softExpiresAt: Infinity } })
    yield* Cached.set("other", 1)
    expect(yield* bad.pipe(Cached.ttl("k", { ttl: "1 minute" }))).toBe("good")
    yield* TestClock.adjust("1 minute")
    expect(yield* Effect.flip(bad.pipe(Cached.ttl("k", { ttl: "1 minute" })))).toBe("down")
  }, { capacity: 1 }))

describe("P6 · a stale value is served only inside its ttl, by a strategy that says so", () => {
  describe.each(cachesAndTiers)("over $name", (cache) => {
    const test = testIn(cache.layer())

    test("softTtl: until one millisecond before ttl", function*() {
      yield* good.pipe(Cached.softTtl("k", soft))
      yield* TestClock.adjust("10 minutes")
      yield* TestClock.adjust(-1)
      expect(yield* bad.pipe(Cached.softTtl("k", soft))).toBe("good")
      yield* TestClock.adjust(1)
      expect(yield* Effect.flip(bad.pipe(Cached.softTtl("k", soft)))).toBe("down")
    })

    test("softTtl: a load that fails only after the stale value's ttl has passed fails its reader", function*() {
      yield* good.pipe(Cached.softTtl("k", soft))
      yield* TestClock.adjust("8 minutes")
      expect(yield* Effect.exit(taking("3 minutes", Effect.delay(bad, "3 minutes").pipe(Cached.softTtl("k", soft)))))
        .toEqual(Exit.fail("down"))
    })

    test("softTimeout: the stale value after it, the load continues and is stored", function*() {
      const { counts, load } = counting(3000)
      const get = load.pipe(Cached.softTtl("k", { ...soft, softTimeout: "1 second" }))
      expect(yield* taking("3 seconds", get)).toBe(1)
      yield* TestClock.adjust("8 minutes")
      const second = yield* start(get)
      yield* TestClock.adjust("999 millis")
      expect(ended(second)).toBe("still waiting")
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(second)).toBe(1)
      yield* TestClock.adjust("2 seconds")
      expect(yield* get).toBe(2)
      expect(counts).toEqual({ started: 2, ended: 2, interrupted: 0 })
    })

    test("softTimeout does not serve past the ttl", function*() {
      const { load } = counting(3000)
      yield* Cached.set("k", 0, { ttl: "1 second" })
      const reader = yield* start(load.pipe(Cached.failover("k", { ttl: "1 hour", softTimeout: "2 seconds" })))
      yield* TestClock.adjust("2 seconds")
      expect(ended(reader)).toBe("still waiting")
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(reader)).toBe(1)
    })

    test("softTimeout does not serve past the end that a touch has set, by a load from before it", function*() {
      const { load } = counting(3000)
      yield* Cached.set("k", 0, { ttl: "1 hour" })
      const get = load.pipe(Cached.failover("k", { ttl: "1 hour", softTimeout: "1 second" }))
      expect(yield* taking("1 second", get)).toBe(0)
      expect(yield* Cached.touch("k", "500 millis")).toBe(true)
      yield* TestClock.adjust("500 millis")
      const second = yield* start(get)
      yield* TestClock.adjust("1 second")
      expect(ended(second)).toBe("still waiting")
      yield* TestClock.adjust("500 millis")
      expect(yield* Fiber.join(second)).toBe(1)
    })

    test("a value that a touch has made fresh while a reader waits is still a fallback", function*() {
      yield* good.pipe(Cached.softTtl("k", soft))
      yield* TestClock.adjust("8 minutes")
      const reader = yield* start(Effect.delay(bad, "1 second").pipe(Cached.softTtl("k", soft)))
      yield* TestClock.adjust("500 millis")
      expect(yield* Cached.touch("k", "1 hour")).toBe(true)
      yield* TestClock.adjust("500 millis")
      expect(ended(reader)).toEqual(Exit.succeed("good"))
    })

    test("softTimeout serves what a touch has made fresh while a reader waits", function*() {
      const { load } = counting(3000)
      yield* good.pipe(Cached.softTtl("k", soft))
      yield* TestClock.adjust("8 minutes")
      const reader = yield* start(load.pipe(Cached.softTtl("k", { ...soft, softTimeout: "1 second" })))
      yield* TestClock.adjust("500 millis")
      expect(yield* Cached.touch("k", "1 hour")).toBe(true)
      yield* TestClock.adjust("500 millis")
      expect(ended(reader)).toEqual(Exit.succeed("good"))
    })

    test("a value that was made stale is not fresh again by a touch: strategies that serve no stale value do not", function*() {
      yield* good.pipe(Cached.softTtl("k", { ...soft, tags: ["t"] }))
      yield* TestClock.adjust("8 minutes")
      const falls = yield* started(Effect.delay(bad, "1 second").pipe(Cached.softTtl("k", soft)))
      yield* Cached.invalidate({ tag: "t" }, { mode: "soft" })
      yield* Cached.touch("k", "1 hour")
      const reader = yield* started(Effect.delay(bad, "1 second").pipe(Cached.ttl("k", { ttl: "1 hour" })))
      yield* TestClock.adjust("1 second")
      expect(ended(falls)).toEqual(Exit.succeed("good"))
      expect(ended(reader)).toEqual(Exit.fail("down"))
    })

    test("a load that fails later, with a smaller retryAfter, does not end the pause of another", function*() {
      yield* good.pipe(Cached.softTtl("k", { ...soft, softTtl: 0 }))
      const slow = Effect.delay(bad, "2 seconds").pipe(
        Cached.softTtl("k", { ...soft, softTtl: 0, retryAfter: "1 second" })
      )
      const later = yield* started(CachePolicy.disable("set")(slow))
      const { counts, load } = counting(0)
      const get = Effect.flatMap(load, () => bad).pipe(
        Cached.softTtl("k", { ...soft, softTtl: 0, retryAfter: "1 minute" })
      )
      expect(yield* get).toBe("good")
      yield* TestClock.adjust("2 seconds")
      expect(ended(later)).toEqual(Exit.succeed("good"))
      yield* TestClock.adjust("2 seconds")
      expect(yield* get).toBe("good")
      expect(counts.started).toBe(1)
    })

    test("ttl, and a reader that joins with it, gets the failure and no stale value", function*() {
      yield* Effect.succeed("good").pipe(Cached.softTtl("k", { ...soft, softTtl: 0 }))
      const load = Effect.delay(bad, "1 second")
      const falls = yield* started(load.pipe(Cached.softTtl("k", { ...soft, softTtl: 0 })))
      const refreshes = yield* started(CachePolicy.refresh(load.pipe(Cached.ttl("k", { ttl: "1 hour" }))))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(falls)).toBe("good")
      expect(yield* Fiber.await(refreshes)).toEqual(Exit.fail("down"))
    })

    test("an invalidated stale value is never served", function*() {
      yield* good.pipe(Cached.softTtl("k", { ...soft, tags: ["t"] }))
      yield* TestClock.adjust("8 minutes")
      const reader = yield* start(Effect.delay(bad, "1 second").pipe(Cached.softTtl("k", { ...soft, tags: ["t"] })))
      yield* TestClock.adjust("500 millis")
      yield* Cached.invalidate({ tag: "t" })
      const after = yield* start(Effect.delay(bad, "1 second").pipe(Cached.softTtl("k", { ...soft, tags: ["t"] })))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.await(reader)).toEqual(Exit.fail("down"))
      expect(yield* Fiber.await(after)).toEqual(Exit.fail("down"))
    })

    test("a strategy of your own is held to the ttl too, and to falling back itself", function*() {
      const own = (decision: Strategy.Decision): Strategy.Strategy => ({
        ...made({ strategy: "ttl", ttl: "1 minute" }),
        decide: (entry) => entry === undefined ? "Load" : decision
      })
      const falls = Cached.withStrategy("k", { strategy: own("LoadOrStale"), retryAfter: 0, fallbackOn: "all" })
      const loads = Cached.withStrategy("k", { strategy: own("Load"), retryAfter: 0 })
      yield* good.pipe(falls)
      yield* TestClock.adjust("59 seconds")
      const both = [yield* start(Effect.delay(bad, 500).pipe(falls)), yield* start(Effect.delay(bad, 500).pipe(loads))]
      yield* settle
      yield* TestClock.adjust(500)
      expect(both.map(ended)).toEqual([Exit.succeed("good"), Exit.fail("down")])
      yield* TestClock.adjust(500)
      expect(yield* Effect.flip(bad.pipe(falls))).toBe("down")
    })

    test("refreshAhead: at its ttl a value is gone, though its refresh failed", function*() {
      yield* good.pipe(Cached.refreshAhead("k", ahead))
      yield* TestClock.adjust("9 minutes")
      expect(yield* bad.pipe(Cached.refreshAhead("k", ahead))).toBe("good")
      yield* TestClock.adjust("1 minute")
      expect(yield* Effect.flip(bad.pipe(Cached.refreshAhead("k", ahead)))).toBe("down")
    })

    describe("F3 · a failed refresh never replaces or removes a good value", () => {
      const outcomes = [
        { what: "fails", outcome: bad },
        { what: "dies", outcome: Effect.die("bug") },
        { what: "interrupts itself", outcome: Effect.interrupt },
        { what: "hangs", outcome: Effect.never }
      ]

      test.each(outcomes)("in the background, when it $what", function*({ outcome }) {
        yield* good.pipe(Cached.refreshAhead("k", ahead))
        yield* TestClock.adjust("8 minutes")
        expect(yield* outcome.pipe(Cached.refreshAhead("k", ahead))).toBe("good")
        yield* TestClock.adjust("90 seconds")
        expect(yield* Cached.getOption("k")).toEqual(Option.some("good"))
        expect(yield* outcome.pipe(Cached.refreshAhead("k", ahead))).toBe("good")
      })

      test.each(outcomes.slice(0, 3))("asked for, when it $what: its failure is the caller's", function*({ outcome }) {
        yield* good.pipe(Cached.ttl("k", { ttl: "1 hour" }))
        const exit = yield* Effect.exit(CachePolicy.refresh(outcome.pipe(Cached.ttl("k", { ttl: "1 hour" }))))
        expect(Exit.isFailure(exit)).toBe(true)
        expect(yield* Cached.getOption("k")).toEqual(Option.some("good"))
      })

      test.each(
        [
          ["refreshAhead", Cached.refreshAhead("k", { ...ahead, when: () => true }), 8, Exit.succeed("good")],
          // A stored failure is an answer: it is the reader's.
          [
            "failover",
            Cached.failover("k", { ttl: "10 minutes", when: () => true, fallbackOn: "all" }),
            0,
            Exit.fail("down")
          ]
        ] as const
      )("even where failures are stored (%s)", function*([, cached, minutes, answer]) {
        yield* cached(good)
        yield* TestClock.adjust(`${minutes} minutes`)
        expect(yield* Effect.exit(cached(bad))).toEqual(answer)
        yield* TestClock.adjust("10 seconds")
        expect(yield* Cached.getOption("k")).toEqual(Option.some("good"))
        expect(yield* Effect.exit(cached(bad))).toEqual(answer)
      })

      test("unless the value may serve only as a fallback, and the failure is stored: it is an answer", function*() {
        const cached = Cached.softTtl(new Described(), { ...soft, when: () => true })
        yield* cached(good)
        yield* TestClock.adjust("8 minutes")
        expect(yield* Effect.exit(cached(bad))).toEqual(Exit.fail("down"))
        yield* TestClock.adjust("10 seconds")
        expect(yield* Cached.getOption(new Described())).toEqual(Option.none())
        expect(yield* Effect.exit(cached(good))).toEqual(Exit.fail("down"))
        yield* TestClock.adjust("7 minutes")
        expect(yield* cached(good)).toBe("good")
      })

      test("even where failures are stored, and the refresh is asked for", function*() {
        const key = new Described()
        const cached = Cached.ttl(key, { ttl: "1 hour", when: () => true })
        yield* cached(good)
        expect(yield* Effect.flip(CachePolicy.refresh(cached(bad)))).toBe("down")
        expect(yield* Cached.getOption(key)).toEqual(Option.some("good"))
        // If the value has expired, the failure is stored.
        yield* TestClock.adjust("1 hour")
        expect(yield* Effect.flip(cached(bad))).toBe("down")
        expect(yield* Effect.flip(cached(good))).toBe("down")
      })
    })

    test("a failing backend is asked once in retryAfter, and a cause that fallbackOn refuses is the reader's", function*() {
      const options = { ...soft, retryAfter: "30 seconds" } as const
      yield* good.pipe(Cached.softTtl("k", options))
      yield* TestClock.adjust("8 minutes")
      let calls = 0
      const failing = Effect.suspend(() => {
        calls++
        return bad
      }).pipe(Cached.softTtl("k", options))
      expect([yield* failing, yield* failing]).toEqual(["good", "good"])
      expect(calls).toBe(1)
      yield* TestClock.adjust("30 seconds")
      expect(yield* failing).toBe("good")
      expect(calls).toBe(2)
      yield* TestClock.adjust("30 seconds")
      const picky = bad.pipe(Cached.softTtl("k", { ...options, fallbackOn: (cause) => !Cause.hasFails(cause) }))
      expect(yield* Effect.flip(picky)).toBe("down")
    })

    const lasting = { ttl: "10 hours", softTtl: "1 minute", retryAfter: "1 hour", fallbackOn: "all" } as const
    const ofOthers = good.pipe(Cached.softTtl("k", lasting))
    test.each(
      [
        ["is stored", CachePolicy.refresh(ofOthers)],
        ["is not stored", CachePolicy.refresh(good.pipe(Cached.softTtl("k", { ...lasting, storeIf: () => false })))],
        ["is stored by a transaction", Transaction.run(ofOthers)]
      ] as const
    )("retryAfter ends with a load that succeeds, and %s", function*([, succeeding]) {
      yield* ofOthers
      yield* TestClock.adjust("1 minute")
      let calls = 0
      const failing = Effect.suspend(() => {
        calls++
        return bad
      }).pipe(Cached.softTtl("k", lasting))
      expect([yield* failing, yield* failing, calls]).toEqual(["good", "good", 1])
      expect(yield* succeeding).toBe("good")
      yield* TestClock.adjust("1 minute")
      expect([yield* failing, calls]).toEqual(["good", 2])
    })

    describe("a load that continues in the background until its time is up causes a pause", () => {
      const newest = { ttl: "1 hour", softTimeout: "1 second", retryAfter: "10 seconds" } as const
      /** The second load hangs, and takes its time to end. */
      const hanging = (endingMillis: number) => {
        const { counts, load } = counting()
        const hung = Effect.onInterrupt(Effect.never, () => Effect.sleep(endingMillis))
        const read = Effect.tap(load, (n) => n === 2 ? hung : Effect.void).pipe(Cached.failover("k", newest))
        const begun = Effect.gen(function*() {
          expect(yield* read).toBe(1)
          expect(yield* taking("1 second", read)).toBe(1)
        })
        return { begun, counts, read }
      }

      it.effect("from then on, though it has not ended", () =>
        inside(cache.layer(), function*() {
          const { begun, counts, read } = hanging(20_000)
          yield* begun
          yield* TestClock.adjust("1 minute")
          expect([yield* read, counts.started]).toEqual([1, 2])
          yield* TestClock.adjust("10 seconds")
          expect(yield* read).toBe(3)
        }))

      it.effect("unless its key was invalidated meanwhile", () =>
        inside(cache.layer(), function*() {
          const { begun, read } = hanging(0)
          yield* begun
          yield* Cached.invalidate("k")
          expect(yield* read).toBe(3)
          yield* TestClock.adjust("1 minute")
          expect(yield* read).toBe(4)
        }))

      it.effect("until its key is set, though it ends after that", () =>
        inside(cache.layer(), function*() {
          const { begun, read } = hanging(5000)
          yield* begun
          yield* TestClock.adjust("1 minute")
          expect(yield* read).toBe(1)
          yield* Cached.set("k", 70, { ttl: "1 hour" })
          yield* TestClock.adjust("5 seconds")
          expect(yield* read).toBe(3)
        }))
    })
  })
})
