/**
 * State of guards, shared by all processes that use one Redis server or cluster. Needs the package `redis` (node-redis)
 * and Redis 7.0 or newer.
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
 * The address of the server: the options of `RedisStore.make`, without those about values.
 * @category options
 * @since 0.1.0
 */
export interface Options extends Omit<Config.ServerOptions, "maxValue" | "replicas"> {}

/**
 * The address of the cluster: the options of `RedisStore.makeCluster`, without those about values.
 * @category options
 * @since 0.1.0
 */
export interface ClusterOptions extends Omit<Config.ClusterOptions, "maxValue" | "replicas"> {}

/**
 * The state of guards on a server, until the scope closes. All processes with the same server and prefix share it.
 *
 * **When to use**
 *
 * Use to keep limits on another server than that of `CacheLayer.redis`, or without such a cache.
 *
 * **Details**
 *
 * - A step of any guard except a filter is one script, which runs in the server's time.
 * - While the server is unreachable, guards follow their `onStoreError`. Permanent errors (a wrong password, a server
 *   that is too old) fail here. Throws a `CacheConfigError` for invalid options.
 *
 * **Gotchas**
 *
 * A replica that replaces a server without its last steps may admit some calls again.
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
 * @see {@link layer} for providing it
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<GuardStore.GuardStore, StoreError, Scope.Scope> => {
  refuseUnknown("RedisGuardStore.make", options, Config.serverOptions.filter(Config.isOfConnection), Config.homes)
  return open(Config.configOf("RedisGuardStore.make", options))
}

/**
 * The state of guards on a Redis cluster, until the scope closes.
 *
 * **When to use**
 *
 * Use to keep limits on another cluster than that of `CacheLayer.redisCluster`, or without such a cache.
 *
 * **Example** (One limit on a cluster)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { Guard, GuardStore } from "effect-cached"
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
 * @see {@link make} for its guarantees
 * @see {@link layerCluster} for providing it
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
 * Provides the state of guards on a server.
 *
 * **When to use**
 *
 * Use for limits of processes of several machines. `CacheLayer.redis` provides one for its server and prefix.
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
 * @see {@link make} for its guarantees
 * @see `SqliteGuardStore.layer` for processes of one machine
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never, StoreError> =>
  Layer.effect(GuardStore.GuardStore, make(options))

/**
 * Provides the state of guards on a Redis cluster.
 *
 * **When to use**
 *
 * Use for limits on a cluster. `CacheLayer.redisCluster` provides one for its prefix.
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
 * @see {@link make} for its guarantees
 * @see {@link layer} for a single server
 * @category layers
 * @since 0.1.0
 */
export const layerCluster = (options: ClusterOptions): Layer.Layer<never, StoreError> =>
  Layer.effect(GuardStore.GuardStore, makeCluster(options))

const open = (config: Config.Config): Effect.Effect<GuardStore.GuardStore, StoreError, Scope.Scope> =>
  Effect.map(Effect.mapError(Open.open(config), (fault) => storeError("open", fault)), (opened) => guardsOver(opened))
