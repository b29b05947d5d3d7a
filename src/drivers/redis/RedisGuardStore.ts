/**
 * Keeps the state of guards in Redis, shared by all processes that use the same server or cluster. Requires the package
 * `redis` (node-redis) and Redis 7.0 or newer.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StoreError } from "../../CacheError.ts"
import * as GuardStore from "../../GuardStore.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import { storeError } from "./fault.ts"
import { guardsOver } from "./guards.ts"
import * as Open from "./open.ts"
import * as Config from "./options.ts"

/**
 * How to connect to the server or cluster: the options of `RedisStore.layer`, without those about stored values.
 * @category options
 * @since 0.1.0
 */
interface Options extends Omit<Config.ServerOptions, "maxValue" | "replicas"> {}

/**
 * Provides a guard store on a Redis server or cluster.
 *
 * **When to use**
 *
 * Use for limits that several machines share. `CacheLayer.redis` already provides a guard store for its own server.
 *
 * **Details**
 *
 * - Except for filters, each step of a guard runs as one script and uses the server's clock.
 * - While the server is unreachable, guards follow their `onStoreError`. After a permanent error (a wrong password, a
 *   server that is too old), the layer fails with a `StoreError`. Invalid options throw a `CacheConfigError`.
 *
 * **Gotchas**
 *
 * After a failover, the promoted replica may lack the latest steps, so guards may admit more calls than a limit allows.
 *
 * **Example** (One circuit for all machines)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 * import { RedisGuardStore } from "effect-cached/redis"
 *
 * const call = Effect.succeed("called").pipe(Guard.circuitBreaker({ key: "api", failures: 5, open: "10 seconds" }))
 * const guards = RedisGuardStore.layer({ url: "redis://127.0.0.1:6379" })
 * await Effect.runPromise(call.pipe(Effect.provide(guards))) // => "called"
 * ```
 *
 * @see `SqliteGuardStore.layer` for the processes of a single machine
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never, StoreError> => {
  refuseUnknown("RedisGuardStore.layer", options, Config.serverOptions.filter(Config.isOfConnection), Config.homes)
  const opened = Open.open(Config.configOf("RedisGuardStore.layer", options))
  return Layer.effect(
    GuardStore.GuardStore,
    Effect.mapBoth(opened, { onSuccess: guardsOver, onFailure: (fault) => storeError("open", fault) })
  )
}
