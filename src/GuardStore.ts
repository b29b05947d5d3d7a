/**
 * The store for the state of guards: rate limits, circuit breakers and filters. A guard changes its state with a pure
 * function that the guard store runs atomically, so a limit holds for all processes that share the guard store.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Port from "./ports/guardStore.ts"

export type { Kind, Step } from "./ports/guardStore.ts"

/**
 * A store for the state of guards.
 * @category models
 * @since 0.1.0
 */
export type GuardStore = Port.GuardStore

/**
 * The guard store in use. By default there is none, and guards keep their state in memory, separately for each cache.
 *
 * **When to use**
 *
 * `CacheLayer.disk` and the layers over Redis provide a guard store that all processes share. Provide a guard store
 * yourself if a program has limits without such a cache, or if limits and results belong in different stores.
 *
 * **Example** (A separate limit for a test)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 * import { MemoryGuards } from "effect-cached/memory"
 *
 * const call = Effect.succeed("called").pipe(Guard.rateLimit({ key: "api", limit: 1, window: "1 minute" }))
 * const once = call.pipe(Effect.provide(MemoryGuards.layer))
 * await Effect.runPromise(once) // => "called"
 * await Effect.runPromise(once) // => "called"
 * ```
 *
 * @see `MemoryGuards.layer` for a guard store in the memory of this process
 * @see `SqliteGuards.layer` and `RedisGuards.layer` for guard stores that processes share
 * @category services
 * @since 0.1.0
 */
export const GuardStore: Context.Reference<Port.GuardStore | undefined> = Context.Reference<
  Port.GuardStore | undefined
>("effect-cached/GuardStore", { defaultValue: () => undefined })
