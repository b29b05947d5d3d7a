/**
 * Timeouts of a store count only the time in which the program could have received an answer. They need a real event
 * loop: no test waits for longer than some tens of milliseconds.
 */
import { expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { MemoryStore } from "effect-cached/memory"
import * as fs from "node:fs"
import { vi } from "vitest"

const timeoutMillis = 50

/** A store that is asked outside of this thread before it answers; its reads end with `answer`. */
const outside = (answer: Effect.Effect<void>) => {
  const inner = MemoryStore.make()
  return Store.complete({
    ...inner,
    name: "outside",
    getUnsafe: undefined,
    get: (id, tags) => Effect.andThen(answer, inner.get(id, tags))
  })
}

const fileIsRead = Effect.promise(() => fs.promises.readFile(new URL(import.meta.url))).pipe(Effect.asVoid)

const over = (store: ReturnType<typeof Store.complete>, storeTimeout = timeoutMillis) =>
  Effect.provide(
    CacheLayer.layer({ memory: false, storeTimeout }).pipe(Layer.provide(Layer.succeed(Store.Store, store)))
  )

const read = Effect.succeed(1).pipe(Cached.ttl("k", { ttl: "1 hour" }))
const failures = Effect.map(Cached.stats, ({ storeFailures }) => storeFailures)

const hold = (millis: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, millis)

const nextTurn = Effect.promise(() => new Promise((resume) => setImmediate(resume)))

/** Steps of a millisecond, one after the other, for as long as it is not interrupted. */
const neverResting = Effect.forever(
  Effect.callback<void>((resume) => {
    const next = setImmediate(() => {
      hold(1)
      resume(Effect.void)
    })
    return Effect.sync(() => clearImmediate(next))
  })
)

// First: nothing looks at the time yet.
it.live("faked timers take as long as real ones", () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
  return over(outside(Effect.never))(Effect.gen(function*() {
    const reading = yield* Effect.forkChild(read, { startImmediately: true })
    yield* Effect.promise(() => vi.advanceTimersByTimeAsync(timeoutMillis - 10))
    expect(reading.pollUnsafe()).toBeUndefined()
    yield* Effect.promise(() => vi.advanceTimersByTimeAsync(20))
    yield* Effect.repeat(nextTurn, { times: 20 })
    expect(reading.pollUnsafe()).toEqual(Exit.succeed(1))
    expect(yield* failures).toBe(1)
  })).pipe(Effect.ensuring(Effect.sync(() => vi.useRealTimers())))
})

it.live("an answer during a long step has not timed out", () =>
  over(outside(fileIsRead))(Effect.gen(function*() {
    for (let i = 0; i < 5; i++) {
      const reading = yield* Effect.forkChild(read, { startImmediately: true })
      hold(timeoutMillis * 2)
      expect(yield* Fiber.join(reading)).toBe(1)
    }
    expect(yield* failures).toBe(0)
  })))

it.live("a store that does not answer times out, and in a busy program too", () =>
  over(outside(Effect.never))(Effect.gen(function*() {
    expect(yield* read).toBe(1)
    expect(yield* failures).toBe(1)
    const busy = yield* Effect.forkChild(neverResting)
    expect(yield* read).toBe(1)
    expect(yield* failures).toBe(2)
    yield* Fiber.interrupt(busy)
  })))

it.live("timers that were faked for a moment stop no timeouts for good", () =>
  over(outside(Effect.never), timeoutMillis * 4)(Effect.gen(function*() {
    const reading = yield* Effect.forkChild(read, { startImmediately: true })
    const end = performance.now() + 20
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    // So that what looks at the time wakes meanwhile.
    yield* Effect.repeat(nextTurn, { until: () => performance.now() > end })
    vi.useRealTimers()
    expect(yield* read).toBe(1)
    expect(yield* Fiber.join(reading)).toBe(1)
    expect(yield* failures).toBeGreaterThan(0)
  })))
