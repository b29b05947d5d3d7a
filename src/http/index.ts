/**
 * HTTP caching by the book (RFC 9111): a client that obeys caching headers.
 * @since 0.1.0
 */
export * as CachedHttpClient from "./CachedHttpClient.ts"
