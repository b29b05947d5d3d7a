/**
 * A store over a Keyv instance, and so over each storage for which Keyv has an adapter.
 * @since 0.1.0
 */
export * as KeyvStore from "./KeyvStore.ts"
