/**
 * Guards decide whether an effect or a stream may run: locks, rate limits, circuit breakers, and Bloom filters that
 * rule out absent items. Guards cache nothing. Place them inside a cached effect, around the load.
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
