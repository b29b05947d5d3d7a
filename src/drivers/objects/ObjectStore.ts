/**
 * A store in a bucket of Amazon S3, Cloudflare R2, MinIO, Ceph, or another server with the same interface. Requires the
 * package `aws4fetch`.
 * @since 0.1.0
 */
import type { HttpClient } from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type { StoreError } from "../../CacheError.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import * as Store from "../../ports/stores.ts"
import type * as Ttl from "../../Ttl.ts"
import { open } from "./open.ts"
import { type BucketOptions, bucketOptions, configOf, tagMillisOf } from "./options.ts"

export type { Credentials } from "./options.ts"

/**
 * The bucket, the key with which requests are signed, and limits.
 * @category options
 * @since 0.1.0
 */
export interface Options extends BucketOptions {
  /**
   * For how long a process trusts the version of a tag, or the era of entries, that it has read. With 0, each read of
   * an entry asks for the era and for the versions of its tags too, with one request for each.
   * @default 0
   */
  readonly tagStaleness?: Ttl.Input | undefined
}

/**
 * Provides a store in a bucket.
 *
 * **When to use**
 *
 * Use to build a cache with custom parts, or where `CacheLayer.objects` does not run, such as in a worker.
 *
 * **Details**
 *
 * - A hit is one request (GET), and one more for the era, and for each tag, that is not known. A load is three GETs and
 *   two writes (PUT): one takes the lease, one stores the result. `clear` is one PUT.
 * - Each write has a condition, so it replaces only the state that was read. At the start, seven requests find out
 *   whether the bucket honours conditions. If it does not, the store is not `shared`: it serves one process at a time.
 * - Fails with a `StoreError` if the server is unreachable (reason `Unavailable`), if the bucket is missing or in
 *   another region (`Unsupported`), or if the key is refused, has expired, or the clock is wrong (`Denied`). Throws a
 *   `CacheConfigError` for invalid options. No message contains a key.
 * - Requests that the server is too busy for (503, 429) are repeated three times, after the `Retry-After` that it asks
 *   for, up to 5 seconds.
 *
 * **Gotchas**
 *
 * - The store reports no changes by other processes, so memory is trusted for `maxStaleness` at most.
 * - The entries that have expired, or are of a former era, are removed once a day, by one of the processes.
 *
 * **Example** (Caching in a bucket)
 *
 * ```ts no-run
 * import { Effect, Layer, Redacted } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { ObjectStore } from "effect-cached/objects"
 * import { FetchHttpClient } from "effect/http"
 *
 * const store = ObjectStore.layer({
 *   bucket: "cache",
 *   endpoint: "http://127.0.0.1:9000",
 *   credentials: { accessKeyId: "minio", secretAccessKey: Redacted.make("secret") }
 * }).pipe(Layer.provide(FetchHttpClient.layer))
 *
 * const program = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.layer().pipe(Layer.provide(store))))) // => 42
 * ```
 *
 * @see `CacheLayer.objects` for a cache over such a store
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Store.Store, StoreError, HttpClient> => {
  const what = "ObjectStore.layer"
  refuseUnknown(what, options, [...bucketOptions, "tagStaleness"])
  return Layer.effect(Store.Store, open(configOf(what, options, tagMillisOf(what, options.tagStaleness))))
}
