/**
 * The service behind every combinator: one cache. A `CacheLayer` provides it; programs name it in their types only.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Eviction from "./Eviction.ts"
import * as Defaults from "./internal/defaults.ts"
import * as Cache from "./internal/engine/cache.ts"
import type { EngineOptions } from "./internal/engine/engine.ts"
import type { Counters } from "./internal/engine/telemetry/counters.ts"

export type { Known } from "./CacheEntry.ts"
export type { Progress } from "./CacheEvent.ts"

/**
 * What a cache has done since its layer was built.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats extends Readonly<Counters> {
  /** entries that left the memory tier because it was full */
  readonly evictions: number
  /** entries in the memory tier now */
  readonly size: number
  /** the part of each key class, by its name; string keys and what concerns no key are in the totals alone */
  readonly classes: { readonly [keyClass: string]: Readonly<Counters> }
}

/**
 * A cache, to hand on: what a `CacheLayer` provides. What is in it is for `Cached` and `CachePolicy` alone.
 *
 * @category models
 * @since 0.1.0
 */
export interface Shape {
  readonly [Cache.TypeId]: typeof Cache.TypeId
}

/**
 * A cache. `Effect<A, E, Caching>` is an effect that uses one.
 *
 * @category services
 * @since 0.1.0
 */
export class Caching extends Context.Service<Caching, Shape>()("effect-cached/Caching") {}

/**
 * What a cache is made of: everything is already checked, see `CacheLayer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MakeOptions extends EngineOptions {}

/**
 * What a cache is made of where its layer says nothing else.
 *
 * @category models
 * @since 0.1.0
 */
export const defaults: MakeOptions = {
  ...Defaults.layer,
  eviction: Eviction.lru,
  store: undefined,
  refresh: {
    ...Defaults.refresh,
    retry: Schedule.exponential(Defaults.refreshRetries.firstMillis).pipe(
      Schedule.jittered,
      Schedule.upTo({ times: Defaults.refreshRetries.times })
    )
  }
}

/**
 * Makes a cache that closes with its scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (options: MakeOptions) => Effect.Effect<Shape, never, Scope.Scope> = Cache.make

/**
 * A cache that caches nothing: every effect runs as if it were not wrapped.
 *
 * @category constructors
 * @since 0.1.0
 */
export const disabled: Shape = Cache.disabled
