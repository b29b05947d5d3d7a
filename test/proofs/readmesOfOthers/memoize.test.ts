/** The programs of py-memoize's README and examples, as they are written here, with what they are to print. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"

// The lifetimes of its default configuration.
const strategy = { strategy: "refreshAhead", refreshAfter: "10m", ttl: "30m" } as const

/** A number that another call does not have. */
const counting = () => {
  let calls = 0
  return () => Effect.sync(() => `expensive-computation-${++calls}`)
}

describe("py-memoize's README", () => {
  it.effect("basic: three reads, one computation", () =>
    Effect.gen(function*() {
      const expensiveComputation = Cached.fn(() => "expensive-computation", counting(), strategy)
      expect(yield* Effect.all([expensiveComputation(), expensiveComputation(), expensiveComputation()]))
        .toEqual(Array.from({ length: 3 }, () => "expensive-computation-1"))
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("dog-piling: 250 requests in 50 batches are 17 calls, as predicted by the lifetime", () =>
    Effect.gen(function*() {
      const concurrentRequests = 5
      const batches = 50
      const ttlMillis = 200
      const pauseMillis = 70

      let uniqueCalls = 0
      const cached = Cached.fn(() => "cached", () => Effect.delay(Effect.sync(() => ++uniqueCalls), 10), {
        strategy: "refreshAhead",
        refreshAfter: ttlMillis,
        ttl: "30m"
      })
      const program = Effect.gen(function*() {
        for (let i = 0; i < batches; i++) {
          yield* Effect.all(Array.from({ length: concurrentRequests }, cached), { concurrency: "unbounded" })
          yield* Effect.sleep(pauseMillis)
        }
      })
      const running = yield* Effect.forkChild(program, { startImmediately: true })
      for (let millis = 0; millis < batches * 100; millis += 10) yield* TestClock.adjust(10)
      yield* Fiber.join(running)

      const predicted = Math.floor(pauseMillis * batches / ttlMillis)
      expect([uniqueCalls, predicted]).toEqual([17, 17])
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("configuration: a timeout of the method, lifetimes, a capacity, a key by its arguments", () =>
    Effect.gen(function*() {
      const cached = Cached.fn((id: number) => `cached:${id}`, () => Effect.succeed("dummy"), {
        strategy: "refreshAhead",
        refreshAfter: "2m",
        ttl: "5m",
        timeout: "2m"
      })
      expect([yield* cached(1), yield* cached(2), yield* cached(3), yield* Cached.size])
        .toEqual(["dummy", "dummy", "dummy", 2])
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 2 }))))

  it.effect("invalidation: five reads and two invalidations are three computations", () =>
    Effect.gen(function*() {
      const expensiveComputation = Cached.fn(
        (arg: string, kwarg: string) => `expensive:${arg}:${kwarg}`,
        counting(),
        strategy
      )
      const read = expensiveComputation("arg1", "kwarg1")
      const first = [yield* read, yield* read]
      yield* expensiveComputation.invalidate("arg1", "kwarg1")
      const second = [yield* read, yield* read]
      yield* expensiveComputation.invalidate("arg1", "kwarg1")
      expect([...first, ...second, yield* read])
        .toEqual([1, 1, 2, 2, 3].map((n) => `expensive-computation-${n}`))
    }).pipe(Effect.provide(CacheLayer.memory())))

  it.effect("a lifetime that comes with the value, and a tenth of it beside", () =>
    Effect.gen(function*() {
      let calls = 0
      const externalCall = Cached.fn(
        (key: string) => `external:${key}`,
        (key) => Effect.sync(() => ({ value: `${key}-result-${++calls}`, ttlSeconds: 100 * calls })),
        {
          strategy: "refreshAhead",
          refreshAfter: (exit) => exit._tag === "Success" ? exit.value.ttlSeconds * 1000 : 0,
          ttl: (exit) => exit._tag === "Success" ? exit.value.ttlSeconds * 1100 : 0
        }
      )
      yield* externalCall("a")
      yield* externalCall("b")
      yield* externalCall("b")
      expect(calls).toBe(2)
      const [, reads] = yield* Cached.detect(Effect.all([externalCall("a"), externalCall("b")]))
      expect(reads.map(({ ttlMillis }) => ttlMillis)).toEqual([110_000, 220_000])
    }).pipe(Effect.provide(CacheLayer.memory())))
})
