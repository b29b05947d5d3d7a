/**
 * A store over a Keyv instance, and so over each storage for which Keyv has an adapter.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { mistake } from "../../internal/options/options.ts"
import * as Store from "../../Store.ts"
import * as ByteStorage from "../shared/byteStorage.ts"

/**
 * The part of a Keyv instance that the store uses. Any `Keyv` of version 5 has it.
 * @category models
 * @since 0.1.0
 */
export interface Keyv {
  readonly throwOnErrors: boolean
  get(key: string): Promise<unknown>
  set(key: string, value: string, ttl?: number): Promise<boolean>
  delete(key: string): Promise<boolean>
  clear(): Promise<void>
  /** Lists keys and values, if the adapter can. */
  readonly iterator?: ((namespace?: any) => AsyncIterable<ReadonlyArray<unknown>>) | undefined
}

/**
 * Creates a store over a Keyv instance.
 *
 * **When to use**
 *
 * Use for a storage that Keyv reaches and this library has no store for. You install `keyv` and pass an instance.
 *
 * **Details**
 *
 * - The instance needs `throwOnErrors: true`: otherwise Keyv reports a failed removal as done. Throws a
 *   `CacheConfigError` without it.
 * - Values are text (base64), so that every adapter can keep them. Entries have the time to live of the cache.
 * - `Cached.clear` clears the instance: give it a namespace of its own. `Cached.size`, listings and patterns need an
 *   adapter that can iterate, and fail with reason `Unsupported` otherwise.
 *
 * **Gotchas**
 *
 * For one process at a time: Keyv has no conditional writes, and reports no changes by other processes.
 *
 * **Example** (Caching in any storage of Keyv)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { KeyvStore } from "effect-cached/keyv"
 * import { Keyv } from "keyv"
 *
 * const keyv = new Keyv({ namespace: "cache", throwOnErrors: true })
 * const cache = CacheLayer.layer.pipe(Layer.provide(KeyvStore.layer(keyv)))
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(Effect.provide(cache))) // => 42
 * ```
 *
 * @see {@link layer} for providing the store to a cache
 * @category constructors
 * @since 0.1.0
 */
export const make = (keyv: Keyv): Store.Store => {
  if (typeof keyv?.get !== "function" || typeof keyv.set !== "function" || typeof keyv.delete !== "function") {
    throw mistake("KeyvStore needs an instance of Keyv: KeyvStore.make(new Keyv({ throwOnErrors: true }))")
  }
  if (keyv.throwOnErrors !== true) {
    throw mistake(
      "KeyvStore needs a Keyv (version 5) with throwOnErrors: true, because without it Keyv reports failed operations " +
        "as done: new Keyv({ store, throwOnErrors: true })"
    )
  }
  const { iterator } = keyv
  return ByteStorage.make({
    name: "keyv",
    get: (key) => Effect.map(ByteStorage.promised(() => keyv.get(key)), bytesOf),
    set: (key, value, leftMillis) =>
      ByteStorage.promised(async () => {
        const isSet = await keyv.set(key, Base64.encode(value), leftMillis === undefined ? 0 : Math.ceil(leftMillis))
        if (isSet === false) throw new Error("Keyv has not set the value")
      }),
    remove: (key) => ByteStorage.promised(() => keyv.delete(key)),
    list: iterator &&
      Stream.suspend(() =>
        Stream.map(Stream.fromAsyncIterable(iterator(undefined), (error) => error), ([, value]) => bytesOf(value))
      ),
    clear: ByteStorage.promised(() => keyv.clear())
  })
}

const bytesOf = (value: unknown): Uint8Array | undefined =>
  typeof value === "string" ? Result.getOrElse(Base64.decode(value), () => undefined) : undefined

/**
 * Provides a store over a Keyv instance.
 *
 * **Example** (A store for a cache)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { KeyvStore } from "effect-cached/keyv"
 * import { Keyv } from "keyv"
 *
 * const store = KeyvStore.layer(new Keyv({ throwOnErrors: true }))
 * const cache = CacheLayer.layer.pipe(Layer.provide(store))
 * await Effect.runPromise(Effect.andThen(Cached.set("answer", 42), Cached.size).pipe(Effect.provide(cache))) // => 1
 * ```
 *
 * @see {@link make} for the store itself
 * @category layers
 * @since 0.1.0
 */
export const layer = (keyv: Keyv): Layer.Layer<Store.Store> => Layer.sync(Store.Store, () => make(keyv))
