/**
 * A store and locks in the memory of this process.
 * @since 0.1.0
 */
export * as MemoryStore from "./MemoryStore.ts"
export * as ProcessLock from "./ProcessLock.ts"
