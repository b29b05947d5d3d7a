/**
 * Locks and the state of guards on PostgreSQL, with connections of their own.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StoreError } from "../../CacheError.ts"
import { lockAndGuards } from "../shared/lockAndGuards.ts"
import type { ConnectionOptions, SchemaOptions } from "../shared/sql/options.ts"
import { openWith } from "./client.ts"
import { guardsOver } from "./guards.ts"
import { lockOver } from "./locks.ts"

/**
 * How to connect to the server, and the schema.
 * @category options
 * @since 0.1.0
 */
interface Options extends ConnectionOptions, SchemaOptions {}

/**
 * Provides a lock and a guard store on PostgreSQL.
 *
 * **When to use**
 *
 * Use for locks and limits that many processes share. `CacheLayer.postgres` already provides both in its schema.
 *
 * **Details**
 *
 * Works like `SqlGuards.layer`, which takes the program's client. Throws a `CacheConfigError` for invalid options.
 *
 * **Example** (Limiting calls)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 * import { PgGuards } from "effect-cached/postgres"
 *
 * const guards = PgGuards.layer({ url: "postgres://cache@127.0.0.1/shop" })
 *
 * const call = Effect.succeed("called").pipe(Guard.rateLimit({ key: "api", limit: 1, window: "1 minute" }))
 * await Effect.runPromise(call.pipe(Effect.provide(guards))) // => "called"
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, StoreError> =>
  Layer.effectContext(
    Effect.map(
      openWith("PgGuards.layer", options, ["schema"]),
      (session) => lockAndGuards(lockOver(session), guardsOver(session))
    )
  )
