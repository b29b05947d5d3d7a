/**
 * Locks on PostgreSQL, over the SQL client that the program already has. Each lock is a row with a lease and a token.
 * @since 0.1.0
 */
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { LockError } from "../../CacheError.ts"
import * as Lock from "../../Lock.ts"
import { lockFrom } from "./locks.ts"
import type { SchemaOptions } from "./options.ts"
import { openWith } from "./session/open.ts"

/**
 * The schema of the database.
 * @category options
 * @since 0.1.0
 */
interface Options extends SchemaOptions {}

/**
 * Provides locks on PostgreSQL over the program's SQL client.
 *
 * **When to use**
 *
 * Use for `Guard.locked` and for transactions of caches. `CacheLayer.sql` already provides such a lock.
 *
 * **Details**
 *
 * - A waiting caller tries again every 50 ms. A lock that was not renewed is free when its lease ends, by the server's
 *   clock.
 * - Locks are rows and not advisory locks. So they take no connection while they are held, work behind poolers, and
 *   have tokens that grow.
 * - Fails with a `LockError` if the schema cannot be opened. Throws a `CacheConfigError` for invalid options.
 *
 * **Example** (Providing locks)
 *
 * ```ts no-run
 * import { PgClient } from "@effect/sql-pg"
 * import { Effect, Layer, Redacted } from "effect"
 * import { Guard } from "effect-cached"
 * import { SqlLock } from "effect-cached/sql"
 *
 * const client = PgClient.layer({ url: Redacted.make("postgres://app@127.0.0.1/shop") })
 * const locks = SqlLock.layer().pipe(Layer.provide(client))
 *
 * const report = Effect.succeed("done").pipe(Guard.locked({ key: "report" }))
 * await Effect.runPromise(report.pipe(Effect.provide(locks))) // => "done"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never, LockError, SqlClient> =>
  Layer.effect(Lock.Lock, lockFrom(openWith("SqlLock.layer", options, ["schema"])))
