/**
 * A call that a guard lets through, beside the same through Effect's own with their stores in memory, and through
 * `Lock.acquire`.
 */
import { Effect, Layer } from "effect"
import { CacheLayer, Guard } from "effect-cached"
import { Lock } from "effect-cached/adapters"
import { CircuitBreaker, RateLimiter } from "effect/persistence"
import { type Body, measure, timeCalls } from "../measure.ts"

const names = Array.from({ length: 100 }, (_, i) => `name ${i}`)
const nameOf = (i: number) => names[i % names.length]!
const call = Effect.succeed(1)
const options = { limit: 1000, window: "10 millis" } as const
const lease = { lease: "5 seconds", wait: 0 } as const

const program = Effect.gen(function*() {
  const withLimiter = yield* RateLimiter.makeWithRateLimiter
  const breaker = yield* CircuitBreaker.make({ tripPolicy: CircuitBreaker.consecutive(5), openDuration: "30 seconds" })
  const lock = yield* Lock.Lock
  const subjects: { readonly [name: string]: Body } = {
    "RateLimiter, fixed window": (i) => withLimiter({ key: nameOf(i), ...options, onExceeded: "fail" })(call),
    "RateLimiter, token bucket": (i) =>
      withLimiter({ key: nameOf(i), ...options, onExceeded: "fail", algorithm: "token-bucket" })(call),
    "Guard.rateLimit": (i) => Guard.rateLimit(call, { key: nameOf(i), ...options }),
    "Guard.rateLimit, token bucket": (i) =>
      Guard.rateLimit(call, { key: nameOf(i), ...options, algorithm: "token-bucket" }),
    "Guard.rateLimit, sliding counter": (i) =>
      Guard.rateLimit(call, { key: nameOf(i), ...options, algorithm: "sliding-counter" }),
    "CircuitBreaker": (i) => breaker.execute(call, { key: nameOf(i) }),
    "Guard.circuitBreaker": (i) => Guard.circuitBreaker(call, { key: nameOf(i), failures: 5, open: "30 seconds" }),
    "Lock.acquire": (i) => Effect.scoped(Effect.andThen(lock.acquire(nameOf(i), lease), call)),
    "Guard.locked": (i) => Guard.locked(call, { key: nameOf(i), ...lease })
  }
  return yield* timeCalls(subjects, { calls: 2000, warmup: 30, rounds: 60 })
})

const peers = Layer.mergeAll(
  RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory)),
  CircuitBreaker.layerStoreMemory()
)
await measure(program.pipe(Effect.provide([CacheLayer.memory(), peers])))
