/**
 * The service behind every combinator: a cache. A `CacheLayer` provides it; programs name it in types only.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { RemovalCause } from "./CacheEvent.ts"
import * as Eviction from "./Eviction.ts"
import * as Defaults from "./internal/defaults/options.ts"
import * as Cache from "./internal/engine/boundCache.ts"
import type { EngineOptions } from "./internal/engine/engine.ts"
import * as OverStore from "./internal/engine/overStore.ts"
import type { Ratios } from "./internal/engine/telemetry/stats.ts"
import type { Counters } from "./internal/engine/telemetry/telemetry.ts"

export type { Known } from "./CacheEntry.ts"
export type { Progress } from "./CacheEvent.ts"

/**
 * The counts of a cache since its layer was built: `Cached.stats`.
 * @category models
 * @since 0.1.0
 */
export interface Stats extends Readonly<Counters>, Ratios {
  /** Entries that left the memory tier because it was full. */
  readonly evictions: number
  /** The total weight of those entries. */
  readonly evictedWeight: number
  /** Entries that left the memory tier, by cause: the causes of `Cached.onRemoval`. */
  readonly removals: { readonly [cause in RemovalCause]: number }
  /** Unexpired entries in the memory tier. Those invalidated by a tag count until they are read, listed or removed. */
  readonly size: number
  /** The total weight of those entries. Without a `weigher` each weighs 1. */
  readonly weight: number
  /** The counts by key class. String keys, and counts without a key, are only in the totals. */
  readonly classes: { readonly [keyClass: string]: Readonly<Counters> & Ratios }
}

/**
 * The hit ratio that the memory tier would have had at other capacities: `Cached.curve`.
 * @category models
 * @since 0.1.0
 */
export interface Curve {
  /** The current bound of memory, in entries or weight. */
  readonly capacity: number
  /** The reads of memory that were counted. */
  readonly reads: number
  /** The share of ids that are sampled. The smaller it is, the coarser the curve. */
  readonly share: number
  /** Capacities in ascending order, with their hit ratios. A larger capacity than the last gains nothing. */
  readonly points: ReadonlyArray<{ readonly capacity: number; readonly hitRatio: number }>
}

/**
 * A cache as an opaque value. Only `Cached` and `CachePolicy` look into it.
 * @category models
 * @since 0.1.0
 */
export interface Shape {
  readonly [Cache.TypeId]: typeof Cache.TypeId
}

/**
 * The cache in use. `Effect<A, E, Caching>` is an effect that needs one.
 *
 * **Example** (Requiring a cache)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, type Caching } from "effect-cached"
 *
 * const answer: Effect.Effect<number, never, Caching.Caching> = Effect.succeed(42).pipe(
 *   Cached.ttl({ key: "answer", ttl: "1 hour" })
 * )
 * await Effect.runPromise(answer.pipe(Effect.provide(CacheLayer.memory()))) // => 42
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Caching extends Context.Service<Caching, Shape>()("effect-cached/Caching") {}

/**
 * The parts and limits of a cache, for `make`. Not validated here: the layers validate their options.
 * @see {@link make}
 * @category models
 * @since 0.1.0
 */
export interface MakeOptions extends EngineOptions {}

/**
 * The parts and limits of a cache whose layer has no options.
 *
 * **Example** (Reading a default)
 *
 * ```ts
 * import { Caching } from "effect-cached"
 *
 * Caching.defaults.capacity // => 10_000
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export const defaults: MakeOptions = {
  ...Defaults.layer,
  eviction: Eviction.adaptive,
  store: undefined,
  readDefaults: Defaults.noReadDefaults,
  strategy: undefined,
  refresh: {
    ...Defaults.refresh,
    retry: undefined
  }
}

/**
 * Makes a cache that closes with its scope.
 *
 * **When to use**
 *
 * Use in a custom layer. Programs use `CacheLayer`, which validates its options.
 *
 * **Example** (Making a small cache)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, Caching } from "effect-cached"
 *
 * const layer = Layer.effect(Caching.Caching, Caching.make({ ...Caching.defaults, capacity: 2 }))
 * await Effect.runPromise(Effect.andThen(Cached.set("answer", 42), Cached.size).pipe(Effect.provide(layer))) // => 1
 * ```
 *
 * @see `CacheLayer.memory` for a layer with validated options
 * @category constructors
 * @since 0.1.0
 */
export const make: (options: MakeOptions) => Effect.Effect<Shape, never, Scope.Scope> = OverStore.make

/**
 * A cache that caches nothing: every effect runs unwrapped.
 *
 * **When to use**
 *
 * Use as the value of a service. Programs use the layer `CacheLayer.disabled`.
 *
 * **Example** (Providing no cache)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, Caching } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "count", ttl: "1 hour" }))
 * const twice = Effect.all([count, count]).pipe(Effect.provideService(Caching.Caching, Caching.disabled))
 * await Effect.runPromise(twice) // => [1, 2]
 * ```
 *
 * @see `CacheLayer.disabled` for a layer
 * @category constructors
 * @since 0.1.0
 */
export const disabled: Shape = Cache.disabled
