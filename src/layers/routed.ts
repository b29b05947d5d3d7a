/**
 * One cache made of several: each key belongs to one of them.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { infoOf } from "../cached/targets.ts"
import type { AnyClass } from "../CacheKey.ts"
import * as Caching from "../Caching.ts"
import { cacheOf } from "../internal/engine/boundCache.ts"
import { checkOptions, mistake, refuseUnless, requireList } from "../internal/options/options.ts"
import { mainOf, make, type Table } from "./routedCache.ts"

type AnyCache = Layer.Layer<Caching.Caching, any, any>

/**
 * The options of `routed`.
 * @category options
 * @since 0.1.0
 */
interface RoutedOptions<D extends AnyCache = AnyCache, C extends AnyCache = AnyCache> {
  /** The cache of all keys without a route. */
  readonly default: D
  /**
   * Pairs of a route and its cache. A route is a key class, or a prefix of string keys, like `"user:"`. If several
   * prefixes match, the longest one counts.
   */
  readonly routes: ReadonlyArray<readonly [route: AnyClass | string, cache: C]>
}

/**
 * A cache that keeps the entries of some key classes, or of string keys with some prefix, in caches of their own. The
 * program does not name these caches.
 *
 * **When to use**
 *
 * Use if some results belong in another store than the rest, such as sessions in Redis and pages on disk, and an
 * operator or the edge of the program decides it. If the code decides, use `named` and `Cached.withCache`.
 *
 * **Details**
 *
 * - Bulk calls ask each cache for its keys, and return the results in the order of the call. A bulk load becomes one
 *   call for each cache.
 * - Tags, classes and patterns are invalidated in every cache. `Cached.size`, `scan`, `entries`, `hottest`, `clear`,
 *   `ping`, `stats` and events cover all caches.
 * - Counters are routed by their names, like string keys. Guards and locks are those of the cache that a transaction
 *   changes.
 * - A transaction changes only the cache of `default` or, if that is `CacheLayer.disabled`, the only other cache. It
 *   dies with a `CacheConfigError` when it changes an entry of another route, or a tag, because it could not undo that,
 *   and if `default` is disabled and there are several others. It reads entries of other routes as they are.
 * - `Cached.resize`, and the curve of `Cached.stats`, die with a `CacheConfigError`. So does a layer that has
 *   `CacheMetrics.layer` around this one, or `withDisabled` inside it: measure each cache, and disable operations for
 *   all.
 * - The options `strategy` and `copy` of each cache apply to its own keys.
 *
 * **Example** (Keeping weather reports apart)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * class Weather extends CacheKey.Class<Weather>()("Weather", {
 *   payload: { city: Schema.String },
 *   success: Schema.Number
 * }) {}
 *
 * const cache = CacheLayer.routed({
 *   default: CacheLayer.memory(),
 *   routes: [[Weather, CacheLayer.memory({ capacity: 2 })]]
 * })
 * const program = Effect.gen(function*() {
 *   for (const city of ["Berlin", "Oslo", "Lima"]) yield* Cached.set(new Weather({ city }), 20)
 *   for (const name of ["a", "b", "c"]) yield* Cached.set(name, 1)
 *   return yield* Cached.size
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => 5
 * ```
 *
 * @see {@link named} for a cache that effects choose by its name
 * @category layers
 * @since 0.1.0
 */
export const routed = <D extends AnyCache, const C extends AnyCache = never>(
  options: RoutedOptions<D, C>
): Layer.Layer<Caching.Caching, Layer.Error<D | C>, Layer.Services<D | C>> => {
  const what = "CacheLayer.routed"
  checkOptions<RoutedOptions>(what, options, {
    default: (given) => requireCache("default", given),
    routes: (given) => requireList(`routes of ${what}`, given, "pair of a route and its cache")
  })
  const routes = Array.from(options.routes)
  for (const pair of routes) {
    refuseUnless(Array.isArray(pair), `Each route of ${what} must be a pair like ["user:", CacheLayer.memory()]`)
  }
  const layers: ReadonlyArray<AnyCache> = [options.default, ...routes.map(([, cache]) => cache)]
  const classes = new Map<string, number>()
  const prefixes = new Map<string, number>()
  for (const [i, [route, cache]] of routes.entries()) {
    const [name, known] = typeof route === "string"
      ? [route, prefixes] as const
      : [infoOf(`each route of ${what} that is not a prefix`, route).name, classes] as const
    refuseUnless(name !== "", `A prefix in ${what} is empty: the cache of all other keys is its default`)
    refuseUnless(!known.has(name), `${what} has two routes for "${name}"`)
    requireCache(`the route "${name}"`, cache)
    known.set(name, i + 1)
  }
  return Layer.fromBuild((memoMap, scope) =>
    Effect.map(
      Effect.forEach(layers, (layer) => Layer.buildWithMemoMap(layer, memoMap, scope)),
      (built) => {
        const given = built.map((context) => Context.get(context, Caching.Caching))
        // Routes with the same layer share its cache, which must be asked and counted once.
        const shapes = Array.from(new Set(given))
        const caches = shapes.map(cacheOf)
        refuseUnless(
          caches.every(({ policy }) => policy === undefined),
          `${what} cannot disable operations for single routes: put CacheLayer.withDisabled around it, not inside it`
        )
        const of = (route: number): number => shapes.indexOf(given[route]!)
        const table: Table = {
          classes: new Map(Array.from(classes, ([name, route]) => [name, of(route)])),
          prefixes: Array.from(prefixes, ([prefix, route]) => ({ prefix, route: of(route) }))
            .toSorted((a, b) => b.prefix.length - a.prefix.length)
        }
        const [usual, ...others] = caches
        const all = [usual!, ...others] as const
        return Context.add(built[given.indexOf(shapes[mainOf(all)]!)]!, Caching.Caching, make(all, table))
      }
    )
  )
}

const requireCache = (name: string, cache: unknown): void => {
  if (!Layer.isLayer(cache)) throw mistake(`CacheLayer.routed needs a layer for ${name}, like CacheLayer.memory()`)
}
