/**
 * Stores, locks and guard stores in a directory on the local disk, as SQLite databases.
 * @since 0.1.0
 */
export * as SqliteGuardStore from "./SqliteGuardStore.ts"
export * as SqliteLock from "./SqliteLock.ts"
export * as SqliteStore from "./SqliteStore.ts"
