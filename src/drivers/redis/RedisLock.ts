/**
 * Locks in Redis, shared by all processes that use the same server or cluster. Requires the package `redis`
 * (node-redis) and Redis 7.0 or newer.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { LockError } from "../../CacheError.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import * as Lock from "../../Lock.ts"
import { lockError, lockOver } from "./locks.ts"
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
 * Opens a lock service on a Redis server until the scope closes. Processes with the same server and prefix share locks.
 *
 * **When to use**
 *
 * Use if the program needs the lock service as a value.
 *
 * **Details**
 *
 * - When a lock is released, a message wakes the waiting callers. They also try again every 250 ms.
 * - The server's clock measures leases. Fencing tokens grow even if the server loses its data, unless its clock is set
 *   back.
 * - While the server is unreachable, `acquire` fails with reason `Unavailable`. After a permanent error (a wrong
 *   password, a server that is too old), `make` fails with a `LockError`. Invalid options throw a `CacheConfigError`.
 *
 * **Gotchas**
 *
 * A server that loses its data (`FLUSHALL`, a failover before the lock was replicated, an `allkeys-` eviction policy)
 * may grant the lock a second time. If that would do harm, make the protected resource reject the smaller token.
 *
 * **Example** (Locking on a server)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { RedisLock } from "effect-cached/redis"
 *
 * const program = Effect.gen(function*() {
 *   const lock = yield* RedisLock.make({ url: "redis://127.0.0.1:6379" })
 *   const { token } = yield* lock.acquire("report", { lease: "5 seconds", wait: "10 seconds" })
 *   return token > 0n
 * })
 * await Effect.runPromise(Effect.scoped(program)) // => true
 * ```
 *
 * @see {@link layer} for providing the lock service
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options = {}): Effect.Effect<Lock.Lock, LockError, Scope.Scope> => {
  refuseUnknown("RedisLock.make", options, Config.serverOptions.filter(Config.isOfConnection), Config.homes)
  return open(Config.configOf("RedisLock.make", options))
}

/**
 * Opens a lock service on a Redis cluster until the scope closes.
 *
 * **When to use**
 *
 * Use if the program needs the lock service as a value, on a cluster.
 *
 * **Example** (Locking on a cluster)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { RedisLock } from "effect-cached/redis"
 *
 * const program = Effect.gen(function*() {
 *   const lock = yield* RedisLock.makeCluster({ nodes: ["redis://10.0.0.1:6379"] })
 *   yield* lock.acquire("report", { lease: "5 seconds", wait: "10 seconds" })
 * })
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link make} for the guarantees of the lock
 * @see {@link layerCluster} for providing the lock service
 * @category constructors
 * @since 0.1.0
 */
export const makeCluster = (options: ClusterOptions): Effect.Effect<Lock.Lock, LockError, Scope.Scope> => {
  refuseUnknown("RedisLock.makeCluster", options, Config.clusterOptions.filter(Config.isOfConnection))
  return open(Config.clusterConfigOf("RedisLock.makeCluster", options))
}

/**
 * Provides a lock service on a Redis server.
 *
 * **When to use**
 *
 * Use for locks that several machines share. `CacheLayer.redis` already provides a lock service for its own server.
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
 * @see {@link make} for the guarantees of the lock
 * @see `SqliteLock.layer` for the processes of a single machine
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never, LockError> => Layer.effect(Lock.Lock, make(options))

/**
 * Provides a lock service on a Redis cluster.
 *
 * **When to use**
 *
 * Use for locks on a cluster. `CacheLayer.redisCluster` already provides a lock service for its own cluster.
 *
 * **Example** (Locking on a cluster)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { Lock } from "effect-cached/adapters"
 * import { RedisLock } from "effect-cached/redis"
 *
 * const isLocked = Effect.flatMap(Lock.Lock, (lock) => lock.isLocked("report"))
 * const lock = RedisLock.layerCluster({ nodes: ["redis://10.0.0.1:6379"] })
 * await Effect.runPromise(isLocked.pipe(Effect.provide(lock))) // => false
 * ```
 *
 * @see {@link make} for the guarantees of the lock
 * @see {@link layer} for a single server
 * @category layers
 * @since 0.1.0
 */
export const layerCluster = (options: ClusterOptions): Layer.Layer<never, LockError> =>
  Layer.effect(Lock.Lock, makeCluster(options))

const open = (config: Config.Config): Effect.Effect<Lock.Lock, LockError, Scope.Scope> =>
  Effect.flatMap(Effect.mapError(Open.open(config), (fault) => lockError(config.name, fault)), lockOver)
