/**
 * The layer of a cache on a Redis server or cluster.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import { configOf, homes, type ServerOptions, serverOptions } from "../drivers/redis/options.ts"
import { loading } from "./loading.ts"
import { checkLayer, type LayerOptions } from "./options.ts"
import { overServer, unchecked } from "./overServer.ts"

/**
 * The options of `redis`.
 * @category options
 * @since 0.1.0
 */
export interface RedisOptions extends LayerOptions, ServerOptions {}

/**
 * A cache on a Redis server or cluster, with a memory tier in front. Processes on many machines can share the cache.
 *
 * **When to use**
 *
 * Use if several machines need the same results. One machine loads an entry, and the others wait for its result.
 *
 * **Details**
 *
 * - `url` names a server, and `nodes` some nodes of a cluster. `sentinel` finds the master of a replicated server.
 * - The layer needs the package `redis` (node-redis) and Redis 7.0 or newer.
 * - While the server cannot be reached, the cache serves from memory, and loads missing entries. Permanent errors (a
 *   wrong password, a server that is too old) fail the layer with a `StoreError`. With `connect: "required"`, a server
 *   that cannot be reached also fails the layer.
 * - Redis publishes each change to the other processes at once. While a process cannot receive these messages, it
 *   trusts entries in memory for at most `maxStaleness` (10 seconds by default).
 * - The layer also provides a `Lock` and a `GuardStore`, shared by all processes with the same server and prefix. A
 *   `Lock` or `GuardStore` that the program provides to the layer (`Layer.provide`), or around it, takes precedence.
 *
 * **Example** (Sharing results among machines)
 *
 * ```ts no-run
 * import { Effect, Redacted } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const cache = CacheLayer.redis({ url: "rediss://cache.example.org:6379", password: Redacted.make("secret") })
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @see {@link disk} for processes on one machine
 * @category layers
 * @since 0.1.0
 */
export const redis = (options: RedisOptions = {}): Layer.Layer<Caching.Caching, StoreError> => {
  const what = "CacheLayer.redis"
  const checked = checkLayer(what, options, unchecked<ServerOptions>(serverOptions), homes)
  const config = configOf(what, options)
  return overServer(
    checked,
    Effect.gen(function*() {
      const { guardsOver, lockOver, open, storeError, storeOver } = yield* loading(
        "redis",
        () => import("#node/drivers/redis/parts")
      )
      const opened = yield* Effect.mapError(open(config), (fault) => storeError("open", fault))
      const store = yield* storeOver(opened)
      return { store, lock: lockOver(opened), guards: Effect.sync(() => guardsOver(opened)) }
    })
  )
}
