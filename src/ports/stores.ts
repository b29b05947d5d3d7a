/**
 * The constructors of stores, and the whole port, for adapters.
 * @since 0.1.0
 */
import * as completion from "../internal/store/complete.ts"
import * as fromStorage from "../internal/store/fromStorage/make.ts"
import * as fromSync from "../internal/store/fromSync/make.ts"
import type { Storage, SyncStorage } from "./storage.ts"
import type { Store, StoreCore } from "./store.ts"

export type * from "./inspection.ts"
export * from "./storage.ts"
export * from "./store.ts"

/**
 * Creates a `Store` from a storage with three functions. Leases, and by default counters, are kept in this process. Tag
 * markers are kept in the storage if it is `lasting` or `shared`, and otherwise in this process.
 *
 * **When to use**
 *
 * Use for a storage with asynchronous operations: a database driver, an object store, a remote service.
 *
 * **Details**
 *
 * - Operations on one id run in order. An operation that has started runs to its end, even if its caller is
 *   interrupted. A `commit` whose generation has ended never reaches the storage.
 * - An operation that cannot be derived from the given functions fails with reason `Unsupported`.
 * - Throws a `CacheConfigError` for an unknown option, and for a `shared` storage without `setIfAbsent`.
 *
 * **Gotchas**
 *
 * - A write that never completes blocks its id forever: give the storage's operations a timeout.
 * - A storage whose entries outlive the process must declare `capabilities: { lasting: true }`. Otherwise tag markers
 *   are lost with the process, and every tagged entry, such as any entry of a key class, is a miss for later processes.
 * - Processes that share the storage share only entries and tags. Leases, conditional sets and touches are atomic only
 *   inside one process: if two processes miss an id at the same time, both load it.
 * - A tag that is first named during a load (`Cached.annotate`) needs a marker that this process knew before the load.
 *   The first load that names a new tag creates the tag's marker, and the result of that load is not stored.
 *
 * **Example** (Storing in a map)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Store } from "effect-cached/adapters"
 *
 * const entries = new Map()
 * const store = Store.make({
 *   name: "map",
 *   get: (id) => Effect.sync(() => entries.get(id)),
 *   set: (id, entry) => Effect.sync(() => entries.set(id, entry)),
 *   remove: (id) => Effect.sync(() => entries.delete(id))
 * })
 * Effect.runSync(store.remove(["nothing"])) // => [false]
 * ```
 *
 * @see {@link makeSync} for a synchronous storage
 * @see {@link complete} for a store that implements the core itself
 * @category constructors
 * @since 0.1.0
 */
export const make: (storage: Storage) => Store = fromStorage.make

/**
 * Creates a `Store` from a synchronous storage: like `Store.make`, but with plain functions, no fibers and no queues.
 *
 * **When to use**
 *
 * Use for an embedded database, or files on a local disk. The cache reads such a store without an effect (`getUnsafe`).
 *
 * **Example** (Reading a map without an effect)
 *
 * ```ts
 * import { type CacheEntry, Store } from "effect-cached/adapters"
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
 * @see {@link make} for an asynchronous storage
 * @category constructors
 * @since 0.1.0
 */
export const makeSync: (storage: SyncStorage) => Store & { readonly getUnsafe: NonNullable<Store["getUnsafe"]> } =
  fromSync.make

/**
 * Creates a `Store` from its core operations, and derives all operations that are missing.
 *
 * **When to use**
 *
 * Use for a store that implements leases and tags itself, or that overrides some operations of another store.
 *
 * **Details**
 *
 * - `set`, `remove`, `acquire`, `commit` and `renew` take many ids and answer for each. What is refused for one id is
 *   refused for that id only.
 * - `getMany` is derived from `get`, and `size` from `scan`. Without `increment`, all counters are kept in this
 *   process. An operation that cannot be derived, such as a missing `clear`, fails with reason `Unsupported`.
 * - Throws a `CacheConfigError` for a missing or invalid part of the core.
 *
 * **Example** (Refusing large payloads)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Store } from "effect-cached/adapters"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const inner = MemoryStore.make()
 * const store = Store.complete({
 *   ...inner,
 *   set: (requests) =>
 *     Effect.forEach(requests, (request) =>
 *       request.entry.payload.length > 1000
 *         ? Effect.succeed(false)
 *         : Effect.map(inner.set([request]), ([isSet]) => isSet!))
 * })
 * Effect.runSync(Stream.runCount(store.scan())) // => 0
 * ```
 *
 * @see {@link make} for a storage without leases and tags
 * @category constructors
 * @since 0.1.0
 */
export const complete: (core: StoreCore) => Store = completion.complete
