/**
 * HTTP caching by RFC 9111: clients, and a shared cache in front of a server; and endpoints cached by annotations.
 * @since 0.1.0
 */
export * as CachedHttpClient from "./CachedHttpClient.ts"
export * as HttpCache from "./HttpCache.ts"
export * as HttpCacheMiddleware from "./HttpCacheMiddleware.ts"
