/** Limits of calls, over each place where their state can be. */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Option, Schema, Stream } from "effect"
import { Cached, CacheError, CacheKey, CacheLayer, Guard } from "effect-cached"
import { MemoryGuards } from "effect-cached/memory"
import { TestClock } from "effect/testing"
import { test, testIn } from "../support/tests.ts"
import { places } from "./places.ts"

/** `ok`, or after how many milliseconds a refused call may come again. */
const tried = <A, E>(self: Effect.Effect<A, E | CacheError.RateLimitExceeded>) =>
  self.pipe(
    Effect.as("ok" as string | number),
    Effect.catch((error) =>
      error instanceof CacheError.RateLimitExceeded ? Effect.succeed(error.retryAfterMillis) : Effect.die(error)
    )
  )

const times = <A, E>(count: number, self: Effect.Effect<A, E>) => Effect.all(Array.from({ length: count }, () => self))

const ofEachKind = [
  Guard.rateLimit({ key: "fixed", limit: 1, window: "1 minute" }),
  Guard.rateLimit({ key: "ban", limit: 1, window: "1 second", ban: "1 minute" }),
  Guard.rateLimit({ key: "bucket", limit: 1, window: "1 minute", algorithm: "token-bucket" }),
  Guard.rateLimit({ key: "log", limit: 1, window: "1 minute", algorithm: "sliding-log" }),
  Guard.rateLimit({ key: "counter", limit: 1, window: "30 seconds", algorithm: "sliding-counter" })
]

describe.each(places)("limits in $name", ({ layer }) => {
  const test = testIn(layer())

  test("CA-45 · a window begins with its first call and ends by itself: calls do not prolong it", function*() {
    let calls = 0
    const call = tried(
      Effect.sync(() => ++calls).pipe(
        Guard.rateLimit({ key: "api", limit: 10, window: "10 seconds" })
      )
    )
    expect(yield* times(5, call)).toEqual(Array(5).fill("ok"))
    yield* TestClock.adjust("5 seconds")
    expect(yield* times(10, call)).toEqual([...Array(5).fill("ok"), ...Array(5).fill(5000)])
    yield* TestClock.adjust("4999 millis")
    expect(yield* call).toBe(1)
    yield* TestClock.adjust("1 millis")
    expect(yield* times(11, call)).toEqual([...Array(10).fill("ok"), 10_000])
    expect(calls).toBe(20)
  })

  test("CA-16 · each kind tells the call that it lets in the count, and what is left", function*() {
    const told = Effect.map(Guard.admission, Option.map(({ count, remaining }) => [count, remaining]))
    const kinds = {
      window: Guard.rateLimit({ key: "window", limit: 3, window: "3 seconds" }),
      bucket: Guard.rateLimit({ key: "bucket", limit: 3, window: "3 seconds", algorithm: "token-bucket" }),
      log: Guard.rateLimit({ key: "log", limit: 3, window: "3 seconds", algorithm: "sliding-log" }),
      counter: Guard.rateLimit({ key: "counter", limit: 3, window: "3 seconds", algorithm: "sliding-counter" })
    }
    for (const limited of Object.values(kinds)) {
      expect(yield* times(3, limited(told))).toEqual([[1, 2], [2, 1], [3, 0]].map(Option.some))
    }
    yield* TestClock.adjust("6 seconds")
    for (const limited of Object.values(kinds)) {
      const [first] = yield* Stream.runCollect(limited(Stream.fromEffect(told)))
      expect(first).toEqual(Option.some([1, 2]))
      const outer = Guard.rateLimit({ key: "outer", limit: 10, window: "1 day" })
      expect(yield* outer(limited(Guard.admission))).toMatchObject({ value: { limit: 3, count: 2 } })
    }
    expect(yield* Guard.admission).toEqual(Option.none())
  })

  test("CA-45 · the call after the limit begins a ban, once; with renewBan each call begins it again", function*() {
    const limited = (key: string, renewBan: boolean) =>
      tried(Effect.void.pipe(Guard.rateLimit({ key, limit: 1, window: "1 minute", ban: "10 minutes", renewBan })))
    for (const renews of [false, true]) {
      const call = limited(`ban ${renews}`, renews)
      expect(yield* times(2, call)).toEqual(["ok", 600_000])
      yield* TestClock.adjust("4 minutes")
      expect(yield* call).toBe(renews ? 600_000 : 360_000)
      yield* TestClock.adjust("6 minutes")
      expect(yield* call).toBe(renews ? 600_000 : "ok")
    }
  })

  test("CA-45 · failed calls count, refused ones do not run", function*() {
    let calls = 0
    const call = Effect.suspend(() => Effect.fail(++calls)).pipe(
      Guard.rateLimit({ key: "api", limit: 2, window: "1 second" }),
      Effect.flip
    )
    expect([yield* call, yield* call]).toEqual([1, 2])
    expect(yield* call).toMatchObject({ _tag: "RateLimitExceeded", key: "api", limit: 2 })
    expect(calls).toBe(2)
  })

  test("CA-45 · a token bucket: so many at once, then each after its share of the window", function*() {
    const call = tried(Effect.void.pipe(
      Guard.rateLimit({ key: "api", limit: 4, window: "4 seconds", algorithm: "token-bucket" })
    ))
    expect(yield* times(6, call)).toEqual([...Array(4).fill("ok"), 1000, 1000])
    yield* TestClock.adjust("1500 millis")
    expect(yield* times(2, call)).toEqual(["ok", 500])
    yield* TestClock.adjust("500 millis")
    expect(yield* times(2, call)).toEqual(["ok", 1000])
    yield* TestClock.adjust("1 hour")
    expect(yield* times(5, call)).toEqual([...Array(4).fill("ok"), 1000])
  })

  test("CA-16 · CA-46 · calls of one moment count each, and a window ends at the moment that it says", function*() {
    const call = tried(
      Effect.void.pipe(Guard.rateLimit({ key: "api", limit: 3, window: "1 second", algorithm: "sliding-log" }))
    )
    // Members of a set that are their times are one.
    expect(yield* times(5, call)).toEqual(["ok", "ok", "ok", 1000, 1000])
    yield* TestClock.adjust(999)
    expect(yield* call).toBe(1)
    yield* TestClock.adjust(1)
    expect(yield* times(4, call)).toEqual(["ok", "ok", "ok", 1000])
  })

  test("CA-46 · two numbers: the calls of the window before count by the share that is still within", function*() {
    const call = tried(Effect.void.pipe(
      Guard.rateLimit({ key: "api", limit: 10, window: "10 seconds", algorithm: "sliding-counter" })
    ))
    // After a full window one call has room when a tenth of it has left.
    expect(yield* times(11, call)).toEqual([...Array(10).fill("ok"), 11_000])
    yield* TestClock.adjust("11 seconds")
    expect(yield* times(2, call)).toEqual(["ok", 1000])
    yield* TestClock.adjust("4 seconds")
    expect(yield* times(5, call)).toEqual(["ok", "ok", "ok", "ok", 1000])
    // The returned moment is the one at which one more has room.
    for (let i = 0; i < 20; i++) {
      const wait = yield* call
      if (typeof wait !== "number") continue
      yield* TestClock.adjust(wait - 1)
      expect(yield* call).toBe(1)
      yield* TestClock.adjust(1)
      expect(yield* call).toBe("ok")
    }
  })

  test("keys are apart, of one name too where the algorithm is another; a key of a class is a key", function*() {
    class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Number }, success: Schema.Void }) {}
    const of = (key: string | CacheKey.Any) =>
      tried(Effect.void.pipe(Guard.rateLimit({ key, limit: 1, window: "1 minute" })))
    expect(yield* Effect.all([of("a"), of("b"), of("a")])).toEqual(["ok", "ok", 60_000])
    expect(
      yield* tried(
        Effect.void.pipe(Guard.rateLimit({ key: "a", limit: 1, window: "1 minute", algorithm: "sliding-log" }))
      )
    ).toBe(
      "ok"
    )
    const one = new User({ id: 1 })
    expect(yield* Effect.all([of(one), of(new User({ id: 2 })), of(new User({ id: 1 }))])).toEqual([
      "ok",
      "ok",
      60_000
    ])
  })

  test("a stream is one call, data-first and data-last", function*() {
    const options = { key: "pages", limit: 2, window: "1 minute" } as const
    const pages = Stream.make(1, 2, 3)
    expect(yield* Stream.runCollect(pages.pipe(Guard.rateLimit(options)))).toEqual([1, 2, 3])
    expect(yield* Stream.runCollect(Guard.rateLimit(pages, options))).toEqual([1, 2, 3])
    const refused = yield* Effect.flip(Stream.runCollect(Guard.rateLimit(pages, options)))
    expect(refused.retryAfter).toEqual(Duration.minutes(1))
  })

  test("a clock that is set back keeps no caller out for longer than the window", function*() {
    yield* TestClock.setTime(Duration.toMillis("10 days"))
    const calls = ofEachKind.map((guard) => tried(Effect.void.pipe(guard)))
    yield* Effect.all(calls)
    yield* Effect.all(calls)
    yield* TestClock.setTime(Duration.toMillis("1 day"))
    for (const wait of yield* Effect.all(calls)) {
      expect(wait).toSatisfy((it) => it === "ok" || (it as number) <= 60_000)
    }
    yield* TestClock.adjust("1 minute")
    expect(yield* Effect.all(calls)).toEqual(Array(5).fill("ok"))
  })
})

testIn(CacheLayer.memory())(
  "in memory a clock that is set back keeps no caller out, also without calls in between",
  function*() {
    yield* TestClock.setTime(Duration.toMillis("10 days"))
    const calls = ofEachKind.map((guard) => tried(Effect.void.pipe(guard)))
    yield* Effect.all(calls)
    yield* Effect.all(calls)
    yield* TestClock.setTime(Duration.toMillis("1 day"))
    yield* TestClock.adjust("1 minute")
    expect(yield* Effect.all(calls)).toEqual(Array(5).fill("ok"))
  }
)

test("Retry-After: whole seconds, never too early", function*() {
  const call = Effect.void.pipe(Guard.rateLimit({ key: "api", limit: 1, window: "1500 millis" }))
  yield* call
  const refused = yield* Effect.flip(call)
  expect([refused.retryAfter, refused.retryAfterHeader]).toEqual([Duration.millis(1500), "2"])
  expect(refused.message).toBe("The limit of 1 calls of \"api\" is reached: the next one may run in 1500 ms")
  // The server of a guard store measures fractions.
  const ofServer = new CacheError.RateLimitExceeded({ key: "api", limit: 1, retryAfterMillis: 1499.3 })
  expect(ofServer.message).toBe(refused.message)
})

test("each cache in memory has limits of its own", function*() {
  const call = tried(Effect.void.pipe(Guard.rateLimit({ key: "api", limit: 1, window: "1 minute" })))
  const twice = Effect.all([call, call])
  const memory = () => CacheLayer.memory()
  expect(yield* twice.pipe(Effect.provide(memory()))).toEqual(["ok", 60_000])
  expect(yield* twice.pipe(Effect.provide(memory()))).toEqual(["ok", 60_000])
  // And so has a program without one.
  expect(yield* twice).toEqual(["ok", 60_000])
})

testIn(CacheLayer.memory())("outside a limit softTtl serves the stale value instead of failing", function*() {
  let calls = 0
  const quote = Effect.sync(() => ++calls).pipe(
    Guard.rateLimit({ key: "quotes", limit: 1, window: "1 hour" }),
    Cached.softTtl("quote", { ttl: "1 day", softTtl: "1 minute", fallbackOn: "all" })
  )
  expect(yield* quote).toBe(1)
  yield* TestClock.adjust("10 minutes")
  expect([yield* quote, calls]).toEqual([1, 1])
  yield* TestClock.adjust("51 minutes")
  expect([yield* quote, calls]).toEqual([2, 2])
})

testIn(MemoryGuards.layer)("a call that waits for nothing is not delayed: ten thousand calls in one turn", function*() {
  const call = Effect.void.pipe(Guard.rateLimit({ key: "api", limit: 10_000, window: "1 minute" }))
  const fiber = yield* Effect.forkChild(Effect.all(Array.from({ length: 10_000 }, () => call), { discard: true }))
  expect(Exit.isSuccess(yield* Fiber.await(fiber))).toBe(true)
  expect((yield* Effect.flip(call))._tag).toBe("RateLimitExceeded")
})

const onlyFixed = /a ban only with algorithm: "fixed-window"/

describe("bad input is a CacheConfigError where the guard is made", () => {
  const config = { key: "api", limit: 1, window: "1 minute" } as const
  it.each<[what: string, options: object | undefined, message: RegExp]>([
    ["no options", undefined, /needs options/],
    ["no key", { limit: 1, window: 1 }, /needs "key"/],
    ["a limit of 0", { ...config, limit: 0 }, /limit of Guard.rateLimit must be a positive integer, not 0/],
    ["a limit of 1.5", { ...config, limit: 1.5, algorithm: "sliding-log" }, /positive integer/],
    ["a limit as text", { ...config, limit: "5" }, /positive integer, not "5"/],
    ["no window", { key: "api", limit: 1 }, /window of Guard.rateLimit is missing/],
    ["a window of zero", { ...config, window: 0 }, /longer than 0/],
    ["a window without end", { ...config, window: "Infinity" }, /at most a century/],
    ["a window of ages", { ...config, window: 1e300, algorithm: "sliding-log" }, /at most a century/],
    ["a ban of zero", { ...config, ban: 0 }, /ban of Guard.rateLimit must be longer/],
    ["a ban of a bucket", { ...config, ban: 1, algorithm: "token-bucket" }, onlyFixed],
    ["renewBan of a bucket", { ...config, renewBan: true, algorithm: "token-bucket" }, onlyFixed],
    ["a ban of a sliding window", { ...config, ban: 1, algorithm: "sliding-counter" }, onlyFixed],
    ["renewBan alone", { ...config, renewBan: true }, /renewBan needs a ban/],
    ["renewBan of 1", { ...config, ban: 1, renewBan: 1 }, /true or false/],
    ["another algorithm", { ...config, algorithm: "log" }, /"sliding-log", "sliding-counter" or "token-bucket"/],
    ["a log that is too long", { ...config, limit: 10_001, algorithm: "sliding-log" }, /at most 10000/],
    ["an unknown option", { ...config, windw: 1 }, /did you mean "window"/],
    ["an unknown onStoreError", { ...config, onStoreError: "ignore" }, /"local", "allow" or "fail"/]
  ])("%s", (_, options, message) => {
    for (
      const make of [() => Guard.rateLimit(options as never), () => Guard.rateLimit(Effect.void, options as never)]
    ) {
      expect(make).toThrow(CacheError.CacheConfigError)
      expect(make).toThrow(message)
    }
  })

  it("no effect", () => {
    expect(() => Guard.rateLimit(config)(5 as never)).toThrow(/an effect or a stream/)
  })
})
