/**
 * Stores, locks and guard stores on PostgreSQL servers.
 * @since 0.1.0
 */
export * as PgGuardStore from "./PgGuardStore.ts"
export * as PgLock from "./PgLock.ts"
export * as PgStore from "./PgStore.ts"
