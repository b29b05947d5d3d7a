/**
 * Caches that are chosen from outside the program: by a URL, or by variables.
 * @since 0.1.0
 */
export * as CacheConfig from "./CacheConfig.ts"
