/**
 * The layer of a cache over any store.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Caching from "../Caching.ts"
import { Store } from "../ports/store.ts"
import { Serializer } from "../Serializer.ts"
import { checkLayer, type LayerOptions } from "./options.ts"

/**
 * A cache over any `Store`, with a memory tier in front of it. The serializer is taken from its reference.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import * as MemoryStore from "effect-cached/stores/MemoryStore"
 *
 * const cache = CacheLayer.layerWith({ memory: false, storeTimeout: "1 second" }).pipe(Layer.provide(MemoryStore.layer))
 *
 * const program = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerWith = (options?: LayerOptions): Layer.Layer<Caching.Caching, never, Store> =>
  overStore(checkLayer("CacheLayer.layerWith", options, {}))

export const overStore = (checked: Caching.MakeOptions): Layer.Layer<Caching.Caching, never, Store> => {
  const layers = new WeakMap<Store, Layer.Layer<Caching.Caching>>()
  // what is built once is known by its layer alone: over another store it is another cache, and so another layer
  const over = (store: Store): Layer.Layer<Caching.Caching> => {
    const layer = layers.get(store) ?? Layer.effect(
      Caching.Caching,
      Effect.flatMap(Serializer, (serializer) => Caching.make({ ...checked, store: { store, serializer } }))
    )
    layers.set(store, layer)
    return layer
  }
  return Layer.fromBuild((memoMap, scope) =>
    Effect.flatMap(Store, (store) =>
      Effect.map(
        Layer.buildWithMemoMap(over(store), memoMap, scope),
        (built) => Context.make(Caching.Caching, Context.get(built, Caching.Caching))
      ))
  )
}

/**
 * A cache over any `Store`, with every option at its default.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import * as MemoryStore from "effect-cached/stores/MemoryStore"
 *
 * const program = Effect.andThen(Cached.set("answer", 42), Cached.has("answer"))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.layer), Effect.provide(MemoryStore.layer))) // => true
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Caching.Caching, never, Store> = layerWith()
