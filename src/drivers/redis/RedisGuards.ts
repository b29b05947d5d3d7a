/**
 * Locks and the state of guards in Redis, shared by all processes that use the same server or cluster. Requires the
 * package `redis` (node-redis) and Redis 7.0 or newer.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StoreError } from "../../CacheError.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import { lockAndGuards } from "../shared/lockAndGuards.ts"
import { storeError } from "./fault.ts"
import { guardsOver } from "./guards.ts"
import { lockOver } from "./locks.ts"
import * as Open from "./open.ts"
import * as Config from "./options.ts"

/**
 * How to connect to the server or cluster: the options of `RedisStore.layer`, without those about stored values.
 * @category options
 * @since 0.1.0
 */
interface Options extends Omit<Config.ServerOptions, "maxValue" | "replicas"> {}

/**
 * Provides a lock and a guard store on a Redis server or cluster, over one connection.
 *
 * **When to use**
 *
 * Use for locks and limits that several machines share. `CacheLayer.redis` already provides both for its own server.
 *
 * **Details**
 *
 * - When a lock is released, a message wakes the waiting callers. They also try again every 250 ms.
 * - The server's clock measures leases and limits. Fencing tokens grow even if the server loses its data, unless its
 *   clock is set back. Except for filters, each step of a guard runs as one script.
 * - While the server is unreachable, `acquire` fails with reason `Unavailable`, and guards follow their `onStoreError`.
 *   After a permanent error (a wrong password, a server that is too old), the layer fails with a `StoreError`. Invalid
 *   options throw a `CacheConfigError`.
 *
 * **Gotchas**
 *
 * A server that loses its data (`FLUSHALL`, a failover before the lock was replicated, an `allkeys-` eviction policy)
 * may grant the lock a second time, and guards may admit more calls than a limit allows. If a second holder would do
 * harm, make the protected resource reject the smaller token.
 *
 * **Example** (Running one report at a time, on any machine)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 * import { RedisGuards } from "effect-cached/redis"
 *
 * const report = Effect.succeed("written").pipe(Guard.locked({ key: "report", wait: "1 minute" }))
 * const guards = RedisGuards.layer({ url: "redis://127.0.0.1:6379" })
 * await Effect.runPromise(report.pipe(Effect.provide(guards))) // => "written"
 * ```
 *
 * @see `SqliteGuards.layer` for the processes of a single machine
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never, StoreError> => {
  const what = "RedisGuards.layer"
  refuseUnknown(what, options, Config.serverOptions.filter(Config.isOfConnection), Config.homes)
  const opening = Effect.mapError(
    Open.open({ ...Config.configOf(what, options), maxValue: 0 }),
    (fault) => storeError("open", fault)
  )
  return Layer.effectContext(
    Effect.flatMap(
      opening,
      (opened) => Effect.map(lockOver(opened), (lock) => lockAndGuards(lock, guardsOver(opened)))
    )
  )
}
