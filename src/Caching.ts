/**
 * The service that every combinator uses: the cache. A `CacheLayer` provides it, and programs name it only in types.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { CacheConfigError } from "./CacheError.ts"
import type { RemovalCause } from "./CacheEvent.ts"
import * as Defaults from "./internal/defaults/options.ts"
import { boundBytes as boundBytesOf } from "./internal/engine/boundBytes.ts"
import * as Cache from "./internal/engine/boundCache.ts"
import type { EngineOptions } from "./internal/engine/engine.ts"
import * as OverStore from "./internal/engine/overStore.ts"
import { plainHit } from "./internal/engine/read/plainHit.ts"
import type { Ratios } from "./internal/engine/telemetry/stats.ts"
import type { Counters } from "./internal/engine/telemetry/telemetry.ts"
import { policies } from "./internal/eviction/policies.ts"
import type { Key } from "./internal/key/ofKey.ts"

/**
 * The statistics of a cache since its layer was built, as returned by `Cached.stats`.
 * @category models
 * @since 0.1.0
 */
export interface Stats extends Readonly<Counters>, Ratios {
  /** The number of entries evicted because the memory tier was full. */
  readonly evictions: number
  /** The total weight of all evicted entries. */
  readonly evictedWeight: number
  /** The number of entries that left the memory tier, for each cause that `Cached.onRemoval` reports. */
  readonly removals: { readonly [cause in RemovalCause]: number }
  /** The number of unexpired entries in memory. Entries of an invalidated tag count until read, listed or removed. */
  readonly size: number
  /** The total weight of the entries in the memory tier. Without a `weigher` each entry weighs 1. */
  readonly weight: number
  /** The same counters for each key class. Operations on string keys, or without a key, count only in the totals. */
  readonly classes: { readonly [keyClass: string]: Readonly<Counters> & Ratios }
  /** Gets the hit ratios at other capacities. Fails without the layer's option `curve: true`. Not enumerable. */
  readonly curve: Effect.Effect<Curve, CacheConfigError>
}

/**
 * The hit ratios that the memory tier would have had at other capacities, as returned by the `curve` of `Cached.stats`.
 * @category models
 * @since 0.1.0
 */
export interface Curve {
  /** The current capacity of the memory tier, in entries or weight. */
  readonly capacity: number
  /** The number of reads on which the curve is based. */
  readonly reads: number
  /** The share of ids that are sampled. A smaller share makes a coarser curve. */
  readonly share: number
  /** Capacities in ascending order, with their hit ratios. A capacity above the last one would not add any hits. */
  readonly points: ReadonlyArray<{ readonly capacity: number; readonly hitRatio: number }>
}

/**
 * A cache as an opaque value. Programs use it through `Cached` and `CachePolicy`.
 * @category models
 * @since 0.1.0
 */
export interface Shape {
  readonly [Cache.TypeId]: typeof Cache.TypeId
}

/**
 * The service tag of the cache in use. `Effect<A, E, Caching>` is an effect that needs a cache.
 *
 * **Example** (Requiring a cache)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, type Caching } from "effect-cached"
 *
 * const answer: Effect.Effect<number, never, Caching.Caching> = Effect.succeed(42).pipe(
 *   Cached.ttl("answer", { ttl: "1 hour" })
 * )
 * await Effect.runPromise(answer.pipe(Effect.provide(CacheLayer.memory()))) // => 42
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Caching extends Context.Service<Caching, Shape>()("effect-cached/Caching") {}

/** The parts and limits of a cache. @internal */
export interface MakeOptions extends EngineOptions {}

/** The parts and limits of a cache whose layer gets no options. @internal */
export const defaults: MakeOptions = {
  ...Defaults.layer,
  eviction: policies.adaptive,
  store: undefined,
  readDefaults: Defaults.noReadDefaults,
  strategy: undefined,
  refresh: {
    ...Defaults.refresh,
    retry: undefined
  }
}

/** Makes a cache that closes with its scope. Layers have checked its options. @internal */
export const make: (options: MakeOptions) => Effect.Effect<Shape, never, Scope.Scope> = OverStore.make

/** A cache that caches nothing: every effect runs as if it were not cached. @internal */
export const disabled: Shape = Cache.disabled

/** Bounds the bytes in memory of some key classes, together, unless the layer weighs its entries. @internal */
export const boundBytes = (caching: Shape, classes: ReadonlyArray<string>, most: number): void =>
  Cache.cacheOf(caching).perform(boundBytesOf, classes, most)

const ofMemory: Cache.Operation<
  [fiber: Fiber.Fiber<any, any>, key: Key, use: (value: never) => unknown],
  unknown
> = { over: plainHit, without: () => undefined, keyOf: (_, key) => key }

/** A plain hit in memory at once, as `plainHit` says. `undefined`: read as usual. @internal */
export const hitNow = <V, A>(
  caching: Shape,
  fiber: Fiber.Fiber<any, any>,
  key: Key,
  use: (value: V) => A | undefined
): A | undefined => {
  const cache = Cache.cacheOf(caching)
  const isPlain = cache.policy === undefined && cache.prepared === undefined
  return isPlain && Cache.cacheOfKey(cache, key).copy === undefined
    ? cache.perform(ofMemory, fiber, key, use as (value: never) => unknown) as A | undefined
    : undefined
}
