/**
 * Keeps the state of guards in Redis, shared by all processes that use the same server or cluster. Requires the package
 * `redis` (node-redis) and Redis 7.0 or newer.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../CacheError.ts"
import * as GuardStore from "../../GuardStore.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import { storeError } from "./fault.ts"
import { guardsOver } from "./guards.ts"
import * as Open from "./open.ts"
import * as Config from "./options.ts"

/**
 * How to connect to the server: the options of `RedisStore.make`, without those about stored values.
 * @category options
 * @since 0.1.0
 */
export interface Options extends Omit<Config.ServerOptions, "maxValue" | "replicas"> {}

/**
 * How to connect: the options of `RedisStore.makeCluster`, without those about stored values.
 * @category options
 * @since 0.1.0
 */
export interface ClusterOptions extends Omit<Config.ClusterOptions, "maxValue" | "replicas"> {}

/**
 * Opens a guard store on a Redis server until the scope closes. Processes with the same server and prefix share limits.
 *
 * **When to use**
 *
 * Use to keep limits on a server other than that of `CacheLayer.redis`, or without a Redis cache.
 *
 * **Details**
 *
 * - Except for filters, each step of a guard runs as one script and uses the server's clock.
 * - While the server is unreachable, guards follow their `onStoreError`. After a permanent error (a wrong password, a
 *   server that is too old), `make` fails with a `StoreError`. Invalid options throw a `CacheConfigError`.
 *
 * **Gotchas**
 *
 * After a failover, the promoted replica may lack the latest steps, so guards may admit more calls than a limit allows.
 *
 * **Example** (One limit for all machines)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 * import { RedisGuardStore } from "effect-cached/redis"
 *
 * const call = Effect.succeed("called").pipe(Guard.rateLimit({ key: "api", limit: 100, window: "1 minute" }))
 * const guards = RedisGuardStore.layer({ url: "redis://127.0.0.1:6379" })
 * await Effect.runPromise(call.pipe(Effect.provide(guards))) // => "called"
 * ```
 *
 * @see {@link makeCluster} for a cluster
 * @see {@link layer} for providing the guard store
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<GuardStore.GuardStore, StoreError, Scope.Scope> => {
  refuseUnknown("RedisGuardStore.make", options, Config.serverOptions.filter(Config.isOfConnection), Config.homes)
  return open(Config.configOf("RedisGuardStore.make", options))
}

/**
 * Opens a guard store on a Redis cluster until the scope closes.
 *
 * **When to use**
 *
 * Use to keep limits on a cluster other than that of `CacheLayer.redisCluster`, or without a Redis cache.
 *
 * **Example** (One limit on a cluster)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 * import { GuardStore } from "effect-cached/adapters"
 * import { RedisGuardStore } from "effect-cached/redis"
 *
 * const call = Effect.succeed("called").pipe(Guard.rateLimit({ key: "api", limit: 100, window: "1 minute" }))
 * const program = Effect.flatMap(
 *   RedisGuardStore.makeCluster({ nodes: ["redis://10.0.0.1:6379"] }),
 *   (guards) => Effect.provideService(call, GuardStore.GuardStore, guards)
 * )
 * await Effect.runPromise(Effect.scoped(program)) // => "called"
 * ```
 *
 * @see {@link make} for the guarantees of the guard store
 * @see {@link layerCluster} for providing the guard store
 * @category constructors
 * @since 0.1.0
 */
export const makeCluster = (
  options: ClusterOptions
): Effect.Effect<GuardStore.GuardStore, StoreError, Scope.Scope> => {
  refuseUnknown("RedisGuardStore.makeCluster", options, Config.clusterOptions.filter(Config.isOfConnection))
  return open(Config.clusterConfigOf("RedisGuardStore.makeCluster", options))
}

/**
 * Provides a guard store on a Redis server.
 *
 * **When to use**
 *
 * Use for limits that several machines share. `CacheLayer.redis` already provides a guard store for its own server.
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
 * @see {@link make} for the guarantees of the guard store
 * @see `SqliteGuardStore.layer` for the processes of a single machine
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never, StoreError> =>
  Layer.effect(GuardStore.GuardStore, make(options))

/**
 * Provides a guard store on a Redis cluster.
 *
 * **When to use**
 *
 * Use for limits on a cluster. `CacheLayer.redisCluster` already provides a guard store for its own cluster.
 *
 * **Example** (One limit on a cluster)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 * import { RedisGuardStore } from "effect-cached/redis"
 *
 * const call = Effect.succeed("called").pipe(Guard.rateLimit({ key: "api", limit: 100, window: "1 minute" }))
 * const guards = RedisGuardStore.layerCluster({ nodes: ["redis://10.0.0.1:6379"] })
 * await Effect.runPromise(call.pipe(Effect.provide(guards))) // => "called"
 * ```
 *
 * @see {@link make} for the guarantees of the guard store
 * @see {@link layer} for a single server
 * @category layers
 * @since 0.1.0
 */
export const layerCluster = (options: ClusterOptions): Layer.Layer<never, StoreError> =>
  Layer.effect(GuardStore.GuardStore, makeCluster(options))

const open = (config: Config.Config): Effect.Effect<GuardStore.GuardStore, StoreError, Scope.Scope> =>
  Effect.map(Effect.mapError(Open.open(config), (fault) => storeError("open", fault)), (opened) => guardsOver(opened))
