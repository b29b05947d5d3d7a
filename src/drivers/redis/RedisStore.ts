/**
 * A store on a Redis server or cluster. Processes on many machines share its entries, tags and counters, which survive
 * restarts of those processes. Requires the package `redis` (node-redis) and Redis 7.0 or newer.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StoreError } from "../../CacheError.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import * as Store from "../../ports/stores.ts"
import type * as Ttl from "../../Ttl.ts"
import { storeError } from "./fault.ts"
import * as Open from "./open.ts"
import * as Config from "./options.ts"
import { storeOver } from "./store/store.ts"

/**
 * How to connect to the server or cluster, and limits for stored values and commands.
 * @category options
 * @since 0.1.0
 */
export interface Options extends Config.ServerOptions {
  /**
   * How long to wait for the answer to a command. A connection that stays silent for twice as long is replaced.
   * @default 500 ms
   */
  readonly storeTimeout?: Ttl.Input | undefined
}

/**
 * Provides a store on a Redis server or cluster.
 *
 * **When to use**
 *
 * Use to build a cache with custom options that several machines share. `CacheLayer.redis` is a ready-made cache.
 *
 * **Details**
 *
 * - While the server is unreachable, the store tries to reconnect at growing intervals, and every operation fails at
 *   once. With `connect: "required"`, opening the store fails with a `StoreError` if the server is unreachable.
 * - The layer always fails with a `StoreError` after a permanent error: a wrong password, a missing permission or
 *   mismatched TLS (reason `Denied`), a server that is too old, a replica, a node of a cluster, or a missing package
 *   `redis` (reason `Unsupported`). Invalid options throw a `CacheConfigError`.
 * - A write to one id runs as one script, which uses the server's clock. Reads in one event-loop turn share a command.
 * - Values larger than `maxValue` are refused (reason `TooLarge`).
 * - On a cluster (`nodes`), all keys of one id are in one slot, and operations on many ids run on all masters
 *   concurrently. One reachable node is enough to find the masters. The store follows moved slots and replaced masters.
 * - A value stored by another program, or by a newer release, counts as a miss and is not overwritten.
 *
 * **Example** (Caching on a server)
 *
 * ```ts no-run
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { RedisStore } from "effect-cached/redis"
 *
 * const cache = CacheLayer.layer().pipe(Layer.provide(RedisStore.layer({ url: "redis://127.0.0.1:6379" })))
 *
 * const program = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @see `CacheLayer.redis` for a cache over such a store
 * @see `SqliteStore.layer` for the processes of a single machine
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Store.Store, StoreError> => {
  refuseUnknown("RedisStore.layer", options, [...Config.serverOptions, "storeTimeout"], Config.homes)
  const opened = Open.open(Config.configOf("RedisStore.layer", options))
  return Layer.effect(
    Store.Store,
    Effect.flatMap(Effect.mapError(opened, (fault) => storeError("open", fault)), storeOver)
  )
}
