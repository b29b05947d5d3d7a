/** Refreshes in the background: a bounded queue, slots that come back, and what is read last first. */
import { describe, expect } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schedule } from "effect"
import { Cached, CacheLayer, Caching, type Strategy } from "effect-cached"
import { TestClock } from "effect/testing"
import { queuedRefreshes } from "../../../../src/internal/defaults/bounds.ts"
import { Within } from "../../../../src/internal/engine/request/attempt.ts"
import type { Flights } from "../../../../src/internal/engine/state.ts"
import { settle, start } from "../../../support/caches.ts"
import { listenersOf } from "../../../support/listeners.ts"
import { testIn } from "../../../support/tests.ts"

/** The engine of the cache in use. */
const engine: Effect.Effect<Flights, never, any> = Effect.map(Within, (within) => within!.flight!.engine).pipe(
  Cached.ttl("the engine", { ttl: 1 })
)

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)

/** Entries that are due for a refresh after a minute; `hangs` decides the outcome of the refresh. */
const dueReads = () => {
  const started: Array<number> = []
  const state = { refresh: Effect.never as Effect.Effect<number, string> }
  const read = (n: number) =>
    Effect.suspend(() => {
      started.push(n)
      return state.refresh
    }).pipe(Cached.refreshAhead(`k${n}`, { ttl: "1 hour", refreshAfter: "1 minute" }))
  const fill = (count: number) =>
    Effect.gen(function*() {
      const { refresh } = state
      state.refresh = Effect.succeed(0)
      yield* Effect.forEach(numbers(count), read, { discard: true })
      yield* TestClock.adjust("2 minutes")
      state.refresh = refresh
      started.length = 0
    })
  return { fill, read, started, state }
}

const memory = (options: CacheLayer.MemoryOptions = {}) =>
  CacheLayer.memory({ capacity: 5000, refresh: { concurrency: 2, retry: Schedule.recurs(0) }, ...options })

const test = testIn(memory())

test(
  "the queue is bounded: when it is full, what was asked for first is dropped, and can be asked for again",
  function*() {
    const { refreshing } = yield* engine
    const { fill, read, started, state } = dueReads()
    const count = queuedRefreshes + 1000
    yield* fill(count)
    yield* Effect.forEach(numbers(count), read, { discard: true })
    expect(refreshing.queue.size).toBe(queuedRefreshes)
    expect(refreshing.running.size).toBe(2)
    yield* settle
    expect(started).toEqual([0, 1])
    expect((yield* engine).flights.all().length).toBeLessThanOrEqual(queuedRefreshes + 4)
    state.refresh = Effect.succeed(1)
    yield* TestClock.adjust("1 minute")
    expect(refreshing.queue.size).toBe(0)
    expect(started).toHaveLength(queuedRefreshes + 2)
    // 2 was dropped
    expect(started).not.toContain(2)
    yield* read(2)
    yield* settle
    expect(started).toContain(2)
  }
)

test("the latest refresh starts first", function*() {
  const { fill, read, started, state } = dueReads()
  yield* fill(8)
  yield* Effect.forEach([0, 1, 2, 3, 4, 5, 3], read, { discard: true })
  yield* settle
  expect(started).toEqual([0, 1])
  state.refresh = Effect.succeed(1)
  yield* TestClock.adjust("1 minute")
  expect(started).toEqual([0, 1, 3, 5, 4, 2])
})

testIn(memory({ capacity: 20 }))("a refresh whose entry is evicted, replaced or removed is forgotten", function*() {
  const { flights, refreshing } = yield* engine
  const { fill, read, started, state } = dueReads()
  yield* fill(20)
  yield* Effect.forEach(numbers(20), read, { discard: true })
  expect(refreshing.queue.size).toBe(18)
  yield* Cached.set("k19", 7)
  yield* Cached.invalidate("k18")
  expect(refreshing.queue.size).toBe(16)
  // All others leave memory but those read last.
  yield* Effect.forEach(numbers(19), (n) => Effect.succeed(n).pipe(Cached.ttl(`other${n}`, { ttl: "1 hour" })))
  expect(refreshing.queue.size).toBe(0)
  expect(flights.all().map(({ id }) => id)).toEqual(["k0", "k1"])
  state.refresh = Effect.succeed(1)
  yield* TestClock.adjust("2 minutes")
  expect(started).toEqual([0, 1])
})

testIn(memory({ capacity: 20, eviction: "lru" }))(
  "P1 · a refresh that a listener's reader has started stays joinable when its entry is evicted",
  function*() {
    const { fill, read, started, state } = dueReads()
    const gate = yield* Deferred.make<number>()
    state.refresh = Deferred.await(gate)
    yield* fill(4)
    yield* Effect.forEach([0, 1], read)
    yield* settle
    // A reader that does not accept the entry joins the refresh, which then starts.
    const strategy: Strategy.Strategy = {
      name: "always",
      decide: () => "Load",
      lifetime: () => ({ softTtl: Infinity, ttl: Infinity })
    }
    const always = { strategy }
    const run = Effect.runForkWith(yield* Effect.context<Caching.Caching>())
    listenersOf(yield* Caching.Caching).listen((event) => {
      if (event._tag === "Refresh" && event.id === "k2") run(Cached.withStrategy(Effect.succeed(2), "k2", always))
    })
    yield* read(2)
    yield* settle
    expect(started).toEqual([0, 1, 2])
    yield* Effect.forEach(numbers(40), (n) => Effect.succeed(n).pipe(Cached.ttl(`other${n}`, { ttl: "1 hour" })))
    expect(yield* Cached.has("k2")).toBe(false)
    const reading = yield* start(read(2))
    yield* settle
    expect(started).toEqual([0, 1, 2])
    yield* Deferred.succeed(gate, 1)
    expect(yield* Fiber.join(reading)).toBe(1)
  }
)

describe("a slot", () => {
  test("comes back when the time of its refresh is over, though a caller waits for it", function*() {
    const { refreshing } = yield* engine
    const { fill, read, started } = dueReads()
    yield* fill(4)
    yield* Effect.forEach([0, 1], read)
    yield* settle
    const again = (n: number) => Effect.andThen(Effect.sync(() => started.push(n)), Effect.never)
    const waiting = yield* Effect.forEach(
      [0, 1],
      (n) => start(again(n).pipe(Cached.softTtl(`k${n}`, { ttl: "1 hour", softTtl: 0 })))
    )
    yield* Effect.forEach([2, 3], read)
    yield* settle
    expect(started).toEqual([0, 1])
    yield* TestClock.adjust("1 minute")
    // The first two run again, for the callers that wait for them, and with the loads of those.
    expect(started.slice().sort()).toEqual([0, 0, 1, 1, 2, 3])
    expect(refreshing.running.size).toBe(2)
    yield* Fiber.interruptAll(waiting)
  })

  test("comes back when its refresh is detached, and only once", function*() {
    const { refreshing } = yield* engine
    const { fill, read, started } = dueReads()
    yield* fill(6)
    yield* Effect.forEach([0, 1, 2, 3, 4, 5], read)
    yield* settle
    yield* Cached.invalidate("k0")
    yield* settle
    expect(started).toEqual([0, 1, 5])
    // The time of the detached one ends, too.
    yield* TestClock.adjust("59 seconds")
    expect(refreshing.running.size).toBe(2)
    expect(started).toEqual([0, 1, 5])
    yield* TestClock.adjust("1 second")
    expect(refreshing.running.size).toBe(2)
    expect(started.slice().sort()).toEqual([0, 1, 3, 4, 5])
  })
})
