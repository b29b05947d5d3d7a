/** Circuit breakers, over each place where their state can be. */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Stream } from "effect"
import { Cached, CacheError, CacheLayer, Guard } from "effect-cached"
import { TestClock } from "effect/testing"
import type { CircuitBreakerOptions } from "../../src/guard/circuitBreaker.ts"
import { testIn } from "../support/tests.ts"
import { places } from "./places.ts"

const test = testIn(CacheLayer.memory())

/** A service that can be switched off. */
const service = (options: Omit<CircuitBreakerOptions, "key">, key = "api") => {
  const self = { calls: 0, isUp: true }
  const call: Effect.Effect<string, "down"> = Effect.suspend(() => {
    self.calls++
    return self.isUp ? Effect.succeed("up") : Effect.fail("down" as const)
  })
  const guarded = call.pipe(
    Guard.circuitBreaker({ key, ...options, onStoreError: "local" }),
    Effect.catch((error) => Effect.succeed(error instanceof CacheError.CircuitOpen ? error : error))
  )
  return Object.assign(self, { guarded })
}

const open = (retryAfterMillis: number, state: "Open" | "HalfOpen" = "Open") =>
  new CacheError.CircuitOpen({ key: "api", state, retryAfterMillis })

const times = <A, E, R>(count: number, self: Effect.Effect<A, E, R>) =>
  Effect.all(Array.from({ length: count }, () => self))

describe.each(places)("a circuit in $name", ({ layer }) => {
  const test = testIn(layer())

  test("CA-47 · F23 · opens after failures in a row, lets one probe through, and closes with its success", function*() {
    const api = service({ failures: 3, open: "30 seconds" })
    expect(yield* times(2, api.guarded)).toEqual(["up", "up"])
    api.isUp = false
    expect(yield* times(2, api.guarded)).toEqual(["down", "down"])
    // A success between them begins the row again.
    api.isUp = true
    expect(yield* api.guarded).toBe("up")
    api.isUp = false
    expect(yield* times(4, api.guarded)).toEqual(["down", "down", "down", open(30_000)])
    expect(api.calls).toBe(8)
    yield* TestClock.adjust("29 seconds")
    expect(yield* api.guarded).toEqual(open(1000))
    yield* TestClock.adjust("1 second")
    // The probe fails: open again, for as long.
    expect(yield* times(2, api.guarded)).toEqual(["down", open(30_000)])
    yield* TestClock.adjust("30 seconds")
    api.isUp = true
    expect(yield* times(3, api.guarded)).toEqual(["up", "up", "up"])
    // Closed, it counts from the beginning.
    api.isUp = false
    expect(yield* times(4, api.guarded)).toEqual(["down", "down", "down", open(30_000)])
  })

  test("CA-47 · one probe: others learn when its time is over, and an interrupted one makes room", function*() {
    const api = service({ failures: 1, open: "10 seconds", probeTimeout: "20 seconds" })
    api.isUp = false
    yield* api.guarded
    api.isUp = true
    yield* TestClock.adjust("10 seconds")
    const hung = yield* Effect.forkChild(Effect.never.pipe(Guard.circuitBreaker({ key: "api", failures: 1 })))
    yield* TestClock.adjust("5 seconds")
    expect(yield* api.guarded).toEqual(open(25_000, "HalfOpen"))
    yield* Fiber.interrupt(hung)
    expect(yield* api.guarded).toBe("up")
  })

  test("CA-47 · a probe that never ends has failed after its time, and continues", function*() {
    const api = service({ failures: 1, open: "10 seconds", probeTimeout: "20 seconds" })
    api.isUp = false
    yield* api.guarded
    api.isUp = true
    yield* TestClock.adjust("10 seconds")
    const answer = yield* Deferred.make<string>()
    const probe = yield* Effect.forkChild(
      Deferred.await(answer).pipe(
        Guard.circuitBreaker({ key: "api", failures: 1, open: "10 seconds", probeTimeout: "20 seconds" })
      )
    )
    yield* TestClock.adjust("19 seconds")
    expect(yield* api.guarded).toEqual(open(1000, "HalfOpen"))
    yield* TestClock.adjust("2 seconds")
    // Its time was over a second ago: open since then.
    expect(yield* api.guarded).toEqual(open(9000))
    yield* TestClock.adjust("9 seconds")
    expect(yield* api.guarded).toBe("up")
    // The outcome of the late probe changes nothing.
    api.isUp = true
    yield* Deferred.succeed(answer, "late")
    expect(yield* Fiber.join(probe)).toBe("late")
    expect(yield* api.guarded).toBe("up")
  })

  test("CA-47 · a rate of failures over time, with enough calls; what is long ago does not count", function*() {
    const api = service({ rate: 0.5, window: "1 minute", minimumCalls: 4, open: "10 seconds" })
    api.isUp = false
    yield* times(3, api.guarded)
    // Three failures of three, but too few calls; two minutes later they are gone.
    yield* TestClock.adjust("2 minutes")
    expect(yield* times(3, api.guarded)).toEqual(["down", "down", "down"])
    yield* TestClock.adjust("2 minutes")
    api.isUp = true
    yield* times(3, api.guarded)
    api.isUp = false
    expect(yield* times(4, api.guarded)).toEqual(["down", "down", "down", open(10_000)])
    // After the probe the old failures count nothing else: CA-47 of cashews opens again with the next one.
    yield* TestClock.adjust("10 seconds")
    api.isUp = true
    expect(yield* api.guarded).toBe("up")
    api.isUp = false
    expect(yield* times(3, api.guarded)).toEqual(["down", "down", "down"])
  })

  test("the open time doubles up to maxOpen, and starts again after as long a time closed", function*() {
    const api = service({ failures: 1, open: "10 seconds", maxOpen: "30 seconds" })
    api.isUp = false
    const waits: Array<number> = []
    for (let i = 0; i < 4; i++) {
      yield* api.guarded
      const refused = yield* api.guarded
      if (refused instanceof CacheError.CircuitOpen) waits.push(refused.retryAfterMillis)
      yield* TestClock.adjust("30 seconds")
    }
    expect(waits).toEqual([10_000, 20_000, 30_000, 30_000])
    api.isUp = true
    yield* api.guarded
    api.isUp = false
    expect(yield* times(2, api.guarded)).toEqual(["down", open(30_000)])
    yield* TestClock.adjust("30 seconds")
    api.isUp = true
    yield* api.guarded
    yield* TestClock.adjust("30 seconds")
    api.isUp = false
    expect(yield* times(2, api.guarded)).toEqual(["down", open(10_000)])
  })

  test("isFailure decides, about successes too; interruptions count for nothing", function*() {
    const guard = Guard.circuitBreaker({
      key: "api",
      failures: 1,
      isFailure: (exit: Exit.Exit<number, string>) => Exit.isSuccess(exit) ? exit.value >= 500 : false
    })
    expect(yield* Effect.flip(Effect.fail("mine").pipe(guard))).toBe("mine")
    const fiber = yield* Effect.forkChild(Effect.never.pipe(guard))
    yield* Effect.yieldNow
    yield* Fiber.interrupt(fiber)
    expect(yield* Effect.succeed(200).pipe(guard)).toBe(200)
    expect(yield* Effect.succeed(500).pipe(guard)).toBe(500)
    expect((yield* Effect.exit(Effect.succeed(200).pipe(guard)))._tag).toBe("Failure")
  })

  test("isFailure that throws is a defect of its caller, and counts for nothing", function*() {
    let throws = true
    const guard = Guard.circuitBreaker({
      key: "api",
      failures: 1,
      isFailure: () => {
        if (throws) throw new Error("mine")
        return false
      }
    })
    expect(String(yield* Effect.exit(Effect.fail("down").pipe(guard)))).toContain("mine")
    throws = false
    expect(yield* Effect.succeed(1).pipe(guard)).toBe(1)
    const lazy = Guard.circuitBreaker({ key: "other", isFailure: (() => Promise.resolve(true)) as never })
    expect(String(yield* Effect.exit(Effect.succeed(1).pipe(lazy)))).toContain(
      "must return true or false, not a Promise"
    )
  })

  test("a stream has the outcome of its end, and is refused before it begins", function*() {
    const guard = Guard.circuitBreaker({ key: "pages", failures: 1, open: "10 seconds" })
    const good = Stream.make(1, 2)
    const bad = Stream.concat(good, Stream.fail("down" as const))
    expect(yield* Stream.runCollect(good.pipe(guard))).toEqual([1, 2])
    expect(yield* Stream.runCollect(Stream.take(bad.pipe(guard), 1))).toEqual([1])
    expect(yield* Effect.flip(Stream.runCollect(bad.pipe(guard)))).toBe("down")
    expect(yield* Effect.flip(Stream.runCollect(good.pipe(guard)))).toMatchObject({ _tag: "CircuitOpen" })
    yield* TestClock.adjust("10 seconds")
    expect(yield* Stream.runCollect(good.pipe(guard))).toEqual([1, 2])
  })

  test("calls that were let through before a change run to their end and change nothing", function*() {
    const api = service({ failures: 1, open: "10 seconds" })
    const gate = yield* Deferred.make<void>()
    const slow = yield* Effect.forkChild(
      Deferred.await(gate).pipe(
        Effect.andThen(Effect.fail("late" as const)),
        Guard.circuitBreaker({ key: "api", failures: 1 }),
        Effect.exit
      )
    )
    yield* Effect.yieldNow
    api.isUp = false
    yield* api.guarded
    yield* TestClock.adjust("10 seconds")
    api.isUp = true
    expect(yield* api.guarded).toBe("up")
    yield* Deferred.succeed(gate, undefined)
    expect(yield* Fiber.join(slow)).toEqual(Exit.fail("late"))
    expect(yield* api.guarded).toBe("up")
  })

  test("failover around a breaker serves the last value while the circuit is open", function*() {
    const self = { calls: 0, isUp: true }
    const quote = Effect.suspend(() => {
      self.calls++
      return self.isUp ? Effect.succeed("quote") : Effect.fail("down" as const)
    }).pipe(
      Guard.circuitBreaker({ key: "quotes", failures: 2, open: "30 seconds" }),
      Cached.failover("quote", { ttl: "1 hour", fallbackOn: "all" })
    )
    yield* quote
    self.isUp = false
    expect(yield* times(10, quote)).toEqual(Array(10).fill("quote"))
    expect(self.calls).toBe(3)
  })

  test("a clock that is set back keeps no circuit open for longer", function*() {
    yield* TestClock.setTime(Duration.toMillis("10 days"))
    const api = service({ failures: 1, open: "10 seconds" })
    api.isUp = false
    yield* api.guarded
    yield* TestClock.setTime(Duration.toMillis("1 day"))
    expect(yield* api.guarded).toEqual(open(10_000))
    yield* TestClock.adjust("10 seconds")
    api.isUp = true
    expect(yield* api.guarded).toBe("up")
  })
})

test("five failures in a row are the default, defects too", function*() {
  const call = Effect.die("broken").pipe(Guard.circuitBreaker({ key: "api" }), Effect.exit)
  yield* times(5, call)
  expect(yield* Effect.flip(Effect.void.pipe(Guard.circuitBreaker({ key: "api" })))).toMatchObject({
    state: "Open",
    retryAfter: Duration.seconds(30),
    retryAfterHeader: "30"
  })
})

describe("a stream behind a circuit", () => {
  const guard = Guard.circuitBreaker({ key: "rows", failures: 1 })
  const numbers = Stream.make(1, 2, 3).pipe(guard)

  test("has not failed where its consumer has", function*() {
    yield* Effect.flip(Stream.runForEach(numbers, () => Effect.fail("mine")))
    yield* Effect.flip(Stream.runDrain(Stream.mapEffect(numbers, () => Effect.fail("mine"))))
    yield* Effect.exit(Stream.runDrain(Stream.map(numbers, () => {
      throw new Error("mine")
    })))
    expect(yield* Stream.runCollect(numbers)).toEqual([1, 2, 3])
  })

  test("has failed where it has, whatever its consumer makes of it", function*() {
    const failing = Stream.concat(Stream.make(1), Stream.fail("down")).pipe(guard)
    expect(yield* Stream.runCollect(Stream.catch(failing, () => Stream.make(0)))).toEqual([1, 0])
    expect(yield* Effect.flip(Stream.runDrain(numbers))).toMatchObject({ _tag: "CircuitOpen" })
  })
})

describe("bad input is a CacheConfigError where the guard is made", () => {
  it.each<[what: string, options: object, message: RegExp]>([
    ["no key", {}, /needs "key"/],
    ["no failures", { key: "a", failures: 0 }, /failures of Guard.circuitBreaker/],
    ["a rate of 0", { key: "a", rate: 0 }, /above 0 and at most 1/],
    ["a rate in percent", { key: "a", rate: 50 }, /above 0 and at most 1/],
    ["a window without a rate", { key: "a", window: "1 minute" }, /need a rate/],
    ["a window of zero", { key: "a", rate: 0.5, window: 0 }, /longer than 0/],
    ["minimumCalls of 0", { key: "a", rate: 0.5, minimumCalls: 0 }, /positive integer/],
    ["open for no time", { key: "a", open: 0 }, /open of Guard.circuitBreaker must be longer/],
    ["maxOpen below open", { key: "a", open: 10, maxOpen: 5 }, /maxOpen must not be below open/],
    ["a probe without end", { key: "a", probeTimeout: "Infinity" }, /at most a century/],
    ["isFailure is no function", { key: "a", isFailure: true }, /must be a function/],
    ["an unknown option", { key: "a", faliures: 1 }, /did you mean "failures"/]
  ])("%s", (_, options, message) => {
    const make = () => Guard.circuitBreaker(options as never)
    expect(make).toThrow(CacheError.CacheConfigError)
    expect(make).toThrow(message)
  })
})
