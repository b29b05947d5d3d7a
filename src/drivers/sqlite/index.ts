/**
 * Stores, locks and guard stores in a directory on the local disk, as SQLite databases.
 * @since 0.1.0
 */
export * as SqliteGuards from "./SqliteGuards.ts"
export * as SqliteStore from "./SqliteStore.ts"
