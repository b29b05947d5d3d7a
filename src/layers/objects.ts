/**
 * The layer of a cache in a bucket of objects.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import { type BucketOptions, bucketOptions, configOf } from "../drivers/objects/options.ts"
import * as Defaults from "../internal/defaults/objects.ts"
import { middleTiers } from "../internal/defaults/stores.ts"
import { Store } from "../ports/store.ts"
import { loading } from "./loading.ts"
import { checkLayer, type LayerOptions } from "./options.ts"
import { unchecked } from "./overServer.ts"
import { overStore } from "./overStore.ts"

/**
 * The options of `objects`.
 * @category options
 * @since 0.1.0
 */
export interface ObjectsOptions extends LayerOptions, BucketOptions {}

/**
 * A cache in a bucket of Amazon S3, Cloudflare R2, MinIO, Ceph, or another server with the same interface, and a memory
 * tier. Processes on many machines can share the cache.
 *
 * **When to use**
 *
 * Use for large or costly results that are read seldom, if there is a bucket but no server for a cache. An answer takes
 * tens of milliseconds, and each request costs money.
 *
 * **Details**
 *
 * - The layer needs the package `aws4fetch` and an existing bucket. `storeTimeout` is 2 seconds by default.
 * - A hit is one request. A load is three: one looks, one takes the lease, one stores the result.
 * - The layer fails with a `StoreError` that says what to do: if the bucket is missing, if the key is refused or has
 *   expired, if the clock is wrong. While a running cache cannot reach the server, it serves from memory and loads.
 * - Changes by other processes are seen within `maxStaleness`: half of it for memory, half for the versions of tags.
 *   `Cached.clear` is one write, however many entries there are.
 * - Entries without a `ttl` stay until a rule of the bucket removes them: there is no `maxSize`.
 * - A bucket that ignores conditional writes is found out at the start, and then serves one process at a time.
 *
 * **Example** (Sharing results through a bucket)
 *
 * ```ts no-run
 * import { Effect, Redacted } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const cache = CacheLayer.objects({
 *   bucket: "cache",
 *   region: "eu-central-1",
 *   credentials: { accessKeyId: "AKIA...", secretAccessKey: Redacted.make("secret") }
 * })
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 day" }))
 * await Effect.runPromise(answer.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @see {@link redis} for a faster store
 * @category layers
 * @since 0.1.0
 */
export const objects = (options: ObjectsOptions): Layer.Layer<Caching.Caching, StoreError> => {
  const what = "CacheLayer.objects"
  const checked = checkLayer(what, options, unchecked<BucketOptions>(bucketOptions))
  const { maxStalenessMillis } = checked
  const isFinite = maxStalenessMillis < Infinity
  const tagMillis = isFinite ? maxStalenessMillis * middleTiers.stalenessShare : Defaults.tagMillis
  const config = configOf(what, options, tagMillis)
  const cache = overStore({
    ...checked,
    ...options.storeTimeout === undefined ? { storeTimeoutMillis: Defaults.storeMillis } : {},
    maxStalenessMillis: isFinite ? maxStalenessMillis - tagMillis : Infinity
  })
  const parts = loading("objects", () => import("#node/drivers/objects/parts"))
  const store = Layer.effect(Store, Effect.flatMap(parts, ({ openByFetch }) => openByFetch(config)))
  return Layer.provide(cache, store)
}
