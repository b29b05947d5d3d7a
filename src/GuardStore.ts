/**
 * The place for the state of guards: limits, circuits and filters. A step on a state is a pure function, run as one
 * atomic step in the place, so a limit holds for all processes that share it.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as memory from "./internal/guard/memory.ts"
import type * as Port from "./ports/guardStore.ts"

export type { Block, Kind, Step } from "./ports/guardStore.ts"

/**
 * A place for the state of guards.
 * @category models
 * @since 0.1.0
 */
export type GuardStore = Port.GuardStore

/**
 * The place in use. Without one, guards keep their state in the memory of this process, separately for each cache.
 *
 * **When to use**
 *
 * `CacheLayer.disk` and the layers over Redis provide a place that all processes share. Provide one yourself if a
 * program has limits without such a cache, or if limits belong in another place than results.
 *
 * **Example** (A separate limit for a test)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Guard, GuardStore } from "effect-cached"
 *
 * const call = Effect.succeed("called").pipe(Guard.rateLimit({ key: "api", limit: 1, window: "1 minute" }))
 * const once = call.pipe(Effect.provide(GuardStore.layerMemory))
 * await Effect.runPromise(once) // => "called"
 * await Effect.runPromise(once) // => "called"
 * ```
 *
 * @see {@link layerMemory} for a place of this process
 * @see `SqliteGuardStore.layer` and `RedisGuardStore.layer` for places that processes share
 * @category services
 * @since 0.1.0
 */
export const GuardStore: Context.Reference<Port.GuardStore | undefined> = Context.Reference<
  Port.GuardStore | undefined
>("effect-cached/GuardStore", { defaultValue: () => undefined })

/**
 * Creates a place in the memory of this process, which shares nothing with another.
 *
 * **When to use**
 *
 * Use if the program needs the place itself.
 *
 * **Example** (Counting calls)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Guard, GuardStore } from "effect-cached"
 *
 * const store = GuardStore.makeMemory()
 * const call = Effect.succeed("called").pipe(
 *   Guard.rateLimit({ key: "api", limit: 1, window: "1 minute" }),
 *   Effect.catchTag("RateLimitExceeded", () => Effect.succeed("refused")),
 *   Effect.provideService(GuardStore.GuardStore, store)
 * )
 * await Effect.runPromise(Effect.all([call, call])) // => ["called", "refused"]
 * ```
 *
 * @see {@link layerMemory} for providing it
 * @category constructors
 * @since 0.1.0
 */
export const makeMemory = (): Port.GuardStore => memory.make()

/**
 * Provides a place in the memory of this process.
 *
 * **When to use**
 *
 * Use to keep the limits of a test or of a part of the program apart.
 *
 * **Example** (Keeping limits apart)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Guard, GuardStore } from "effect-cached"
 *
 * const call = Effect.succeed("called").pipe(Guard.rateLimit({ key: "api", limit: 1, window: "1 minute" }))
 * await Effect.runPromise(call.pipe(Effect.provide(GuardStore.layerMemory))) // => "called"
 * ```
 *
 * @see `SqliteGuardStore.layer` for processes of one machine
 * @see `RedisGuardStore.layer` for processes of several machines
 * @category layers
 * @since 0.1.0
 */
export const layerMemory: Layer.Layer<never> = Layer.sync(GuardStore, makeMemory)
