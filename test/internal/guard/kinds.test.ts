/** The kinds of state, as pure functions: against Effect's stores, and against what they promise, on random inputs. */
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Exit, Random, Scope } from "effect"
import { CircuitBreaker, RateLimiter } from "effect/persistence"
import { TestClock } from "effect/testing"
import * as Bucket from "../../../src/internal/guard/bucket.ts"
import * as Circuit from "../../../src/internal/guard/circuit.ts"
import { fixedWindow } from "../../../src/internal/guard/fixedWindow.ts"
import * as memory from "../../../src/internal/guard/memory.ts"
import { slidingCounter } from "../../../src/internal/guard/slidingCounter.ts"
import { slidingLog } from "../../../src/internal/guard/slidingLog.ts"

const below = (bound: number) => Random.nextIntBetween(0, bound, { halfOpen: true })

const clockNow = Effect.clockWith((clock) => Effect.sync(() => clock.currentTimeMillisUnsafe()))

const seeds = Array.from({ length: 20 }, (_, seed) => seed)

describe("a token bucket", () => {
  it.effect.each(seeds)("is Effect's, step by step (seed %i)", (seed) =>
    Effect.gen(function*() {
      const effects = yield* RateLimiter.RateLimiterStore
      const ours = memory.make()
      const limit = 1 + (yield* below(10))
      const refillMillis = [100, 333.25, 7.5, 60_000][yield* below(4)]!
      for (let i = 0; i < 200; i++) {
        yield* TestClock.adjust(yield* below(Math.ceil(refillMillis * 2)))
        const key = `key ${yield* below(2)}`
        const tokens = 1 + (yield* below(3))
        const expected = yield* effects.tokenBucket({
          key,
          tokens,
          limit,
          refillRate: Duration.millis(refillMillis),
          allowOverflow: false
        })
        const input = { tokens, limit, refillMillis }
        const { elapsedMillis, remaining } = ours.runUnsafe(Bucket.bucket, key, input, yield* clockNow)
        expect(remaining).toBe(expected[0])
        expect(elapsedMillis).toBeCloseTo(expected[1], 6)
      }
    }).pipe(Effect.provide(RateLimiter.layerStoreMemory), Random.withSeed(`bucket ${seed}`)))

  it("has no more tokens than a limit that was lowered, at once", () => {
    const ours = memory.make()
    const take = (limit: number, now: number) =>
      ours.runUnsafe(Bucket.bucket, "key", { tokens: 1, limit, refillMillis: 60_000 / limit }, now).remaining
    expect([take(10, 0), take(2, 1), take(2, 2), take(2, 3)]).toEqual([9, 1, 0, -1])
    // A limit that was raised is reached as tokens return.
    expect([take(10, 4), take(10, 6003)]).toEqual([-1, 0])
  })
})

describe("a circuit", () => {
  const trips: ReadonlyArray<CircuitBreaker.TripPolicy> = [
    CircuitBreaker.consecutive(2),
    CircuitBreaker.rate({ threshold: 0.5, size: 4, minimumCalls: 2 })
  ]
  const ofPolicy = (policy: CircuitBreaker.TripPolicy): Circuit.Trip =>
    policy._tag === "Consecutive"
      ? { failures: policy.failures, rate: 0, minimumCalls: 0, windowMillis: 0, windowCalls: 0 }
      : {
        failures: 0,
        rate: policy.threshold,
        minimumCalls: policy.minimumCalls,
        windowMillis: 0,
        windowCalls: policy.size
      }

  it.effect.each(seeds)("is Effect's, step by step (seed %i)", (seed) =>
    Effect.gen(function*() {
      const effects = yield* CircuitBreaker.CircuitBreakerStore
      const ours = memory.make()
      const tripPolicy = trips[seed % 2]!
      const openTime = { millis: 1000, longestMillis: 1000 }
      const idleMillis = 3_600_000
      const running: Array<{ readonly theirs: number; readonly own: number }> = []
      for (let i = 0; i < 300; i++) {
        yield* TestClock.adjust(yield* below(400))
        const now = yield* clockNow
        if (running.length === 0 || (yield* below(2)) === 0) {
          const theirs = yield* Effect.exit(Effect.scoped(effects.admit("key")))
          // Effect's store in memory waits for a probe forever.
          const input = { _tag: "Admit", probeMillis: 1e9, openTime: undefined, idleMillis } as const
          const own = ours.runUnsafe(Circuit.circuit, "key", input, now)
          expect(own.isAdmitted).toBe(Exit.isSuccess(theirs))
          if (Exit.isSuccess(theirs)) {
            expect(own.isProbe).toBe(theirs.value.probe)
            expect(own.openings).toBe(theirs.value.consecutiveOpenings)
            running.push({ theirs: theirs.value.generation, own: own.generation })
          }
        } else {
          const [{ own, theirs }] = running.splice(yield* below(running.length), 1) as [(typeof running)[number]]
          const outcome = (["Success", "Failure", "Failure", "Ignored"] as const)[yield* below(4)]!
          const openFor = Duration.millis(1000)
          const moved = yield* effects.record({ key: "key", generation: theirs, outcome, tripPolicy, openFor })
          const trip = ofPolicy(tripPolicy)
          const input = { _tag: "Record", generation: own, outcome, trip, openTime, idleMillis } as const
          const answer = ours.runUnsafe(Circuit.circuit, "key", input, now)
          expect(answer.phase === answer.from ? undefined : [answer.from, answer.phase]).toEqual(
            moved === undefined ? undefined : [moved.from, moved.to]
          )
        }
        const state = yield* effects.state("key")
        const read = ours.runUnsafe(Circuit.circuit, "key", { _tag: "Read", idleMillis }, now)
        expect(read.phase).toBe(state._tag)
        if (state._tag === "Open") expect(read.leftMillis).toBe(Duration.toMillis(state.retryAfter))
      }
    }).pipe(
      Effect.provide(CircuitBreaker.layerStoreMemory()),
      Random.withSeed(`circuit ${seed}`),
      Effect.provideServiceEffect(Scope.Scope, Effect.scope),
      Effect.scoped
    ))

  it.effect.each(seeds)("with a rate counts what is in its window alone (seed %i)", (seed) =>
    Effect.gen(function*() {
      const windowMillis = 10_000
      const slotMillis = windowMillis / Circuit.slotsOfWindow
      const trip = { failures: 0, rate: 0.5, minimumCalls: 4, windowMillis, windowCalls: 0 }
      const openTime = { millis: 1, longestMillis: 1 }
      const ours = memory.make()
      let calls: Array<{ readonly at: number; readonly isFailure: boolean }> = []
      let now = 1_700_000_000_000
      for (let i = 0; i < 400; i++) {
        now += (yield* below(4)) === 0 ? yield* below(12_000) : yield* below(900)
        const admitted = { _tag: "Admit", probeMillis: 1e9, openTime, idleMillis: 1e9 } as const
        const { generation, isProbe } = ours.runUnsafe(Circuit.circuit, "key", admitted, now)
        const isFailure = !isProbe && (yield* below(3)) === 0
        const outcome = isFailure ? "Failure" : "Success"
        const input = { _tag: "Record", generation, outcome, trip, openTime, idleMillis: 1e9 } as const
        const { phase } = ours.runUnsafe(Circuit.circuit, "key", input, now)
        if (isProbe) continue
        calls.push({ at: now, isFailure })
        // The slot that is not over, and the nine before it.
        const from = (Math.floor(now / slotMillis) - Circuit.slotsOfWindow + 1) * slotMillis
        expect(from).toBeGreaterThan(now - windowMillis)
        const counted = calls.filter(({ at }) => at >= from)
        const failed = counted.filter(({ isFailure }) => isFailure).length
        const trips = counted.length >= 4 && failed > 0 && failed / counted.length >= 0.5
        expect(phase).toBe(trips ? "Open" : "Closed")
        if (trips) {
          calls = []
          now += 2
        }
      }
    }).pipe(Random.withSeed(`window ${seed}`)))

  it("that was forgotten gives no call the generation of a former one", () => {
    const input = { _tag: "Admit", probeMillis: 1, openTime: undefined, idleMillis: 10 } as const
    const first = Circuit.circuit.step(undefined, 1000, input).answer.generation
    expect(Circuit.circuit.step(undefined, 1011, input).answer.generation).toBeGreaterThan(first)
  })
})

/** Draws calls at random times, and gives those that were admitted. */
const draw = (step: (now: number) => { readonly isAdmitted: boolean; readonly retryAfterMillis: number }) =>
  Effect.gen(function*() {
    const admitted: Array<number> = []
    let now = 1_700_000_000_000
    for (let i = 0; i < 1000; i++) {
      now += (yield* below(3)) === 0 ? yield* below(2000) : yield* below(20)
      const answer = step(now)
      if (answer.isAdmitted) admitted.push(now)
      else expect(answer.retryAfterMillis).toBeGreaterThan(0)
    }
    return admitted
  })

describe.each(seeds.slice(0, 5))("limits, on random calls (seed %i)", (seed) => {
  const seeded = Random.withSeed(`limits ${seed}`)
  const limit = 1 + seed
  const windowMillis = 1000

  it.effect("a log: no window has more, and a refused call has room at the announced time", () =>
    Effect.gen(function*() {
      let log: Parameters<typeof slidingLog.step>[0]
      const admitted = yield* draw((now) => {
        const { answer, state } = slidingLog.step(log, now, { limit, windowMillis })
        if (!answer.isAdmitted) {
          const later = now + answer.retryAfterMillis
          expect(slidingLog.step(state, later - 1, { limit, windowMillis }).answer.isAdmitted).toBe(false)
          expect(slidingLog.step(state, later, { limit, windowMillis }).answer.isAdmitted).toBe(true)
        }
        log = state
        return answer
      })
      for (const at of admitted) {
        expect(admitted.filter((other) => other > at - windowMillis && other <= at).length).toBeLessThanOrEqual(limit)
      }
      expect(admitted.length).toBeGreaterThan(20)
    }).pipe(seeded))

  it.effect("two numbers: never more than twice, and a refused call has room at the announced time", () =>
    Effect.gen(function*() {
      let counts: Parameters<typeof slidingCounter.step>[0]
      const admitted = yield* draw((now) => {
        const { answer, state } = slidingCounter.step(counts, now, { limit, windowMillis })
        if (!answer.isAdmitted) {
          const later = now + answer.retryAfterMillis
          expect(slidingCounter.step(state, later, { limit, windowMillis }).answer.isAdmitted).toBe(true)
        }
        counts = state
        return answer
      })
      for (const at of admitted) {
        const within = admitted.filter((other) => other > at - windowMillis && other <= at).length
        expect(within).toBeLessThanOrEqual(2 * limit)
      }
      expect(admitted.length).toBeGreaterThan(20)
    }).pipe(seeded))

  it.effect("a fixed window: windows do not overlap, and each has as many at most", () =>
    Effect.gen(function*() {
      const ours = memory.make()
      const input = { limit, windowMillis, banMillis: 0, renewsBan: false }
      const admitted = yield* draw((now) => ours.runUnsafe(fixedWindow, "key", input, now))
      let startedAt = -Infinity
      let count = 0
      for (const at of admitted) {
        if (at >= startedAt + windowMillis) [startedAt, count] = [at, 0]
        expect(++count).toBeLessThanOrEqual(limit)
      }
      expect(admitted.length).toBeGreaterThan(20)
    }).pipe(seeded))
})

describe("state in memory", () => {
  const input = { limit: 1, windowMillis: 1000, banMillis: 0, renewsBan: false }

  it("expired names leave while new ones come: there are hardly more than live ones", () => {
    let kept = 0
    const counting = {
      ...fixedWindow,
      step: (...args: Parameters<typeof fixedWindow.step>) => fixedWindow.step(...args)
    }
    const ours = memory.make(100_000)
    for (let now = 0; now < 100_000; now++) ours.runUnsafe(counting, `name ${now}`, input, now)
    // Those of the last second are live; a place that forgets nothing would refuse all of them a second time.
    for (let now = 0; now < 100_000; now++) {
      const probe = ours.runUnsafe(
        { name: fixedWindow.name, step: (state) => ({ state, expiresAt: 0, answer: state }) },
        `name ${now}`,
        undefined,
        -1
      )
      if (probe !== undefined) kept++
    }
    expect(kept).toBeLessThan(5000)
    expect(kept).toBeGreaterThan(900)
  })

  it("is bounded: the name that came first leaves", () => {
    const ours = memory.make(3)
    const tryOne = (name: string) => ours.runUnsafe(fixedWindow, name, input, 0).isAdmitted
    expect(["a", "b", "c", "d"].map(tryOne)).toEqual([true, true, true, true])
    expect(["b", "c", "d", "a"].map(tryOne)).toEqual([false, false, false, true])
  })
})
