/**
 * The layer of a cache on a Redis cluster.
 * @since 0.1.0
 */
import type * as Layer from "effect/Layer"
import type { StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import { clusterConfigOf, type ClusterOptions, clusterOptions } from "../drivers/redis/options.ts"
import { checkLayer, type LayerOptions } from "./options.ts"
import { overRedis, unchecked } from "./overRedis.ts"

/**
 * The options of `redisCluster`.
 * @category options
 * @since 0.1.0
 */
export interface RedisClusterOptions extends LayerOptions, ClusterOptions {}

/**
 * A cache on a Redis cluster, with a memory tier in front, like `CacheLayer.redis`. All Redis keys of one id are on one
 * master. The client follows failovers and slot migrations.
 *
 * **When to use**
 *
 * Use if several machines need the same results, and the Redis server is a cluster.
 *
 * **Example** (Sharing results over a cluster)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const cache = CacheLayer.redisCluster({ nodes: ["redis://10.0.0.1:6379", "redis://10.0.0.2:6379"], prefix: "shop" })
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @see {@link redis} for a single server
 * @category layers
 * @since 0.1.0
 */
export const redisCluster = (options: RedisClusterOptions): Layer.Layer<Caching.Caching, StoreError> => {
  const what = "CacheLayer.redisCluster"
  const checked = checkLayer(what, options, unchecked<ClusterOptions>(clusterOptions))
  return overRedis(checked, clusterConfigOf(what, options))
}
