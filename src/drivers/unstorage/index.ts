/**
 * A store over an unstorage instance, and so over each storage for which unstorage has a driver.
 * @since 0.1.0
 */
export * as UnstorageStore from "./UnstorageStore.ts"
