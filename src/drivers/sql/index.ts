/**
 * Stores, locks and guard stores over the SQL client of a program.
 * @since 0.1.0
 */
export * as SqlGuards from "./SqlGuards.ts"
export * as SqlStore from "./SqlStore.ts"
