/**
 * Locks and the state of guards on PostgreSQL, over the SQL client that the program already has.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { StoreError } from "../../CacheError.ts"
import { guardsOver } from "../postgres/guards.ts"
import { lockOver } from "../postgres/locks.ts"
import { openWith } from "../postgres/session/open.ts"
import { lockAndGuards } from "../shared/lockAndGuards.ts"
import type { SchemaOptions } from "../shared/sql/options.ts"

/**
 * The schema of the database.
 * @category options
 * @since 0.1.0
 */
interface Options extends SchemaOptions {}

/**
 * Provides a lock and a guard store on PostgreSQL over the program's SQL client.
 *
 * **When to use**
 *
 * Use for locks and limits that many processes share. `CacheLayer.sql` already provides both in its schema.
 *
 * **Details**
 *
 * - A caller that waits for a lock tries again every 50 ms. A lock that was not renewed is free when its lease ends, by
 *   the server's clock.
 * - Locks are rows and not advisory locks. So they take no connection while they are held, work behind poolers, and
 *   have tokens that grow.
 * - A step of a guard takes two statements, and one more for each other process that changed the same state meanwhile.
 * - Fails with a `StoreError` if the schema cannot be opened. Throws a `CacheConfigError` for invalid options.
 *
 * **Example** (Limiting calls)
 *
 * ```ts no-run
 * import { PgClient } from "@effect/sql-pg"
 * import { Effect, Layer, Redacted } from "effect"
 * import { Guard } from "effect-cached"
 * import { SqlGuards } from "effect-cached/sql"
 *
 * const client = PgClient.layer({ url: Redacted.make("postgres://app@127.0.0.1/shop") })
 * const guards = SqlGuards.layer().pipe(Layer.provide(client))
 *
 * const call = Effect.succeed("called").pipe(Guard.rateLimit({ key: "api", limit: 1, window: "1 minute" }))
 * await Effect.runPromise(call.pipe(Effect.provide(guards))) // => "called"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<never, StoreError, SqlClient> =>
  Layer.effectContext(
    Effect.map(
      openWith("SqlGuards.layer", options, ["schema"]),
      (session) => lockAndGuards(lockOver(session), guardsOver(session))
    )
  )
