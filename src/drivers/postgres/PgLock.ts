/**
 * Locks on PostgreSQL, with connections of their own. Each lock is a row with a lease and a token that grows.
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { LockError } from "../../CacheError.ts"
import * as Lock from "../../Lock.ts"
import { lockFrom } from "../sql/locks.ts"
import type { ConnectionOptions, SchemaOptions } from "../sql/options.ts"
import { openWith } from "./client.ts"

/**
 * How to connect to the server, and the schema.
 * @category options
 * @since 0.1.0
 */
export interface Options extends ConnectionOptions, SchemaOptions {}

/**
 * Opens locks on PostgreSQL until the scope closes.
 *
 * **When to use**
 *
 * Use for work that one process of many may do at a time, if the program has no SQL client of its own.
 *
 * **Details**
 *
 * Works like `SqlLock.make`, which takes the program's client. Fails with a `LockError` if the schema cannot be opened.
 * Throws a `CacheConfigError` for invalid options.
 *
 * **Example** (Locking in a database)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { PgLock } from "effect-cached/postgres"
 *
 * const program = Effect.flatMap(
 *   PgLock.make({ url: "postgres://cache@127.0.0.1/shop" }),
 *   (lock) => lock.acquire("report", { lease: "10 seconds", wait: 0 })
 * )
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link layer} for providing the locks
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Lock.Lock, LockError, Scope.Scope> =>
  lockFrom(openWith("PgLock.make", options, ["schema"]))

/**
 * Provides locks on PostgreSQL.
 *
 * **When to use**
 *
 * Use for `Guard.locked` and for transactions of caches. `CacheLayer.postgres` already provides such a lock.
 *
 * **Example** (Providing locks)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 * import { PgLock } from "effect-cached/postgres"
 *
 * const report = Effect.succeed("done").pipe(Guard.locked({ key: "report" }))
 * const locks = PgLock.layer({ url: "postgres://cache@127.0.0.1/shop" })
 * await Effect.runPromise(report.pipe(Effect.provide(locks))) // => "done"
 * ```
 *
 * @see {@link make} for the guarantees of the locks
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, LockError> => Layer.effect(Lock.Lock, make(options))
