/**
 * Locks in Redis, shared by all processes that use the same server or cluster. Requires the package `redis`
 * (node-redis) and Redis 7.0 or newer.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { LockError } from "../../CacheError.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import * as Lock from "../../Lock.ts"
import { lockError, lockOver } from "./locks.ts"
import * as Open from "./open.ts"
import * as Config from "./options.ts"

/**
 * How to connect to the server or cluster: the options of `RedisStore.layer`, without those about stored values.
 * @category options
 * @since 0.1.0
 */
interface Options extends Omit<Config.ServerOptions, "maxValue" | "replicas"> {}

/**
 * Provides a lock service on a Redis server or cluster.
 *
 * **When to use**
 *
 * Use for locks that several machines share. `CacheLayer.redis` already provides a lock service for its own server.
 *
 * **Details**
 *
 * - When a lock is released, a message wakes the waiting callers. They also try again every 250 ms.
 * - The server's clock measures leases. Fencing tokens grow even if the server loses its data, unless its clock is set
 *   back.
 * - While the server is unreachable, `acquire` fails with reason `Unavailable`. After a permanent error (a wrong
 *   password, a server that is too old), the layer fails with a `LockError`. Invalid options throw a
 *   `CacheConfigError`.
 *
 * **Gotchas**
 *
 * A server that loses its data (`FLUSHALL`, a failover before the lock was replicated, an `allkeys-` eviction policy)
 * may grant the lock a second time. If that would do harm, make the protected resource reject the smaller token.
 *
 * **Example** (Running one report at a time, on any machine)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { Lock } from "effect-cached/adapters"
 * import { RedisLock } from "effect-cached/redis"
 *
 * const report = Effect.gen(function*() {
 *   const lock = yield* Lock.Lock
 *   yield* lock.acquire("report", { lease: "10 seconds", wait: "1 minute" })
 *   return "written"
 * })
 * await Effect.runPromise(Effect.scoped(report).pipe(Effect.provide(RedisLock.layer()))) // => "written"
 * ```
 *
 * @see `SqliteLock.layer` for the processes of a single machine
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never, LockError> => {
  refuseUnknown("RedisLock.layer", options, Config.serverOptions.filter(Config.isOfConnection), Config.homes)
  const config = Config.configOf("RedisLock.layer", options)
  const opened = Effect.mapError(Open.open(config), (fault) => lockError(config.name, fault))
  return Layer.effect(Lock.Lock, Effect.flatMap(opened, lockOver))
}
