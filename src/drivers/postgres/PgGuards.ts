/**
 * Locks on PostgreSQL, with connections of their own. Each lock is a row with a lease and a token that grows.
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
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
interface Options extends ConnectionOptions, SchemaOptions {}

/**
 * Provides locks on PostgreSQL.
 *
 * **When to use**
 *
 * Use for `Guard.locked` and for transactions of caches. `CacheLayer.postgres` already provides such a lock.
 *
 * **Details**
 *
 * Works like `SqlLock.layer`, which takes the program's client. Fails with a `LockError` if the schema cannot be
 * opened. Throws a `CacheConfigError` for invalid options.
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
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, LockError> =>
  Layer.effect(Lock.Lock, lockFrom(openWith("PgLock.layer", options, ["schema"])))
