/**
 * The ports of stores, serializers, locks, guards and eviction, and their constructors, for authors of adapters.
 * @since 0.1.0
 */
export * as CacheEntry from "../CacheEntry.ts"
export * as Eviction from "../Eviction.ts"
export * as GuardStore from "../GuardStore.ts"
export * as Lock from "../Lock.ts"
export * as Serializer from "../Serializer.ts"
export * as Store from "../Store.ts"
export * as Ttl from "../Ttl.ts"
export * as Weigher from "../Weigher.ts"
