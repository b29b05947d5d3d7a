/**
 * Layers for several caches, each under its own name.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CacheConfigError } from "../CacheError.ts"
import * as Caching from "../Caching.ts"

/** the name of each cache */
const names = new WeakMap<Caching.Shape, string>()

/**
 * Provides a cache under a name, a service of your own.
 *
 * **When to use**
 *
 * Use for a second cache beside the first, with its own store, size and rules.
 *
 * **Details**
 *
 * - `Cached.withCache` says which effects use it.
 * - Other services of the layer (of `CacheReactivity.layer`, of a `RecordingCache`) are still provided.
 * - Throws a `CacheConfigError` for a name that is no service and a cache that is no layer.
 *
 * **Gotchas**
 *
 * Each name needs a layer of its own: call `CacheLayer.memory()` once for each. A layer is built once, so one layer
 * under two names would be one cache; it dies with a `CacheConfigError` when it is built.
 *
 * **Example** (Caching pages apart from everything else)
 *
 * ```ts
 * import { Context, Effect } from "effect"
 * import { Cached, CacheLayer, type Caching } from "effect-cached"
 *
 * class Pages extends Context.Service<Pages, Caching.Shape>()("Pages") {}
 *
 * let loads = 0
 * const page = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "page", ttl: "1 hour" }), Cached.withCache(Pages))
 *
 * const program = Effect.all([page, page])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.named(Pages, CacheLayer.memory())))) // => [1, 1]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const named = <Self, Out, E, R>(
  name: Context.Key<Self, Caching.Shape>,
  cache: Layer.Layer<Out, E, R> & Layer.Layer<Caching.Caching, unknown, unknown>
): Layer.Layer<Self | Exclude<Out, Caching.Caching>, E, R> => {
  if (!Context.isKey(name)) {
    throw new CacheConfigError({
      message: "CacheLayer.named takes the service of a cache first: " +
        "class Pages extends Context.Service<Pages, Caching.Shape>()(\"Pages\") {}"
    })
  }
  const isLayer: boolean = Layer.isLayer(cache)
  if (!isLayer) {
    throw new CacheConfigError({ message: `CacheLayer.named gives "${name.key}" a layer, like CacheLayer.memory()` })
  }
  // its second type says that it provides a cache
  return Layer.flatMap(cache as Layer.Layer<Out | Caching.Caching, E, R>, (built) =>
    Layer.effectContext(Effect.map(
      give(name.key, Context.get(built, Caching.Caching)),
      (shape) => Context.add(Context.omit(Caching.Caching)(built), name, shape)
    )))
}

const give = (name: string, shape: Caching.Shape): Effect.Effect<Caching.Shape> => {
  const former = names.get(shape)
  if (former !== undefined && former !== name) {
    return Effect.die(
      new CacheConfigError({
        message:
          `"${former}" and "${name}" were given the same cache: call CacheLayer.memory() (or disk, or layerWith) ` +
          "once for each of them"
      })
    )
  }
  // a cache that caches nothing may have many names
  if (shape !== Caching.disabled) names.set(shape, name)
  return Effect.succeed(shape)
}
