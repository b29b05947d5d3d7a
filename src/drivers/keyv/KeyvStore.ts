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
import * as Store from "../../ports/stores.ts"
import * as ByteStorage from "../shared/byteStorage.ts"

/**
 * The part of a Keyv instance that the store uses. Any `Keyv` of version 5 or 6 has it.
 * @category models
 * @since 0.1.0
 */
export interface Keyv {
  /** Only in version 5. */
  readonly throwOnErrors?: boolean | undefined
  on(event: string, listener: (told: any) => void): unknown
  get(key: string): Promise<unknown>
  set(key: string, value: string, ttl?: number): Promise<boolean>
  delete(key: string): Promise<boolean>
  clear(): Promise<void>
  /** Lists keys and values, if the adapter can. */
  iterator?: ((namespace?: any) => AsyncIterable<ReadonlyArray<unknown>>) | undefined
  /** The adapter. */
  readonly store?: any
}

/**
 * Provides a store over a Keyv instance.
 *
 * **When to use**
 *
 * Use for a storage that Keyv reaches and this library has no store for. You install `keyv` and pass an instance.
 *
 * **Details**
 *
 * - An instance of version 5 needs `throwOnErrors: true`: otherwise Keyv reports a failed removal as done. Throws a
 *   `CacheConfigError` without it.
 * - Version 6 reports failures by the event `error` only. The store listens, and takes each call during which there
 *   was one as failed. So Keyv throws no errors of other calls on the instance either: listen for them.
 * - Values are text (base64), so that every adapter can keep them. Entries have the time to live of the cache.
 * - `Cached.clear` clears the instance: give it a namespace of its own. `Cached.size`, listings and patterns need an
 *   adapter that can iterate, and fail with reason `Unsupported` otherwise.
 *
 * **Gotchas**
 *
 * For one process at a time: Keyv has no conditional writes, and reports no changes by other processes.
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
 * const cache = CacheLayer.layer().pipe(Layer.provide(store))
 * await Effect.runPromise(Effect.andThen(Cached.set("answer", 42), Cached.size).pipe(Effect.provide(cache))) // => 1
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (keyv: Keyv): Layer.Layer<Store.Store> => {
  if (typeof keyv?.get !== "function" || typeof keyv.set !== "function" || typeof keyv.delete !== "function") {
    throw mistake("KeyvStore needs an instance of Keyv: KeyvStore.layer(new Keyv({ throwOnErrors: true }))")
  }
  if (isVersion5(keyv) ? keyv.throwOnErrors !== true : typeof keyv.on !== "function") {
    throw mistake(
      "KeyvStore needs a Keyv of version 6, or one of version 5 with throwOnErrors: true, because without it Keyv " +
        "reports failed operations as done: new Keyv({ store, throwOnErrors: true })"
    )
  }
  return Layer.sync(Store.Store, () => over(keyv))
}

const over = (keyv: Keyv): Store.Store => {
  const begin = watch(keyv)
  const ask = <A>(run: () => Promise<A>, key?: string) =>
    ByteStorage.promised(async () => {
      const end = begin(key)
      try {
        return await run()
      } finally {
        end()
      }
    })
  const list = async function*() {
    const end = begin()
    for await (const [, value] of keyv.iterator!(undefined)) yield bytesOf(value)
    end()
  }
  return ByteStorage.make({
    name: "keyv",
    get: (key) => Effect.map(ask(() => keyv.get(key), key), bytesOf),
    set: (key, value, leftMillis) =>
      ask(async () => {
        const isSet = await keyv.set(key, Base64.encode(value), leftMillis === undefined ? 0 : Math.ceil(leftMillis))
        if (isSet === false) throw new Error("Keyv has not set the value")
      }, key),
    remove: (key) => ask(() => keyv.delete(key), key),
    list: canList(keyv) ? Stream.suspend(() => Stream.fromAsyncIterable(list(), (error) => error)) : undefined,
    clear: ask(() => keyv.clear())
  })
}

const isVersion5 = (keyv: Keyv): boolean => "throwOnErrors" in keyv

interface Call {
  readonly key: string | undefined
  failure?: Error | undefined
}

/**
 * Returns a function that begins a call. It returns one that ends the call, and throws the error that the instance has
 * reported meanwhile. Version 6 reports an error, and then the key: so the error counts for calls with this key, or for
 * all calls if none has it.
 */
const watch = (keyv: Keyv) => {
  const open = new Set<Call>()
  let told: ReadonlyArray<Call> = []
  if (!isVersion5(keyv)) {
    keyv.on("error", (error) => {
      told = Array.from(open).filter(({ failure }) => failure === undefined)
      for (const call of told) call.failure = error instanceof Error ? error : new Error(String(error))
    })
    keyv.on("stat:error", ({ key }) => {
      if (told.some((call) => call.key === key)) {
        for (const call of told) if (call.key !== key) call.failure = undefined
      }
      told = []
    })
  }
  return (key?: string) => {
    const call: Call = { key }
    open.add(call)
    return () => {
      open.delete(call)
      if (call.failure !== undefined) throw call.failure
    }
  }
}

/** In version 6, an instance whose adapter cannot list lists nothing. */
const canList = ({ iterator, store: adapter }: Keyv): boolean =>
  iterator !== undefined && (adapter?.capabilities?.methods?.iterator?.exists !== false ||
    typeof adapter.store?.entries === "function")

const bytesOf = (value: unknown): Uint8Array | undefined =>
  typeof value === "string" ? Result.getOrElse(Base64.decode(value), () => undefined) : undefined
