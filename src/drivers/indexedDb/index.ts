/**
 * Entries in the database of a browser.
 * @since 0.1.0
 */
export * as IndexedDbStore from "./IndexedDbStore.ts"
