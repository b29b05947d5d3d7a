/** P3: readers do not disturb each other. */
import { describe, expect } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { Cached, CacheError } from "effect-cached"
import { TestClock } from "effect/testing"
import { cachesAndTiers, counting, ended, start, started, taking } from "../support/caches.ts"
import { testIn } from "../support/tests.ts"

describe("P3 · no reader is interrupted, delayed or failed because another was", () => {
  describe.each(cachesAndTiers)("over $name", (cache) => {
    const test = testIn(cache.layer())

    test("F15 · the starter's interruption leaves the load running for its followers", function*() {
      const { counts, get } = counting(1000)
      const starter = yield* start(get)
      const follower = yield* start(get)
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(starter)
      yield* TestClock.adjust("500 millis")
      expect(yield* Fiber.join(follower)).toBe(1)
      expect(counts).toEqual({ started: 1, ended: 1, interrupted: 0 })
    })

    test("F15 · a follower's interruption leaves the load running for the starter", function*() {
      const { counts, get } = counting(1000)
      const starter = yield* start(get)
      const followers = yield* Effect.forEach([1, 2, 3], () => start(get))
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interruptAll(followers)
      yield* TestClock.adjust("500 millis")
      expect(yield* Fiber.join(starter)).toBe(1)
      expect(counts).toEqual({ started: 1, ended: 1, interrupted: 0 })
    })

    test("the last one's interruption ends the load, waits for its finalizers, and a new reader loads again", function*() {
      let finalized = false
      const slow = Effect.onInterrupt(
        Effect.sleep(1000),
        () => Effect.andThen(Effect.sleep(100), Effect.sync(() => finalized = true))
      )
      const get = Effect.as(slow, "slow").pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const readers = yield* Effect.forEach([1, 2, 3], () => start(get))
      yield* TestClock.adjust("500 millis")
      const interruption = yield* started(Fiber.interruptAll(readers))
      expect(ended(interruption)).toBe("still waiting")
      // While the old load is ending, its id is free.
      expect(yield* Effect.succeed("new").pipe(Cached.ttl("k", { ttl: "1 hour" }))).toBe("new")
      yield* TestClock.adjust("100 millis")
      expect(finalized).toBe(true)
      expect(Exit.isSuccess(yield* Fiber.await(interruption))).toBe(true)
      expect(yield* get).toBe("new")
    })

    test("F5 · one's timeout is its own: the others get the value, later ones too, and it is stored", function*() {
      const { counts, load } = counting(1000)
      const patient = yield* start(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
      expect(
        yield* Effect.exit(taking("100 millis", load.pipe(Cached.ttl("k", { ttl: "1 hour", timeout: "100 millis" }))))
      ).toEqual(Exit.fail(new CacheError.LoadTimeout({ key: "k", timeoutMillis: 100 })))
      expect(ended(patient)).toBe("still waiting")
      const late = yield* start(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
      yield* TestClock.adjust("900 millis")
      expect([yield* Fiber.join(patient), yield* Fiber.join(late)]).toEqual([1, 1])
      expect(yield* Cached.getOption("k")).toMatchObject({ value: 1 })
      expect(counts).toEqual({ started: 1, ended: 1, interrupted: 0 })
    })

    test("one's fallbackOn that throws dies alone", function*() {
      const options = { ttl: "1 hour", softTtl: 0, fallbackOn: "all" } as const
      yield* Effect.succeed("stale").pipe(Cached.softTtl("k", options))
      const load = Effect.andThen(Effect.sleep(1000), Effect.fail("down"))
      const good = yield* start(load.pipe(Cached.softTtl("k", options)))
      const bad = yield* start(load.pipe(Cached.softTtl("k", {
        ...options,
        fallbackOn: () => {
          throw new Error("a mistake")
        }
      })))
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(good)).toBe("stale")
      expect(Exit.hasDies(yield* Fiber.await(bad))).toBe(true)
    })

    test("one's interruption inside the load of another key leaves that one's other readers alone", function*() {
      const inner = counting(1000)
      const get = inner.load.pipe(Cached.ttl("inner", { ttl: "1 hour" }))
      const outer = yield* start(get.pipe(Cached.ttl("outer", { ttl: "1 hour" })))
      const other = yield* start(get)
      yield* Fiber.interrupt(outer)
      yield* TestClock.adjust("1 second")
      expect(yield* Fiber.join(other)).toBe(1)
      expect(inner.counts.interrupted).toBe(0)
    })

    test("F4 · the load's own failure reaches every waiter with its whole cause, unwrapped, and it ran once", function*() {
      const cause = Cause.combine(Cause.fail("down" as const), Cause.die("and out"))
      const { counts, load } = counting(1000)
      const get = Effect.andThen(load, Effect.failCause(cause)).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const readers = yield* Effect.forEach([1, 2, 3], () => start(get))
      yield* TestClock.adjust("1 second")
      for (const reader of readers) {
        const exit = yield* Fiber.await(reader)
        expect(
          Exit.isFailure(exit) &&
            exit.cause.reasons.map((reason) =>
              Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : reason
            )
        ).toEqual(["down", "and out"])
      }
      expect(counts.started).toBe(1)
    })

    test("a load that interrupts itself does so to its waiters, and nothing is stored", function*() {
      const get = Effect.andThen(Effect.sleep(1000), Effect.interrupt).pipe(Cached.ttl("k", { ttl: "1 hour" }))
      const exit = yield* Effect.exit(taking("1 second", get))
      expect(Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)).toBe(true)
      expect(yield* Cached.has("k")).toBe(false)
    })
  })
})
