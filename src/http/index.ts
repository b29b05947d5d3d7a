/**
 * HTTP caching by RFC 9111: clients, and a shared cache in front of a server.
 * @since 0.1.0
 */
export * as CachedHttpClient from "./CachedHttpClient.ts"
export * as HttpCacheMiddleware from "./HttpCacheMiddleware.ts"
