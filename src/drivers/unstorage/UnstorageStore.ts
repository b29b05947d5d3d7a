/**
 * A store over an unstorage instance, and so over each storage for which unstorage has a driver.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { mistake, refuseUnknown } from "../../internal/options/options.ts"
import * as Store from "../../ports/stores.ts"
import * as ByteStorage from "../shared/byteStorage.ts"

/**
 * The part of an unstorage instance that the store uses. Any `Storage` of unstorage has it.
 * @category models
 * @since 0.1.0
 */
export interface Unstorage {
  getItemRaw(key: string): Promise<any>
  setItemRaw(key: string, value: any, options?: { readonly ttl?: number }): Promise<void>
  hasItem(key: string): Promise<boolean>
  removeItem(key: string): Promise<void>
  getKeys(base?: string): Promise<ReadonlyArray<string>>
}

/**
 * The options of an `UnstorageStore`.
 * @category options
 * @since 0.1.0
 */
interface Options {
  /**
   * The first part of all keys, below which the store keeps, lists and clears its entries.
   * @default "effect-cached"
   */
  readonly base?: string | undefined
}

const what = "UnstorageStore.layer"

/**
 * Provides a store over an unstorage instance.
 *
 * **When to use**
 *
 * Use for a storage that unstorage reaches and this library has no store for. You install `unstorage` and pass an
 * instance.
 *
 * **Details**
 *
 * - Drivers that support a time to live get it in seconds. Others keep an entry until the cache removes it.
 * - `Cached.clear` removes what is below `base`, and nothing else.
 * - Throws a `CacheConfigError` for anything but an instance, and for a `base` that is empty or has other characters
 *   than letters, digits, `_`, `-` and `:`.
 *
 * **Gotchas**
 *
 * For one process at a time: unstorage has no conditional writes, and reports no changes by other processes.
 *
 * **Example** (A store for a cache)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { UnstorageStore } from "effect-cached/unstorage"
 * import { createStorage } from "unstorage"
 *
 * const store = UnstorageStore.layer(createStorage(), { base: "my-app" })
 * const cache = CacheLayer.layer().pipe(Layer.provide(store))
 * await Effect.runPromise(Effect.andThen(Cached.set("answer", 42), Cached.size).pipe(Effect.provide(cache))) // => 1
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (storage: Unstorage, options: Options = {}): Layer.Layer<Store.Store> => {
  if (typeof storage?.getItemRaw !== "function" || typeof storage.setItemRaw !== "function") {
    throw mistake("UnstorageStore needs an instance of unstorage: UnstorageStore.layer(createStorage({ driver }))")
  }
  refuseUnknown(what, options, ["base"])
  const { base = "effect-cached" } = options
  if (typeof base !== "string" || !/^[\w-]+(:[\w-]+)*$/.test(base)) {
    throw mistake(`base of ${what} must consist of letters, digits, "_", "-" and ":", like "my-app:cache"`)
  }
  return Layer.sync(Store.Store, () => over(storage, base))
}

const over = (storage: Unstorage, base: string): Store.Store => {
  const place = (key: string): string => `${base}:${key}`
  return ByteStorage.make({
    name: "unstorage",
    get: (key) => Effect.map(ByteStorage.promised(() => storage.getItemRaw(place(key))), bytesOf),
    set: (key, value, leftMillis) => {
      const ttl = leftMillis === undefined ? {} : { ttl: Math.ceil(leftMillis / 1000) }
      return ByteStorage.promised(() => storage.setItemRaw(place(key), value, ttl))
    },
    remove: (key) =>
      ByteStorage.promised(async () => {
        const isThere = await storage.hasItem(place(key))
        await storage.removeItem(place(key))
        return isThere
      }),
    list: Stream.unwrap(
      Effect.map(
        ByteStorage.promised(() => storage.getKeys(base)),
        (keys) => Stream.fromIterable(keys.map((key) => key.slice(base.length + 1)))
      )
    )
  })
}

const bytesOf = (value: unknown): Uint8Array | undefined =>
  value instanceof Uint8Array ? value : value instanceof ArrayBuffer ? new Uint8Array(value) : undefined
