/**
 * The layer of a cache on a Redis server.
 *
 * @since 0.1.0
 */
import type * as Layer from "effect/Layer"
import type { StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import { configOf, type ServerOptions, serverOptions } from "../drivers/redis/options.ts"
import { checkLayer, type LayerOptions } from "./options.ts"
import { overRedis, unchecked } from "./overRedis.ts"

/**
 * The options of `redis`.
 *
 * @category options
 * @since 0.1.0
 */
export interface RedisOptions extends LayerOptions, ServerOptions {}

/**
 * A cache on a Redis server, with a memory tier in front. Processes of many machines share it.
 *
 * **When to use**
 *
 * Use where several machines ask for the same results: one of them loads what the others wait for.
 *
 * **Details**
 *
 * - Needs the package `redis` (node-redis) and Redis 7.0 or newer.
 * - While the server cannot be reached the cache works from memory, and loads what is not there. What waiting does not mend
 *   (a wrong password, a server that is too old) is a `StoreError` of the layer; with `connect: "required"` a server that
 *   cannot be reached is one too.
 * - What other processes change is seen at once where memory has a copy: the server tells (client tracking). While it cannot
 *   be heard, copies are believed for `maxStaleness` (10 seconds).
 * - `Lock` and the guards (`Guard`) hold among all processes that use the server and prefix, unless the program provides others: to this
 *   layer, with `Layer.provide`, or around it.
 * - Throws a `CacheConfigError` for an option that it cannot use.
 *
 * **Example** (Sharing results among machines)
 *
 * ```ts no-run
 * import { Effect, Redacted } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const cache = CacheLayer.redis({
 *   url: "rediss://cache.example.org:6379",
 *   password: Redacted.make("secret"),
 *   prefix: "shop"
 * })
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @see {@link redisCluster} for a cluster
 *
 * @category layers
 * @since 0.1.0
 */
export const redis = (options: RedisOptions = {}): Layer.Layer<Caching.Caching, StoreError> => {
  const what = "CacheLayer.redis"
  const checked = checkLayer(what, options, unchecked<ServerOptions>(serverOptions))
  return overRedis(checked, configOf(what, options))
}
