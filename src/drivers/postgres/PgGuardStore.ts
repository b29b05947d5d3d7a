/**
 * A guard store on PostgreSQL, with connections of its own, for limits that many processes share.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { StoreError } from "../../CacheError.ts"
import * as GuardStore from "../../GuardStore.ts"
import { guardsOver } from "../sql/guards.ts"
import type { ConnectionOptions, SchemaOptions } from "../sql/options.ts"
import { openWith } from "./client.ts"

/**
 * How to connect to the server, and the schema.
 * @category options
 * @since 0.1.0
 */
export interface Options extends ConnectionOptions, SchemaOptions {}

/**
 * Opens a guard store on PostgreSQL until the scope closes.
 *
 * **When to use**
 *
 * Use if the program needs the guard store as a value, and has no SQL client of its own.
 *
 * **Details**
 *
 * Works like `SqlGuardStore.make`, which takes the program's client. Throws a `CacheConfigError` for invalid options.
 *
 * **Example** (Limiting calls of all processes)
 *
 * ```ts no-run
 * import { Effect, Layer } from "effect"
 * import { Guard } from "effect-cached"
 * import { GuardStore } from "effect-cached/adapters"
 * import { PgGuardStore } from "effect-cached/postgres"
 *
 * const guards = Layer.effect(GuardStore.GuardStore, PgGuardStore.make({ url: "postgres://cache@127.0.0.1/shop" }))
 *
 * const call = Effect.succeed("called").pipe(Guard.rateLimit({ key: "api", limit: 100, window: "1 minute" }))
 * await Effect.runPromise(call.pipe(Effect.provide(guards))) // => "called"
 * ```
 *
 * @see {@link layer} for providing the guard store
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<GuardStore.GuardStore, StoreError, Scope.Scope> =>
  Effect.map(openWith("PgGuardStore.make", options, ["schema"]), guardsOver)

/**
 * Provides a guard store on PostgreSQL.
 *
 * **When to use**
 *
 * Use for limits that many processes share. `CacheLayer.postgres` already provides a guard store in its schema.
 *
 * **Example** (Limiting calls)
 *
 * ```ts no-run
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 * import { PgGuardStore } from "effect-cached/postgres"
 *
 * const guards = PgGuardStore.layer({ url: "postgres://cache@127.0.0.1/shop" })
 *
 * const call = Effect.succeed("called").pipe(Guard.rateLimit({ key: "api", limit: 1, window: "1 minute" }))
 * await Effect.runPromise(call.pipe(Effect.provide(guards))) // => "called"
 * ```
 *
 * @see {@link make} for the guarantees of the guard store
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<never, StoreError> =>
  Layer.effect(GuardStore.GuardStore, make(options))
