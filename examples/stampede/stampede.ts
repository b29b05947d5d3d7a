/** The same traffic against a naive cache and against ours, in virtual time. */
import { Clock, Effect, Fiber, Ref } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { TestClock } from "effect/testing"

export const batches = 50
export const batchSize = 5
export const every = 70
export const loadTime = 100
export const ttl = 1000
export const refreshAfter = 200

export interface Outcome {
  /** How often the slow service was called. */
  readonly calls: number
  /** How many requests had to wait. */
  readonly waited: number
}

/** Fires all requests on time, whether the earlier ones are answered or not. */
const traffic = Effect.fn(function*<R>(cached: (load: Effect.Effect<number>) => Effect.Effect<number, never, R>) {
  const calls = yield* Ref.make(0)
  const request = cached(Effect.delay(Ref.updateAndGet(calls, (n) => n + 1), loadTime))
  const timed = Effect.gen(function*() {
    const startedAt = yield* Clock.currentTimeMillis
    yield* request
    return (yield* Clock.currentTimeMillis) - startedAt
  })
  const fibers: Array<Fiber.Fiber<number>> = []
  for (let batch = 0; batch < batches; batch++) {
    for (let i = 0; i < batchSize; i++) fibers.push(yield* Effect.forkChild(timed))
    yield* TestClock.adjust(every)
  }
  yield* TestClock.adjust(loadTime)
  const waits = yield* Fiber.joinAll(fibers)
  const outcome: Outcome = {
    calls: yield* Ref.get(calls),
    waited: waits.filter((wait) => wait > 0).length
  }
  return outcome
})

/** The first version of every cache: look, load, store. No caller knows that another one is loading already. */
const naive = Effect.suspend(() => {
  let stored: { readonly value: number; readonly expiresAt: number } | undefined
  return traffic((load) =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      if (stored !== undefined && now < stored.expiresAt) return stored.value
      const value = yield* load
      stored = { value, expiresAt: (yield* Clock.currentTimeMillis) + ttl }
      return value
    })
  )
})

const options = { ttl }

const joined = traffic(Cached.ttl("slow", options)).pipe(Effect.provide(CacheLayer.memory()))

const refreshed = traffic(Cached.refreshAhead("slow", { ...options, refreshAfter })).pipe(
  Effect.provide(CacheLayer.memory())
)

const inVirtualTime = Effect.provide(TestClock.layer())

/** The same traffic three times, each with a clock of its own. */
export const compare = Effect.all({
  naive: inVirtualTime(naive),
  joined: inVirtualTime(joined),
  refreshed: inVirtualTime(refreshed)
})
