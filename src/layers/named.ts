/**
 * Layers for several caches, each under its own name.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CacheConfigError } from "../CacheError.ts"
import * as Caching from "../Caching.ts"

const services = new WeakMap<Caching.Shape, Context.Key<any, Caching.Shape>>()

/** For each build of layers, the cache services that the build provides, by name. */
const built = new WeakMap<Layer.MemoMap, Map<string, Context.Key<any, Caching.Shape>>>()

/**
 * Provides a cache as a service of your own, under that service's name, and not as the default cache.
 *
 * **When to use**
 *
 * Use for an additional cache with its own store, size and rules.
 *
 * **Details**
 *
 * - `Cached.withCache` selects the effects that use the named cache.
 * - Other services of the given layer (`CacheReactivity.layer`, a `RecordingCache`) are still provided.
 *
 * **Gotchas**
 *
 * Each name needs its own layer: call `CacheLayer.memory()` once for each name. Effect builds a layer only once, so one
 * layer under two names would be one cache. Its use under the second name dies with a `CacheConfigError`. Effect treats
 * two services with the same name (the text in `Context.Service`) as one, so both get the cache that was provided last.
 *
 * **Example** (Caching pages apart from everything else)
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { Cached, CacheLayer, type Caching } from "effect-cached"
 *
 * class Pages extends Context.Service<Pages, Caching.Shape>()("Pages") {}
 * let loads = 0
 * const page = Effect.sync(() => ++loads).pipe(Cached.ttl("page", { ttl: "1 hour" }), Cached.withCache(Pages))
 * const program = Effect.all([page, page])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.named(Pages, CacheLayer.memory())))) // => [1, 1]
 * ```
 *
 * @see `Cached.withCache` for selecting the named cache
 * @category layers
 * @since 0.1.0
 */
export const named = <Self, Out, E, R>(
  name: Context.Key<Self, Caching.Shape>,
  cache: Layer.Layer<Out, E, R> & Layer.Layer<Caching.Caching, unknown, unknown>
): Layer.Layer<Self | Exclude<Out, Caching.Caching>, E, R> => {
  if (!Context.isKey(name)) {
    throw new CacheConfigError({
      message: "CacheLayer.named needs the service of a cache first: " +
        "class Pages extends Context.Service<Pages, Caching.Shape>()(\"Pages\") {}"
    })
  }
  const isLayer: boolean = Layer.isLayer(cache)
  if (!isLayer) {
    throw new CacheConfigError({
      message: `CacheLayer.named needs a layer for "${name.key}", like CacheLayer.memory()`
    })
  }
  // The type of the parameter `cache` ensures that the layer provides a cache.
  const layer = Layer.flatMap(
    cache as Layer.Layer<Out | Caching.Caching, E, R>,
    (built) =>
      Layer.effectContext(Effect.map(
        give(name, Context.get(built, Caching.Caching)),
        (shape) => Context.add(Context.omit(Caching.Caching)(built), name, shape)
      ))
  )
  return Layer.fromBuild((memoMap, scope) =>
    Effect.andThen(meet(memoMap, name), Layer.buildWithMemoMap(layer, memoMap, scope))
  )
}

/** Warns if another cache service with the same name is provided, in the same build or by the surrounding layers. */
const meet = (memoMap: Layer.MemoMap, name: Context.Key<any, Caching.Shape>): Effect.Effect<void> =>
  Effect.contextWith((context: Context.Context<never>) => {
    const around = Context.getOrUndefined(context as Context.Context<unknown>, name)
    const beside = built.get(memoMap) ?? new Map<string, Context.Key<any, Caching.Shape>>()
    const other = beside.get(name.key) ?? (around && services.get(around))
    built.set(memoMap, beside.set(name.key, name))
    return other === undefined || other === name ? Effect.void : Effect.logWarning(
      `Two services of caches have the name "${name.key}", so if both are provided, each gets the cache that was ` +
        "provided last: give one of them another name"
    )
  })

const give = (service: Context.Key<any, Caching.Shape>, shape: Caching.Shape): Effect.Effect<Caching.Shape> => {
  const name = service.key
  const former = services.get(shape)?.key
  if (former !== undefined && former !== name) {
    return Effect.die(
      new CacheConfigError({
        message: `"${former}" and "${name}" have the same cache: call CacheLayer.memory() (or disk, or layer) ` +
          "once for each of them"
      })
    )
  }
  // All disabled caches are the same object, which may have many names.
  if (shape !== Caching.disabled) services.set(shape, service)
  return Effect.succeed(shape)
}
