/**
 * Guards: what lets an effect or a stream run, or not. They cache nothing, and go inside a cached effect, around what it
 * loads: a lock, limits of calls, a circuit breaker, and filters that know what cannot be there.
 *
 * @since 0.1.0
 */
export {
  type Bloom,
  bloom,
  type BloomOptions,
  type BloomProgress,
  type BloomReport,
  type DualBloom,
  dualBloom,
  type DualBloomOptions
} from "./guard/bloom.ts"
export { circuitBreaker, type CircuitBreakerOptions } from "./guard/circuitBreaker.ts"
export type { ErrorOf, Guardable, Guarded, GuardsOf, SuccessOf } from "./guard/guardable.ts"
export type { GuardKey } from "./guard/guardKey.ts"
export {
  type Admission,
  admission,
  rateLimit,
  type RateLimitOptions,
  slidingRateLimit,
  type SlidingRateLimitOptions
} from "./guard/limits.ts"
export { Held, locked, type LockedOptions, token } from "./guard/locked.ts"
export type { OnStoreError, Placed, PlaceOptions, StoreErrorOf } from "./guard/place.ts"
