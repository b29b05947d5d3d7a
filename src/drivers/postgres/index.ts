/**
 * Stores, locks and guard stores on PostgreSQL servers.
 * @since 0.1.0
 */
export * as PgGuards from "./PgGuards.ts"
export * as PgStore from "./PgStore.ts"
