/**
 * The layers of a cache over any store.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Caching from "../Caching.ts"
import { Store } from "../ports/store.ts"
import { Serializer } from "../Serializer.ts"
import { checkLayer, type LayerOptions } from "./options.ts"
import { AsTier } from "./tiers.ts"

/**
 * A cache over any `Store` with the given options, by default with a memory tier in front. Values are encoded by the
 * `Serializer` that the program provides, or else by the default serializer.
 *
 * **When to use**
 *
 * Use for stores without a ready-made layer: `IndexedDbStore`, a store wrapped by `Store.tap`, or your own.
 *
 * **Example** (Reading every value from the store)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const cache = CacheLayer.layer({ memory: false, storeTimeout: "1 second" }).pipe(Layer.provide(MemoryStore.layer))
 * const program = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @see {@link disk} and {@link redis} for ready-made caches
 * @category layers
 * @since 0.1.0
 */
export const layer = (options?: LayerOptions): Layer.Layer<Caching.Caching, never, Store> =>
  overStore(checkLayer("CacheLayer.layer", options, {}))

export const overStore = (checked: Caching.MakeOptions): Layer.Layer<Caching.Caching, never, Store> => {
  const layers = new WeakMap<Store, Layer.Layer<Caching.Caching>>()
  // Effect's `MemoMap` builds each layer only once, so each store needs its own layer.
  const over = (store: Store): Layer.Layer<Caching.Caching> => {
    const layer = layers.get(store) ?? Layer.effect(
      Caching.Caching,
      Effect.flatMap(Serializer, (serializer) => Caching.make({ ...checked, store: { store, serializer } }))
    )
    layers.set(store, layer)
    return layer
  }
  return Layer.fromBuild((memoMap, scope) =>
    Effect.gen(function*() {
      const store = yield* Store
      const asTier = yield* AsTier
      if (asTier !== undefined) {
        return Context.make(Caching.Caching, asTier({ store, serializer: yield* Serializer, options: checked }))
      }
      const built = yield* Layer.buildWithMemoMap(over(store), memoMap, scope)
      return Context.make(Caching.Caching, Context.get(built, Caching.Caching))
    })
  )
}
