/**
 * A store in a browser's database (IndexedDB).
 * @since 0.1.0
 */
export * as IndexedDbStore from "./IndexedDbStore.ts"
