/**
 * A store on PostgreSQL with connections of its own. Processes on many machines share its entries, tags and counters.
 * Requires the package `@effect/sql-pg` and PostgreSQL 13 or newer.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { StoreError } from "../../CacheError.ts"
import * as Store from "../../ports/stores.ts"
import { type ConnectionOptions, type StoreOptions, storeOptions } from "../shared/sql/options.ts"
import { openWith } from "./client.ts"
import { storeOver } from "./store/store.ts"

/**
 * How to connect to the server, the schema, and the limit for values.
 * @category options
 * @since 0.1.0
 */
export interface Options extends ConnectionOptions, StoreOptions {}

/**
 * Provides a store on PostgreSQL.
 *
 * **When to use**
 *
 * Use to build a cache with custom options. `CacheLayer.postgres` is a ready-made cache.
 *
 * **Details**
 *
 * Works and fails like `SqlStore.layer`, which takes the program's client. Throws a `CacheConfigError` for invalid
 * options. No message contains the URL or the password.
 *
 * **Example** (Caching in a database)
 *
 * ```ts no-run
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { PgStore } from "effect-cached/postgres"
 *
 * const store = PgStore.layer({ url: "postgres://cache@127.0.0.1/shop" })
 *
 * const program = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.layer().pipe(Layer.provide(store))))) // => 42
 * ```
 *
 * @see `CacheLayer.postgres` for a cache over such a store
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Store.Store, StoreError> =>
  Layer.effect(Store.Store, Effect.flatMap(openWith("PgStore.layer", options, storeOptions), storeOver))
