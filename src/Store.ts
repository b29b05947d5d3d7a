/**
 * The port to a storage: moves entries, knows no schema.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as completion from "./internal/store/complete.ts"
import * as fromStorage from "./internal/store/fromStorage.ts"
import * as fromSync from "./internal/store/fromSync.ts"
import type { Storage, SyncStorage } from "./ports/storage.ts"
import { Store, type StoreCore } from "./ports/store.ts"

export * from "./ports/storage.ts"
export * from "./ports/store.ts"

/**
 * A `Store` over a simple storage: leases, tags, counters and batches are derived, inside this process.
 *
 * What is done to one id is done in the order it was asked, and the next begins when the one before has truly settled:
 * a `commit` whose generation has ended never gets into the storage, however late the storage answers. An operation that
 * has begun runs to its end when its caller is interrupted; only the waiting ends. So a write that never answers holds up
 * its id for ever: give the storage's own operations a timeout where that can happen.
 *
 * Tags known to this process alone end with it: what has any, and every entry of a key class has one, is a miss for the
 * next process. A storage that outlives its process keeps them itself (`tags` of `makeSync`), or overrides `markers` and
 * `invalidateTags`.
 *
 * What cannot be derived fails with reason `Unsupported`. A storage that can do better (leases across processes)
 * replaces it: `Store.complete({ ...Store.make(simple), acquire, acquireMany: undefined })`.
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
 * Throws a `CacheConfigError` for an option it does not know.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (storage: Storage) => Store = fromStorage.make

/**
 * A `Store` over a storage that answers at once: as `make`, without fibers and queues, and readable by `getUnsafe`.
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
 * @category constructors
 * @since 0.1.0
 */
export const makeSync: (storage: SyncStorage) => Store & { readonly getUnsafe: NonNullable<Store["getUnsafe"]> } =
  fromSync.make

/**
 * A `Store` of which only the core is written by hand: operations on many ids are derived from those on one, `size` from
 * `scan`, counters are kept inside this process, and what cannot be derived fails with reason `Unsupported`.
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Store } from "effect-cached"
 * import * as MemoryStore from "effect-cached/stores/MemoryStore"
 *
 * // a store that refuses what is long, one at a time or many
 * const inner = MemoryStore.make()
 * const store = Store.complete({
 *   ...inner,
 *   set: (id, entry, condition) => entry.payload.length > 1000 ? Effect.succeed(false) : inner.set(id, entry, condition),
 *   setMany: undefined
 * })
 * Effect.runSync(Stream.runCount(store.scan())) // => 0
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const complete: (core: StoreCore) => Store = completion.complete

/**
 * The layer of a store that an effect makes.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer, Store } from "effect-cached"
 * import * as MemoryStore from "effect-cached/stores/MemoryStore"
 *
 * // what the store needs is opened, and closed with the layer
 * const store = Store.layer(Effect.acquireRelease(Effect.sync(MemoryStore.make), () => Effect.log("closed")))
 *
 * const program = Effect.andThen(Cached.set("answer", 42), Cached.size)
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.layer.pipe(Layer.provide(store))))) // => 1
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <E, R>(store: Effect.Effect<Store, E, R>): Layer.Layer<Store, E, Exclude<R, Scope.Scope>> =>
  Layer.effect(Store, store)
