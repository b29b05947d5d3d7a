/**
 * A store over the `KeyValueStore` of `effect/persistence`: a folder, an SQL table, or the `localStorage` of a browser.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Stream from "effect/Stream"
import { mistake, refuseUnknown } from "../../internal/options/options.ts"
import * as Store from "../../ports/stores.ts"
import * as ByteStorage from "../shared/byteStorage.ts"

/**
 * The options of a `PersistenceStore`.
 * @category options
 * @since 0.1.0
 */
interface Options {
  /**
   * The first part of all keys, by which the store lists and clears its entries.
   * @default "effect-cached"
   */
  readonly prefix?: string | undefined
}

const what = "PersistenceStore.layer"

/**
 * Provides a store over the `KeyValueStore` of the context.
 *
 * **When to use**
 *
 * Use if the program already has a `KeyValueStore`, or for a cache in the `localStorage` of a browser
 * (`KeyValueStore.layerStorage`).
 *
 * **Details**
 *
 * - A `KeyValueStore` has no time to live: an entry stays until the cache removes it or is cleared.
 * - `Cached.clear` removes the keys with the prefix, and no others.
 * - Throws a `CacheConfigError` for anything but a `KeyValueStore`, and for an empty `prefix`.
 *
 * **Gotchas**
 *
 * For one process, or tab, at a time: it has no conditional writes, and reports no changes by others.
 *
 * **Example** (A cache in a key-value store)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { PersistenceStore } from "effect-cached/persistence"
 * import { KeyValueStore } from "effect/persistence"
 *
 * const store = PersistenceStore.layer().pipe(Layer.provide(KeyValueStore.layerMemory))
 * const cache = CacheLayer.layer().pipe(Layer.provide(store))
 * await Effect.runPromise(Effect.andThen(Cached.set("answer", 42), Cached.size).pipe(Effect.provide(cache))) // => 1
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Store.Store, never, KeyValueStore.KeyValueStore> => {
  refuseUnknown(what, options, ["prefix"])
  const { prefix = "effect-cached" } = options
  if (typeof prefix !== "string" || prefix === "") throw mistake(`prefix of ${what} must be a text, like "my-app"`)
  return Layer.effect(Store.Store, Effect.map(KeyValueStore.KeyValueStore, (storage) => over(storage, `${prefix}:`)))
}

const over = (storage: KeyValueStore.KeyValueStore, start: string): Store.Store => {
  const place = (key: string): string => start + key
  return ByteStorage.make({
    name: "persistence",
    get: (key) => storage.getUint8Array(place(key)),
    set: (key, value) => storage.set(place(key), value),
    remove: (key) =>
      Effect.flatMap(storage.has(place(key)), (isThere) => Effect.as(storage.remove(place(key)), isThere)),
    list: Stream.unwrap(
      Effect.map(
        storage.keys,
        (keys) => Stream.fromIterable(keys.flatMap((key) => key.startsWith(start) ? [key.slice(start.length)] : []))
      )
    )
  })
}
