/** The behaviour of guards while the place of their state fails. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Logger, Stream } from "effect"
import { Cached, CacheError, CacheLayer, CachePolicy, Guard } from "effect-cached"
import { GuardStore } from "effect-cached/adapters"
import { TestClock } from "effect/testing"
import { memoryGuards } from "../support/services.ts"
import { test, testIn } from "../support/tests.ts"

type Mood = "well" | "fails" | "throws" | "dies" | "interrupts" | "hangs" | "lies"

/** A place whose behaviour can be set. */
const place = () => {
  const self: { mood: Mood; asked: number } = { mood: "well", asked: 0 }
  const { runUnsafe: _, ...inner } = memoryGuards()
  const error = new CacheError.StoreError({ store: "told", operation: "fixedWindow", reason: "Unavailable" })
  const store: GuardStore.GuardStore = {
    ...inner,
    name: "told",
    run: (kind, name, input) => {
      self.asked++
      switch (self.mood) {
        case "well":
          return inner.run(kind, name, input)
        case "fails":
          return Effect.fail(error)
        case "throws":
          throw new Error("mine")
        case "dies":
          return Effect.die("mine")
        case "interrupts":
          return Effect.interrupt
        case "hangs":
          return Effect.never
        case "lies":
          return Effect.succeed("yes" as never)
      }
    }
  }
  return Object.assign(self, { store, layer: Layer.succeed(GuardStore.GuardStore, store) })
}

const limited = (onStoreError?: "local" | "allow") =>
  Effect.succeed("ok").pipe(
    Guard.rateLimit({
      key: "api",
      limit: 2,
      window: "1 minute",
      ...onStoreError === undefined ? {} : { onStoreError }
    }),
    Effect.catch(() => Effect.succeed("refused"))
  )

const times = <A, E, R>(count: number, self: Effect.Effect<A, E, R>) =>
  Effect.all(Array.from({ length: count }, () => self))

const moods: ReadonlyArray<Mood> = ["fails", "throws", "dies", "interrupts", "hangs", "lies"]

describe.each(moods)("a place that %s", (mood) => {
  const inTime = <A, E, R>(self: Effect.Effect<A, E, R>) =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(self)
      yield* TestClock.adjust("10 seconds")
      return yield* Fiber.join(fiber)
    })

  test("limits continue with the state of this process", function*() {
    const told = place()
    told.mood = mood
    expect(yield* inTime(times(3, limited())).pipe(Effect.provide(told.layer))).toEqual(["ok", "ok", "refused"])
    // It rests after a failure: the next calls do not wait for it. One that lies has answered.
    expect(told.asked).toBe(mood === "lies" ? 3 : 1)
    told.mood = "well"
    expect(yield* times(3, limited()).pipe(Effect.provide(told.layer))).toEqual(["ok", "ok", "refused"])
  })

  test("\"allow\" lets all through, and \"fail\" fails with the StoreError", function*() {
    const told = place()
    told.mood = mood
    expect(yield* inTime(times(3, limited("allow"))).pipe(Effect.provide(told.layer))).toEqual(["ok", "ok", "ok"])
    const failing = Effect.void.pipe(
      Guard.rateLimit({ key: "api", limit: 2, window: "1 minute", onStoreError: "fail" }),
      Effect.flip
    )
    const reason = {
      fails: "Unavailable",
      throws: "Unavailable",
      dies: "Unavailable",
      interrupts: "Unavailable",
      hangs: "Timeout",
      lies: "Corrupt"
    }
    expect(yield* inTime(failing).pipe(Effect.provide(told.layer))).toMatchObject({
      _tag: "StoreError",
      reason: reason[mood as keyof typeof reason]
    })
  })

  test("a circuit continues with the state of this process, and the outcome of a call is its own", function*() {
    const told = place()
    told.mood = mood
    const call = Effect.fail("down").pipe(
      Guard.circuitBreaker({ key: "api", failures: 2 }),
      Effect.catch((error) => Effect.succeed(typeof error === "string" ? error : error._tag))
    )
    expect(yield* inTime(times(3, call)).pipe(Effect.provide(told.layer))).toEqual(["down", "down", "CircuitOpen"])
  })

  test("a circuit whose place fails while the call runs: the call has its outcome", function*() {
    const told = place()
    const call = Effect.suspend(() => {
      told.mood = mood
      return Effect.succeed("answer")
    }).pipe(Guard.circuitBreaker({ key: "api", onStoreError: "fail" }))
    expect(yield* inTime(call).pipe(Effect.provide(told.layer))).toBe("answer")
  })

  test("under strict a guard fails with the StoreError, and so does a stream", function*() {
    const told = place()
    told.mood = mood
    const strict = <A, E, R>(self: Effect.Effect<A, E, R>) =>
      inTime(Effect.flip(CachePolicy.strict(self))).pipe(Effect.provide(told.layer))
    expect(yield* strict(limited())).toMatchObject({ _tag: "StoreError" })
    const pages = Stream.runCollect(
      Stream.make(1).pipe(Guard.rateLimit({ key: "a", limit: 1, window: 1, algorithm: "sliding-log" }))
    )
    expect(yield* strict(pages)).toMatchObject({ _tag: "StoreError" })
    expect(yield* strict(Effect.void.pipe(Guard.circuitBreaker({ key: "a" })))).toMatchObject({ _tag: "StoreError" })
  })

  test("one warning an incident, and one line when it is over; each failure is counted", function*() {
    const told = place()
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) =>
      void lines.push(`${logLevel} ${String(message)}`)
    )
    yield* Effect.gen(function*() {
      told.mood = mood
      yield* inTime(times(3, limited()))
      yield* inTime(times(3, limited()))
      told.mood = "well"
      yield* inTime(limited())
      yield* limited()
      expect((yield* Cached.stats).storeFailures).toBe(mood === "lies" ? 6 : 2)
    }).pipe(Effect.provide([told.layer, CacheLayer.memory(), Logger.layer([logger])]))
    // One that lies was not down, so nothing says that it answers again.
    expect(lines).toHaveLength(mood === "lies" ? 1 : 2)
    expect(lines[0]).toMatch(
      /^Warn The store "told" could not count a call against its limit: [^.]+\. Guards work without it \(see onStoreError\)$/
    )
    if (mood !== "lies") expect(lines[1]).toMatch(/^Info The store "told" of guards answers again after \d+(s|ms)$/)
  })
})

test("corrupt answers among others are logged once a second, and none of them as an outage", function*() {
  const told = place()
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
  yield* Effect.gen(function*() {
    for (const count of [1, 2]) {
      for (const mood of ["lies", "well", "lies", "well"] as const) {
        told.mood = mood
        yield* limited()
      }
      yield* TestClock.adjust("1 second")
      yield* limited()
      expect(lines).toHaveLength(count)
    }
    expect(told.asked).toBe(10)
  }).pipe(Effect.provide([told.layer, Logger.layer([logger])]))
  expect(lines.filter((line) => line.includes("answers again"))).toEqual([])
})

test("a caller that is interrupted while a place hangs is let go within the store budget, and the call is not run", function*() {
  const told = place()
  told.mood = "hangs"
  let runs = 0
  const job = Effect.sync(() => ++runs)
  const calls = [
    Effect.ignore(job.pipe(Guard.rateLimit({ key: "a", limit: 1, window: 1 }))),
    Effect.ignore(job.pipe(Guard.circuitBreaker({ key: "a" })))
  ]
  for (const call of calls) {
    const fiber = yield* Effect.forkChild(Effect.provide(call, told.layer))
    yield* Effect.yieldNow
    const stop = yield* Effect.forkChild(Fiber.interrupt(fiber))
    yield* TestClock.adjust("500 millis")
    yield* Fiber.join(stop)
  }
  expect(runs).toBe(0)
})

testIn(CacheLayer.memory())("an interrupted call says nothing of the place", function*() {
  const told = place()
  told.mood = "hangs"
  const fiber = yield* Effect.forkChild(limited().pipe(Effect.provide(told.layer)))
  yield* Effect.yieldNow
  yield* Fiber.interrupt(fiber)
  told.mood = "well"
  expect(yield* times(3, limited()).pipe(Effect.provide(told.layer))).toEqual(["ok", "ok", "refused"])
  expect(told.asked).toBe(4)
  expect((yield* Cached.stats).storeFailures).toBe(0)
})

test("CachePolicy.storeTimeout is the budget of a guard too", function*() {
  const told = place()
  told.mood = "hangs"
  const fiber = yield* Effect.forkChild(
    limited().pipe(CachePolicy.storeTimeout("2 seconds"), Effect.provide(told.layer))
  )
  yield* TestClock.adjust("1999 millis")
  expect(fiber.pollUnsafe()).toBeUndefined()
  yield* TestClock.adjust("1 millis")
  expect(yield* Fiber.join(fiber)).toBe("ok")
})

it("only \"fail\" has a StoreError in its type", () => {
  const options = { key: "a", limit: 1, window: 1 } as const
  const local: Effect.Effect<void, CacheError.RateLimitExceeded> = Effect.void.pipe(Guard.rateLimit(options))
  const failing: Effect.Effect<void, CacheError.RateLimitExceeded | CacheError.StoreError> = Effect.void.pipe(
    Guard.rateLimit({ ...options, onStoreError: "fail" })
  )
  // @ts-expect-error the StoreError is missing
  const wrong: Effect.Effect<void, CacheError.RateLimitExceeded> = failing
  expect([local, wrong]).toHaveLength(2)
})
