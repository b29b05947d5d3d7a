/**
 * A store over the `KeyValueStore` of `effect/persistence`.
 * @since 0.1.0
 */
export * as PersistenceStore from "./PersistenceStore.ts"
