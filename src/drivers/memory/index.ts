/**
 * A store, locks and the state of guards in the memory of this process.
 * @since 0.1.0
 */
export * as MemoryGuards from "./MemoryGuards.ts"
export * as MemoryStore from "./MemoryStore.ts"
