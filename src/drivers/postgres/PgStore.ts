/**
 * A store on PostgreSQL with connections of its own. Processes on many machines share its entries, tags and counters.
 * Requires the package `@effect/sql-pg` and PostgreSQL 13 or newer.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../CacheError.ts"
import * as Store from "../../ports/stores.ts"
import { type ConnectionOptions, type StoreOptions, storeOptions } from "../sql/options.ts"
import { storeOver } from "../sql/store/store.ts"
import { openWith } from "./client.ts"

/**
 * How to connect to the server, the schema, and the limit for values.
 * @category options
 * @since 0.1.0
 */
export interface Options extends ConnectionOptions, StoreOptions {}

/**
 * Opens a store on PostgreSQL until the scope closes.
 *
 * **When to use**
 *
 * Use if the program needs the store as a value, and has no SQL client of its own.
 *
 * **Details**
 *
 * Works and fails like `SqlStore.make`, which takes the program's client. Throws a `CacheConfigError` for invalid
 * options. No message contains the URL or the password.
 *
 * **Example** (Counting in a database)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { PgStore } from "effect-cached/postgres"
 *
 * const program = Effect.flatMap(
 *   PgStore.make({ url: "postgres://cache@127.0.0.1/shop", schema: "cache" }),
 *   (store) => store.increment("visits", 1)
 * )
 * await Effect.runPromise(Effect.scoped(program))
 * ```
 *
 * @see {@link layer} for providing the store
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<Store.Store, StoreError, Scope.Scope> =>
  Effect.flatMap(openWith("PgStore.make", options, storeOptions), storeOver)

/**
 * Provides a store on PostgreSQL.
 *
 * **When to use**
 *
 * Use to build a cache with custom options. `CacheLayer.postgres` is a ready-made cache.
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
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.layer.pipe(Layer.provide(store))))) // => 42
 * ```
 *
 * @see {@link make} for the guarantees of the store
 * @see `CacheLayer.postgres` for a cache over such a store
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Store.Store, StoreError> => Store.layer(make(options))
