/**
 * Schemas of the errors and events of a cache, for programs that send them elsewhere.
 * @since 0.1.0
 */
export * as CacheErrorSchema from "../CacheErrorSchema.ts"
export * as CacheEventSchema from "../CacheEventSchema.ts"
