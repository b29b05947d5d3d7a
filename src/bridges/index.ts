/**
 * A cache in place of the storages that other libraries take: Keyv, and `effect/persistence`.
 * @since 0.1.0
 */
export * as CachePersistence from "./CachePersistence.ts"
export * as KeyvCache from "./KeyvCache.ts"
