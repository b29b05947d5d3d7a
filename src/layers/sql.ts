/**
 * The layer of a cache in a database, over the SQL client of the program.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import { configOf, type StoreOptions, storeOptions } from "../drivers/shared/sql/options.ts"
import { loading } from "./loading.ts"
import { checkLayer, type LayerOptions } from "./options.ts"
import { overServer, unchecked } from "./overServer.ts"

/**
 * The options of `sql`.
 * @category options
 * @since 0.1.0
 */
export interface SqlOptions extends LayerOptions, StoreOptions {}

/**
 * A cache in a PostgreSQL or SQLite database that the program already uses, with a memory tier in front.
 *
 * **When to use**
 *
 * Use if the program has an SQL client anyway, and processes on many machines should share a cache.
 *
 * **Details**
 *
 * - The layer needs a client for SQLite, or for PostgreSQL 13 or newer, like that of `@effect/sql-pg`. Its tables are
 *   in a schema of their own, which the layer creates.
 * - On SQLite (also D1, libSQL and Turso), the cache is for one process at a time, with the locks and guards of that
 *   process.
 * - The layer fails with a `StoreError` if the server is unreachable, if the user may not create the schema, or if a
 *   newer release has written it. While a running cache cannot reach the server, it serves from memory and loads.
 * - The cache's own statements run outside of the program's transactions. Inside an open transaction, reads bypass the
 *   cache, and invalidations take effect after the commit.
 * - On PostgreSQL, the layer also provides a `Lock` and a `GuardStore`, shared by all processes with the same schema. A
 *   `Lock` or `GuardStore` that the program provides to the layer (`Layer.provide`), or around it, takes precedence.
 *
 * **Example** (Caching in the program's database)
 *
 * ```ts no-run
 * import { PgClient } from "@effect/sql-pg"
 * import { Effect, Layer, Redacted } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const client = PgClient.layer({ url: Redacted.make("postgres://app@127.0.0.1/shop") })
 * const cache = CacheLayer.sql({ schema: "cache" }).pipe(Layer.provide(client))
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @see {@link postgres} for a cache with a client of its own
 * @category layers
 * @since 0.1.0
 */
export const sql = (options: SqlOptions = {}): Layer.Layer<Caching.Caching, StoreError, SqlClient> => {
  const what = "CacheLayer.sql"
  const checked = checkLayer(what, options, unchecked<StoreOptions>(storeOptions))
  const config = configOf(what, options)
  const parts = loading("sql", () => import("#node/drivers/sql/parts"))
  return overServer(checked, Effect.flatMap(parts, ({ openStore }) => openStore(config)))
}
