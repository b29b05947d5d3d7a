/**
 * Stores, locks and guard stores on Redis servers.
 * @since 0.1.0
 */
export * as RedisGuardStore from "./RedisGuardStore.ts"
export * as RedisLock from "./RedisLock.ts"
export * as RedisStore from "./RedisStore.ts"
