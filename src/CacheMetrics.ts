/**
 * The numbers of a cache as metrics of Effect, for Prometheus, OTLP and any other exporter of `effect/Metric`.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import { Caching } from "./Caching.ts"
import { metrics } from "./internal/defaults/options.ts"
import { cacheOf } from "./internal/engine/boundCache.ts"
import * as Operations from "./internal/engine/operationTable.ts"
import { checkOptions, type Checks, nameOfCache, positiveCount, refuseUnless } from "./internal/options/options.ts"
import * as Meters from "./metrics/meter.ts"
import * as Series from "./metrics/series.ts"

/**
 * Options for {@link layer}.
 * @category options
 * @since 0.1.0
 */
interface Options {
  /** The label `cache` of all series. @default "default" */
  readonly name?: string | undefined
  /** How many key classes have series of their own. All other classes share those of the class `other`. @default 100 */
  readonly maxClasses?: number | undefined
}

const checks: Checks<Options> = {
  name: nameOfCache,
  maxClasses: positiveCount("maxClasses")
}

/**
 * Adds metrics to a cache. The series are in the metric registry of the context in which the layer is built, which
 * exporters read: `PrometheusMetrics`, `Otlp` and `DevTools` of Effect. They leave with the layer.
 *
 * **When to use**
 *
 * Use to see hit ratios, load times and the state of the store on a dashboard. For numbers inside the program, use
 * `Cached.stats`.
 *
 * **Details**
 *
 * - Nothing is pushed: the series are read from the cache when an exporter looks. A hit in memory costs nothing more.
 * - Labels are `cache`, `class` (the name of the key class, empty for string keys) and those of the metric, but never a
 *   key, a tag or a value. The number of series is bounded by `maxClasses`.
 * - If a second cache has the same name, its series have the label `cache_instance`, and one warning is logged.
 *
 * **Example** (Counting reads by source)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { PrometheusMetrics } from "effect/observability"
 * import { Cached, CacheLayer, CacheMetrics } from "effect-cached"
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * const program = Effect.andThen(Effect.all([answer, answer, answer]), PrometheusMetrics.format())
 * const text = await Effect.runPromise(program.pipe(Effect.provide(CacheMetrics.layer(CacheLayer.memory()))))
 * text.match(/reads_total.*source="memory".* (\d+)/)?.[1] // => "2"
 * ```
 *
 * @see `Cached.stats` for totals inside the program
 * @category layers
 * @since 0.1.0
 */
export const layer = <Out, E, R>(
  cache: Layer.Layer<Out | Caching, E, R>,
  options: Options = {}
): Layer.Layer<Out | Caching, E, R> => {
  refuseUnless(Layer.isLayer(cache), "CacheMetrics.layer needs the layer of a cache first, like CacheLayer.memory()")
  checkOptions("CacheMetrics.layer", options, checks)
  const { maxClasses = metrics.maxClasses, name = metrics.name } = options
  return Layer.tap(
    cache,
    (context) => measure(context as Context.Context<Caching>, { name, maxClasses })
  ) as Layer.Layer<
    Out | Caching,
    E,
    R
  >
}

const measure = Effect.fnUntraced(function*(
  built: Context.Context<Caching>,
  { maxClasses, name }: Required<{ readonly [Name in keyof Options]: NonNullable<Options[Name]> }>
): Effect.fn.Return<void, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const instance = yield* instanceOf(Context.get(context, Metric.MetricRegistry), name)
  const series = Series.make(context, { cache: name, ...instance === 1 ? {} : { cache_instance: String(instance) } })
  const meter = Meters.make(series, maxClasses)
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const metered = cacheOf(Context.get(built, Caching)).perform(Operations.meter, meter.meter)
      if (metered !== undefined) meter.show(metered)
      return metered
    }),
    (metered) =>
      Effect.sync(() => {
        metered?.detach()
        series.remove()
      })
  )
})

/** By registry and name: the numbers of the caches that have the name. */
const instances = new WeakMap<object, Map<string, Set<number>>>()

const instanceOf = Effect.fnUntraced(function*(
  registry: object,
  name: string
): Effect.fn.Return<number, never, Scope.Scope> {
  const byName = instances.get(registry) ?? new Map<string, Set<number>>()
  instances.set(registry, byName)
  const taken = byName.get(name) ?? new Set()
  byName.set(name, taken)
  let instance = 1
  while (taken.has(instance)) instance++
  taken.add(instance)
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      taken.delete(instance)
      if (taken.size === 0) byName.delete(name)
    })
  )
  if (instance > 1) {
    yield* Effect.logWarning(
      `Two caches have metrics under the name "${name}": the series of this one have the label cache_instance="${instance}". ` +
        "Give each cache a name of its own (option name of CacheMetrics.layer)"
    )
  }
  return instance
})
