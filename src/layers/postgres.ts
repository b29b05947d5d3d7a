/**
 * The layer of a cache in a PostgreSQL database.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { StoreError } from "../CacheError.ts"
import type * as Caching from "../Caching.ts"
import {
  configOf,
  connectionOf,
  type ConnectionOptions,
  connectionOptions,
  type StoreOptions,
  storeOptions
} from "../drivers/shared/sql/options.ts"
import { loading } from "./loading.ts"
import { checkLayer, type LayerOptions } from "./options.ts"
import { overServer, unchecked } from "./overServer.ts"

/**
 * The options of `postgres`.
 * @category options
 * @since 0.1.0
 */
export interface PostgresOptions extends LayerOptions, StoreOptions, ConnectionOptions {}

/**
 * A cache in a PostgreSQL database, with a memory tier in front. Processes on many machines can share the cache.
 *
 * **When to use**
 *
 * Use if several machines need the same results, and there is a PostgreSQL but no Redis.
 *
 * **Details**
 *
 * - The layer needs the package `@effect/sql-pg` and PostgreSQL 13 or newer. Its tables are in a schema of their own,
 *   which the layer creates.
 * - The layer fails with a `StoreError` if the server is unreachable, if the user may not create the schema, or if a
 *   newer release has written it. While a running cache cannot reach the server, it serves from memory and loads.
 * - Changes by other processes arrive by `LISTEN` and `NOTIFY` within a few milliseconds. Behind a pooler that drops
 *   notifications, the cache asks for changes every 25 ms.
 * - The layer also provides a `Lock` and a `GuardStore`, shared by all processes with the same schema. A `Lock` or
 *   `GuardStore` that the program provides to the layer (`Layer.provide`), or around it, takes precedence.
 *
 * **Example** (Sharing results among machines)
 *
 * ```ts no-run
 * import { Effect, Redacted } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const cache = CacheLayer.postgres({
 *   url: "postgres://cache@db.example.org/shop?sslmode=require",
 *   password: Redacted.make("secret")
 * })
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @see {@link sql} for a cache over the client that the program already has
 * @see {@link redis} for a faster server
 * @category layers
 * @since 0.1.0
 */
export const postgres = (options: PostgresOptions): Layer.Layer<Caching.Caching, StoreError> => {
  const what = "CacheLayer.postgres"
  const checked = checkLayer(
    what,
    options,
    unchecked<StoreOptions & ConnectionOptions>([...storeOptions, ...connectionOptions])
  )
  const config = configOf(what, options)
  const connection = connectionOf(what, options)
  const parts = loading("sql", () => import("#node/drivers/postgres/parts"))
  return overServer(
    checked,
    Effect.flatMap(parts, ({ openAt, openedOver }) => Effect.flatMap(openAt(config, connection), openedOver))
  )
}
