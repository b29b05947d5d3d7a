/**
 * A functional caching toolkit for Effect.
 * @since 0.1.0
 */
export * as Cached from "./Cached.ts"
export * as CacheEntry from "./CacheEntry.ts"
export * as CacheError from "./CacheError.ts"
export * as CacheEvent from "./CacheEvent.ts"
export * as CacheKey from "./CacheKey.ts"
export * as CacheLayer from "./CacheLayer.ts"
export * as CachePolicy from "./CachePolicy.ts"
export * as Caching from "./Caching.ts"
export * as Eviction from "./Eviction.ts"
export * as Guard from "./Guard.ts"
export * as GuardStore from "./GuardStore.ts"
export * as Lock from "./Lock.ts"
export * as Serializer from "./Serializer.ts"
export * as Store from "./Store.ts"
export * as Strategy from "./Strategy.ts"
export * as Transaction from "./Transaction.ts"
export * as Ttl from "./Ttl.ts"
export * as Weigher from "./Weigher.ts"
