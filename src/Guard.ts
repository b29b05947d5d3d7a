/**
 * Guards decide whether an effect or a stream may run: locks, rate limits, circuit breakers, and Bloom filters that
 * rule out absent items. Guards cache nothing. Place them inside a cached effect, around the load.
 * @since 0.1.0
 */
export { type Bloom, bloom, type BloomProgress, type BloomReport, type DualBloom, dualBloom } from "./guard/bloom.ts"
export { circuitBreaker } from "./guard/circuitBreaker.ts"
export { type Admission, admission, rateLimit } from "./guard/limits.ts"
export { Held, locked } from "./guard/locked.ts"
