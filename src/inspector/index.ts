/**
 * A page that shows what a cache holds and does, and invalidates by hand.
 * @since 0.1.0
 */
export * as CacheInspector from "./CacheInspector.ts"
