/**
 * A functional caching toolkit for Effect.
 * @since 0.1.0
 */
export * as Cached from "./Cached.ts"
export * as CacheError from "./CacheError.ts"
export * as CacheEvent from "./CacheEvent.ts"
export * as CacheKey from "./CacheKey.ts"
export * as CacheLayer from "./CacheLayer.ts"
export * as CacheMetrics from "./CacheMetrics.ts"
export * as CachePolicy from "./CachePolicy.ts"
export * as Caching from "./Caching.ts"
export * as Guard from "./Guard.ts"
export * as Strategy from "./Strategy.ts"
export * as Transaction from "./Transaction.ts"
