/**
 * Stores, locks and guard stores on Redis servers.
 * @since 0.1.0
 */
export * as RedisGuards from "./RedisGuards.ts"
export * as RedisStore from "./RedisStore.ts"
