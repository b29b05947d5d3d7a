/**
 * A store on PostgreSQL or SQLite, over the SQL client that the program already has. On PostgreSQL, processes on many
 * machines share its entries, tags and counters.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { SqlClient } from "effect/sql/SqlClient"
import type { StoreError } from "../../CacheError.ts"
import { refuseUnknown } from "../../internal/options/options.ts"
import * as Store from "../../ports/stores.ts"
import { configOf, type StoreOptions, storeOptions } from "../shared/sql/options.ts"
import { openStore } from "./stores.ts"

/**
 * The schema of the database, and the limit for values.
 * @category options
 * @since 0.1.0
 */
export interface Options extends StoreOptions {}

const what = "SqlStore.layer"

/**
 * Provides a store on PostgreSQL or SQLite over the program's SQL client.
 *
 * **When to use**
 *
 * Use to build a cache with custom options. `CacheLayer.sql` is a ready-made cache.
 *
 * **Details**
 *
 * - Needs a client for SQLite, or for PostgreSQL 13 or newer, like that of `@effect/sql-pg`. Creates the schema with
 *   its tables and functions, if they do not exist. A schema of a newer release is left as it is.
 * - Fails with a `StoreError` if the server is unreachable (reason `Unavailable`), if the user may not create the
 *   schema (`Denied`), or if the client or the schema is of another kind (`Unsupported`). Throws a `CacheConfigError`
 *   for invalid options.
 * - Statements run outside of the program's open transaction. Each is one atomic step by the server's clock.
 * - Changes by other processes arrive by `LISTEN`, which takes one connection. If the client has fewer than three
 *   connections, or if a pooler drops notifications, the store asks for changes every 25 ms instead.
 * - The names of entries, tags and counters, and all values, are parameters and never a part of a statement.
 * - On SQLite (also D1, libSQL and Turso), the store is for one process at a time, and reports no changes.
 *
 * **Example** (Caching in a database)
 *
 * ```ts no-run
 * import { PgClient } from "@effect/sql-pg"
 * import { Effect, Layer, Redacted } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { SqlStore } from "effect-cached/sql"
 *
 * const client = PgClient.layer({ url: Redacted.make("postgres://app@127.0.0.1/shop") })
 * const cache = CacheLayer.layer().pipe(Layer.provide(SqlStore.layer({ schema: "cache" })), Layer.provide(client))
 *
 * const program = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @see `CacheLayer.sql` for a cache over such a store
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Store.Store, StoreError, SqlClient> => {
  refuseUnknown(what, options, storeOptions)
  return Layer.effect(Store.Store, Effect.map(openStore(configOf(what, options)), ({ store }) => store))
}
