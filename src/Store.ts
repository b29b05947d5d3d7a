/**
 * Stores: the port to a storage, and its constructors. A store handles encoded entries and knows no schemas.
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as completion from "./internal/store/complete.ts"
import * as fromStorage from "./internal/store/fromStorage/make.ts"
import * as fromSync from "./internal/store/fromSync/make.ts"
import type { Storage, SyncStorage } from "./ports/storage.ts"
import { Store, type StoreCore } from "./ports/store.ts"

export * from "./ports/storage.ts"
export * from "./ports/store.ts"

/**
 * A `Store` over a storage of three functions. Leases, counters and operations on many ids are derived inside this
 * process. Tags are derived too: in the storage if it is `lasting` or `shared`, otherwise in this process.
 *
 * **When to use**
 *
 * Use for a storage that answers with effects: a driver, a bucket, a service.
 *
 * **Details**
 *
 * - Operations on one id run in order, and a started one runs to its end even if its caller is interrupted. A `commit`
 *   whose generation has ended never reaches the storage.
 * - An operation that cannot be derived fails with reason `Unsupported`.
 * - Throws a `CacheConfigError` for an unknown option, and for a `shared` storage without `setIfAbsent`.
 *
 * **Gotchas**
 *
 * - A write that never answers blocks its id for ever: give the storage's operations a timeout.
 * - A storage that outlives its process must declare it: `capabilities: { lasting: true }`. Otherwise its tags end with
 *   the process, and every entry with a tag is then a miss. Every entry of a key class has one.
 * - Processes that share such a storage have only entries and tags in common. Leases, conditional sets and touches are
 *   atomic inside one process: two that miss at the same moment both load.
 * - A tag that only the load names (`Cached.annotate`) needs a marker that this process knew before the load: the first
 *   load with a new tag creates the marker and is not stored.
 * - A storage that can do better than a derived operation replaces it, together with its operation on many ids:
 *   `Store.complete({ ...Store.make(simple), acquire, acquireMany: undefined })`.
 *
 * **Example** (Storing in a map)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Store } from "effect-cached"
 *
 * const entries = new Map()
 * const store = Store.make({
 *   name: "map",
 *   get: (id) => Effect.sync(() => entries.get(id)),
 *   set: (id, entry) => Effect.sync(() => entries.set(id, entry)),
 *   remove: (id) => Effect.sync(() => entries.delete(id))
 * })
 * Effect.runSync(store.remove("nothing")) // => false
 * ```
 *
 * @see {@link makeSync} for a storage that answers without waiting
 * @see {@link complete} for a store that implements the core itself
 * @category constructors
 * @since 0.1.0
 */
export const make: (storage: Storage) => Store = fromStorage.make

/**
 * A `Store` over a storage that answers without waiting: like `make`, with plain functions, no fibers and no queues.
 *
 * **When to use**
 *
 * Use for an embedded database, or files on a local disk. The engine reads such a store with `getUnsafe`.
 *
 * **Example** (Reading a map without an effect)
 *
 * ```ts
 * import { type CacheEntry, Store } from "effect-cached"
 *
 * const entries = new Map<string, CacheEntry.Stored>()
 * const store = Store.makeSync({
 *   name: "map",
 *   get: (id) => entries.get(id),
 *   set: (id, entry) => void entries.set(id, entry),
 *   remove: (id) => entries.delete(id)
 * })
 * store.getUnsafe("nothing", []).entry // => undefined
 * ```
 *
 * @see {@link make} for a storage that answers with effects
 * @category constructors
 * @since 0.1.0
 */
export const makeSync: (storage: SyncStorage) => Store & { readonly getUnsafe: NonNullable<Store["getUnsafe"]> } =
  fromSync.make

/**
 * A `Store` made from its core: the missing operations are derived.
 *
 * **When to use**
 *
 * Use for a store that keeps leases and tags itself, and for one that changes some operations of another.
 *
 * **Details**
 *
 * Operations on many ids are derived from those on one, and `size` from `scan`. Without `increment`, all operations on
 * counters are those of this process. An operation that cannot be derived fails with reason `Unsupported`, and so does
 * a missing `clear`. Throws a `CacheConfigError` for a missing or invalid part of the core.
 *
 * **Gotchas**
 *
 * A store that is spread into `complete` includes its operations on many ids. Set those that a new operation replaces
 * to `undefined`.
 *
 * **Example** (Refusing large payloads)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Store } from "effect-cached"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const inner = MemoryStore.make()
 * const store = Store.complete({
 *   ...inner,
 *   set: (id, entry, condition) => entry.payload.length > 1000 ? Effect.succeed(false) : inner.set(id, entry, condition),
 *   setMany: undefined
 * })
 * Effect.runSync(Stream.runCount(store.scan())) // => 0
 * ```
 *
 * @see {@link make} for a storage without leases and tags
 * @category constructors
 * @since 0.1.0
 */
export const complete: (core: StoreCore) => Store = completion.complete

/**
 * The layer of a store that an effect opens. The store is closed with the layer.
 *
 * **When to use**
 *
 * Use to provide a store to `CacheLayer.layer` and `CacheLayer.layerWith`, if opening it is an effect.
 *
 * **Example** (Opening and closing a store)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer, Store } from "effect-cached"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const store = Store.layer(Effect.acquireRelease(Effect.sync(MemoryStore.make), () => Effect.log("closed")))
 * const program = Effect.andThen(Cached.set("answer", 42), Cached.size)
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.layer.pipe(Layer.provide(store))))) // => 1
 * ```
 *
 * @see {@link make} for a store over three functions
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(store: Effect.Effect<Store, E, R>): Layer.Layer<Store, E, Exclude<R, Scope.Scope>> =>
  Layer.effect(Store, store)
