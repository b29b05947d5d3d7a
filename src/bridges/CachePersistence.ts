/**
 * A cache in place of the storages of `effect/persistence`.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Persistence from "effect/persistence/Persistence"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Cached from "../Cached.ts"
import { Caching } from "../Caching.ts"
import { refuseUnknown } from "../internal/options/options.ts"
import * as Places from "./places.ts"

/**
 * The options of `CachePersistence`.
 * @category options
 * @since 0.1.0
 */
interface Options {
  /**
   * The first part of the keys in the cache, by which its values are listed and cleared.
   * @default "persistence"
   */
  readonly prefix?: string | undefined
}

const prefixOf = (what: string, options: Options): string => {
  refuseUnknown(what, options, ["prefix"])
  return Places.checkPrefix(what, options.prefix ?? "persistence")
}

type InCache = <A, E>(effect: Effect.Effect<A, E, Caching>) => Effect.Effect<A, E>

const inCache = Effect.map(Caching, (caching): InCache => (effect) => Effect.provideService(effect, Caching, caching))

/**
 * Provides the cache as `BackingPersistence`, for `Persistence.layer`, `PersistedCache` and persisted resolvers.
 *
 * **When to use**
 *
 * Use to keep what Effect persists in the store of the cache, with a memory tier, if it may be lost: a cache evicts.
 *
 * **Details**
 *
 * - Each value lives for the `ttl` that its persistence passes. Clearing a persistence invalidates one tag.
 * - If the store does not answer, a read finds nothing and a write stays in memory. Under `CachePolicy.strict`, they
 *   fail with the `StoreError`.
 *
 * **Example** (Persisting in a cache)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { CacheLayer } from "effect-cached"
 * import { CachePersistence } from "effect-cached/bridges"
 * import { Persistence } from "effect/persistence"
 *
 * const backing = CachePersistence.layerBacking().pipe(Layer.provide(CacheLayer.memory()))
 * const program = Effect.gen(function*() {
 *   const store = yield* (yield* Persistence.BackingPersistence).make("users")
 *   yield* store.set("1", { name: "Ada" }, undefined)
 *   return yield* store.get("1")
 * })
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(backing))) // => { name: "Ada" }
 * ```
 *
 * @see {@link layerKeyValueStore} for plain keys and values
 * @category layers
 * @since 0.1.0
 */
export const layerBacking = (options: Options = {}): Layer.Layer<Persistence.BackingPersistence, never, Caching> => {
  const prefix = prefixOf("CachePersistence.layerBacking", options)
  return Layer.effect(
    Persistence.BackingPersistence,
    Effect.map(inCache, (use) =>
      Persistence.BackingPersistence.of({
        make: (storeId) => Effect.succeed(backingOf(`${prefix}/${encodeURIComponent(storeId)}`, use))
      }))
  )
}

const backingOf = (prefix: string, use: InCache): Persistence.BackingPersistenceStore => {
  const run = <A>(what: string, effect: Effect.Effect<A, unknown, Caching>) =>
    Effect.mapError(
      use(effect),
      (cause) =>
        new Persistence.PersistenceError({ message: `The cache could not ${what} values of "${prefix}"`, cause })
    )
  const place = (key: string) => Places.placeOf(prefix, key)
  return {
    get: (key) => run("read", Effect.map(Cached.getOption(place(key)), Places.valueOf<object>)),
    getMany: (keys) =>
      run("read", Effect.map(Cached.getMany(keys.map(place)), (found) => found.map(Places.valueOf<object>) as never)),
    set: (key, value, ttl) =>
      run("write", Effect.asVoid(Cached.set(place(key), { value }, { ttl: ttl ?? "Infinity", tags: [prefix] }))),
    setMany: (entries) =>
      run("write", Places.setMany(entries.map(([key, value, ttl]) => [place(key), { value }, ttl]), prefix)),
    remove: (key) => run("remove", Effect.asVoid(Cached.remove(place(key)))),
    clear: run("remove", Cached.invalidate({ tag: prefix }))
  }
}

/**
 * Provides the cache as the `KeyValueStore` of `effect/persistence`.
 *
 * **When to use**
 *
 * Use for a library that takes a `KeyValueStore`, if its values may be lost.
 *
 * **Details**
 *
 * - Values stay until they are removed, cleared or evicted. `modify` is one atomic step, across processes too.
 * - `clear` invalidates one tag. `keys`, `size` and `clearPrefix` read the whole store of the cache, if it cannot list
 *   ids by their beginnings.
 * - If the store does not answer, a read finds nothing, and fails with the `StoreError` under `CachePolicy.strict`.
 *   `keys`, `size`, `clearPrefix` and `modify` fail with a `KeyValueStoreError` in any case.
 *
 * **Example** (A key-value store over a cache)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { CacheLayer } from "effect-cached"
 * import { CachePersistence } from "effect-cached/bridges"
 * import { KeyValueStore } from "effect/persistence"
 *
 * const program = Effect.gen(function*() {
 *   const storage = yield* KeyValueStore.KeyValueStore
 *   yield* storage.set("greeting", "hello")
 *   return yield* storage.modify("greeting", (text) => text.toUpperCase())
 * })
 * const layer = CachePersistence.layerKeyValueStore().pipe(Layer.provide(CacheLayer.memory()))
 * await Effect.runPromise(program.pipe(Effect.provide(layer))) // => "HELLO"
 * ```
 *
 * @see {@link layerBacking} for `Persistence` and `PersistedCache`
 * @category layers
 * @since 0.1.0
 */
export const layerKeyValueStore = (
  options: Options = {}
): Layer.Layer<KeyValueStore.KeyValueStore, never, Caching> => {
  const prefix = prefixOf("CachePersistence.layerKeyValueStore", options)
  return Layer.effect(KeyValueStore.KeyValueStore, Effect.map(inCache, (use) => keyValueStoreOf(prefix, use)))
}

type Content = { readonly text: string } | { readonly bytes: string }

const contentOf = (value: string | Uint8Array): Content =>
  typeof value === "string" ? { text: value } : { bytes: Base64.encode(value) }

const textOf = (content: Content): string => "text" in content ? content.text : content.bytes

const encoder = new TextEncoder()

const bytesOf = (content: Content): Uint8Array =>
  "text" in content ? encoder.encode(content.text) : Result.getOrThrow(Base64.decode(content.bytes))

const keyValueStoreOf = (prefix: string, use: InCache): KeyValueStore.KeyValueStore => {
  const run = <A>(method: string, effect: Effect.Effect<A, unknown, Caching>, key?: string) =>
    Effect.mapError(use(effect), (cause) =>
      new KeyValueStore.KeyValueStoreError({
        message: `The cache could not carry out ${method}`,
        method,
        cause,
        ...key !== undefined && { key }
      }))
  const place = (key: string) => Places.placeOf(prefix, key)
  const get = <A>(method: string, read: (content: Content) => A) => (key: string) =>
    run(
      method,
      Effect.map(Cached.getOption(place(key)), (item) => {
        const content = Places.valueOf<Content>(item)
        return content === undefined ? undefined : read(content)
      }),
      key
    )
  const modify =
    <A extends string | Uint8Array>(method: string, read: (content: Content) => A) =>
    (key: string, f: (value: A) => A) => {
      let changed: A | undefined
      const change = Cached.update(place(key), (item) => {
        const content = Places.valueOf<Content>(item)
        changed = content === undefined ? undefined : f(read(content))
        return changed === undefined ? item : Option.some(Places.itemOf(prefix, key, contentOf(changed)))
      })
      return run(method, Effect.map(change, () => changed), key)
    }
  const list = (start?: string) => Stream.runCollect(Places.keysOf(prefix, start))
  return KeyValueStore.make({
    get: get("get", textOf),
    getUint8Array: get("getUint8Array", bytesOf),
    set: (key, value) =>
      run(
        "set",
        Effect.asVoid(
          Cached.set(place(key), Places.itemOf(prefix, key, contentOf(value)), { ttl: "Infinity", tags: [prefix] })
        ),
        key
      ),
    remove: (key) => run("remove", Effect.asVoid(Cached.remove(place(key))), key),
    has: (key) => run("has", Cached.has(place(key)), key),
    modify: modify("modify", textOf),
    modifyUint8Array: modify("modifyUint8Array", bytesOf),
    clear: run("clear", Cached.invalidate({ tag: prefix })),
    clearPrefix: (start) =>
      run("clearPrefix", Effect.flatMap(list(start), (keys) => Effect.asVoid(Cached.remove(keys.map(place))))),
    keys: run("keys", list()),
    size: run("size", Effect.map(list(), (keys) => keys.length))
  })
}
