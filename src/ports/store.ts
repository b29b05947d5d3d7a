/**
 * The types of the port for stores. Its constructors are in `Store`.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Stream from "effect/Stream"
import type { Stored } from "../CacheEntry.ts"
import type { StoreError } from "../CacheError.ts"
import type { Change } from "./changes.ts"
import type { Answer, Scanned, ScanOptions, SetRequest, TouchOptions } from "./entries.ts"
import type { Acquired, AcquireRequest, CommitRequest } from "./leases.ts"
import type { InvalidationMode, Markers } from "./markers.ts"
import type { Transacted, TransactRequest } from "./transact.ts"

export type * from "./changes.ts"
export type * from "./entries.ts"
export type * from "./leases.ts"
export type * from "./markers.ts"
export type * from "./transact.ts"

/**
 * A counter of a store: its value and its expiry.
 * @category models
 * @since 0.1.0
 */
export interface Counter {
  /** The value of the counter, a safe integer. */
  readonly value: number
  /** The expiry of the counter, in epoch milliseconds. `Infinity` means never. */
  readonly expiresAt: number
}

/**
 * A counter of a store with its name: an item of `Store.scanCounters`.
 * @category models
 * @since 0.1.0
 */
export interface NamedCounter extends Counter {
  readonly name: string
}

/**
 * The optional capabilities of a store.
 * @category models
 * @since 0.1.0
 */
export interface Capabilities {
  /** Whether other processes may use the same storage. If so, a load first acquires the lease of its id. */
  readonly shared: boolean
  /** Whether `Store.changes` reports the changes by other processes. */
  readonly changes: boolean
  /**
   * Whether the store can keep entries that depend on other entries (`inherit: "changes"`). If so, `remove`, `set`
   * and `transact` also delete the markers of an id (tag `~=` plus the id) and of its group (tag `~*` plus the id up to
   * its first `:`) in the same step. The store reports deleted markers, evicted ones too, as
   * `TagChanged`, or else all such changes of ids with `endsMarkers`. `clear` makes the versions of all such markers
   * invalid. `"ids"`: the store deletes only the markers of ids, because it cannot delete those of groups in the same
   * step.
   */
  readonly dependencies?: boolean | "ids" | undefined
  /** Whether several servers hold the ids, as in a cluster, so that an operation may fail for some of them only. */
  readonly sharded?: boolean | undefined
  /** Whether the store keeps copies that its own `changes` end, so that a cache without memory follows them too. */
  readonly copies?: boolean | undefined
  /** Whether `getMany` sends a request for each id. `Store.complete` and `Store.make` set it if they derive it. */
  readonly separate?: boolean | undefined
}

/**
 * Stores encoded entries, and knows no schemas: the port between the cache and a database, a folder or a server.
 *
 * **When to use**
 *
 * Use to cache in a storage that no ready-made layer covers. Most adapters use `Store.make` or `Store.makeSync`, which
 * need only three functions.
 *
 * **Details**
 *
 * - Every operation on one id is one atomic step. An operation on many ids is one atomic step for each id, but not as a
 *   whole: if it fails, some of its steps may have been carried out. Its results are in the order of the ids.
 * - A store may return an expired entry, because the engine checks `expiresAt` itself. An unreadable entry is a miss.
 * - Operations fail only with a `StoreError`. The engine tolerates failures, missing answers and wrong answers.
 * - `storeLaws` of `effect-cached/testing` test an adapter; `sharedStoreLaws` test an adapter that processes share.
 *
 * **Example** (Reading a store without a cache)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Store } from "effect-cached/adapters"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const program = Effect.gen(function*() {
 *   const store = yield* Store.Store
 *   yield* store.increment("visits", 2)
 *   return [yield* store.size, yield* store.counter("visits")]
 * })
 * await Effect.runPromise(Effect.provide(program, MemoryStore.layer)) // => [0, { value: 2, expiresAt: Infinity }]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Store {
  readonly name: string
  readonly capabilities: Capabilities
  /** Whether all servers of the store answer. If so, an outage ends. If absent, the first success ends an outage. */
  readonly isWhole?: (() => boolean) | undefined
  /**
   * The shortest time that the storage takes to answer, in milliseconds, for storages that are reached over a network.
   * From 8 ms on, a load asks for its entry and its lease with one `acquire`, and its callers do not wait for `commit`.
   * Below, it does the former while most reads load.
   */
  readonly distanceMillis?: (() => number) | undefined
  /**
   * How many milliseconds the store has spent working so far. Only for synchronous stores that queue operations. If
   * present, `storeTimeout` limits this time instead of elapsed time, so that waits for a busy event loop do not count
   * (within limits). If absent, `storeTimeout` limits elapsed time, except while the event loop was blocked. An
   * `acquire` that fails with `Timeout`, or is interrupted while it is queued, must never be carried out later, because
   * the cache does not release its lease.
   */
  readonly workedMillis?: (() => number) | undefined
  /** The capacity of the store in bytes, if known. A cached stream takes at most a share of the capacity. */
  readonly maxSize?: number | undefined
  /** Reads the entry of an id, and the versions of tags. */
  readonly get: (id: string, tags: ReadonlyArray<string>) => Effect.Effect<Answer, StoreError>
  /** A synchronous `get`, which may throw a `StoreError`. Only for stores that answer without waiting. */
  readonly getUnsafe: ((id: string, tags: ReadonlyArray<string>) => Answer) | undefined
  /**
   * A `get` that passes its answer to `done` exactly once, possibly before it returns. `done` never throws. Only for
   * stores whose answers take time. It saves a fiber and a timer for each read.
   */
  readonly getCallback:
    | ((id: string, tags: ReadonlyArray<string>, done: (exit: Exit.Exit<Answer, StoreError>) => void) => void)
    | undefined
  /** Reads the entries of many ids, in the order of `ids`. */
  readonly getMany: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Stored | undefined>, StoreError>
  /** Writes entries and ends the generations of their ids. Returns `false` for one whose condition does not hold. */
  readonly set: (requests: ReadonlyArray<SetRequest>) => Effect.Effect<ReadonlyArray<boolean>, StoreError>
  /**
   * Removes entries and ends the generations of their ids. Returns for each whether it was live: neither expired nor
   * removed by a hard invalidation of a tag. If several callers remove an entry at the same time, only one gets `true`.
   */
  readonly remove: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<boolean>, StoreError>
  /**
   * Changes only the deadlines of an entry. Its generation continues, and the change is reported to other processes.
   * Returns `false` if the entry is missing, expired or removed by a hard invalidation, or does not match `options`.
   */
  readonly touch: (id: string, options: TouchOptions) => Effect.Effect<boolean, StoreError>
  /** Requests the leases of ids, and looks once more for stored entries, for each id in one atomic step. */
  readonly acquire: (requests: ReadonlyArray<AcquireRequest>) => Effect.Effect<ReadonlyArray<Acquired>, StoreError>
  /** Stores loads' results and ends their generations. For one whose generation has ended, only returns `false`. */
  readonly commit: (requests: ReadonlyArray<CommitRequest>) => Effect.Effect<ReadonlyArray<boolean>, StoreError>
  /** Restarts leases of `owner` with this length. Returns `false` for a lease that `owner` does not hold. */
  readonly renew: (
    ids: ReadonlyArray<string>,
    owner: string,
    leaseMillis: number
  ) => Effect.Effect<ReadonlyArray<boolean>, StoreError>
  /**
   * Ends the lease of `owner` without a result. Returns `false` if `owner` does not hold it. A note records a failure,
   * which `Granted` reports for one second. Without a note, clears the failures, as `commit`, `set` and `remove` do.
   */
  readonly release: (id: string, owner: string, note?: Uint8Array) => Effect.Effect<boolean, StoreError>
  /** Reads the markers of tags, and creates missing ones. */
  readonly markers: (tags: ReadonlyArray<string>) => Effect.Effect<Markers, StoreError>
  /** Gives each tag a new version. Mode `soft` changes only the soft half of the version. The default is `hard`. */
  readonly invalidateTags: (tags: ReadonlyArray<string>, mode?: InvalidationMode) => Effect.Effect<void, StoreError>
  /** Lists the stored ids with their metadata, in any order. */
  readonly scan: (options?: ScanOptions) => Stream.Stream<Scanned, StoreError>
  /**
   * Lists the ids of loads whose results `commit` may still store, in any order: all ids whose generations began before
   * the listing and have not ended. May also list ids of loads that have ended.
   */
  readonly scanLoads: (options?: ScanOptions) => Stream.Stream<string, StoreError>
  readonly size: Effect.Effect<number, StoreError>
  /** Removes all entries and all counters, and ends all generations. */
  readonly clear: Effect.Effect<void, StoreError>
  /**
   * Adds to a counter, which starts at 0, and returns the sum. `expiresAt` applies only if this creates the counter. A
   * sum that is not a safe integer fails with reason `OutOfRange`. Adding 0 only reads the counter.
   */
  readonly increment: (
    name: string,
    by: number,
    options?: { readonly expiresAt?: number | undefined }
  ) => Effect.Effect<number, StoreError>
  /** Reads a counter. Returns `undefined` if it does not exist or has expired. */
  readonly counter: (name: string) => Effect.Effect<Counter | undefined, StoreError>
  /** Changes the expiry of a counter, in epoch milliseconds. Returns `false` if the counter does not exist. */
  readonly touchCounter: (name: string, expiresAt: number) => Effect.Effect<boolean, StoreError>
  /** Removes a counter. Returns `false` if the counter did not exist. */
  readonly removeCounter: (name: string) => Effect.Effect<boolean, StoreError>
  /** Lists the counters, in any order, possibly with expired ones. */
  readonly scanCounters: (options?: ScanOptions) => Stream.Stream<NamedCounter, StoreError>
  /**
   * Runs checks and steps on many ids, tags and counters as one atomic step: all or nothing. After a `StoreError` other
   * than `Timeout` or `Unavailable`, nothing has changed. If absent, the store supports no transactions.
   */
  readonly transact?: ((request: TransactRequest) => Effect.Effect<Transacted, StoreError>) | undefined
  /**
   * Streams the changes that other processes make from now on: none without `capabilities.changes`. A run of the
   * stream emits `Coherent` as soon as it listens, and fails or ends only when it can listen no longer. Until the next
   * run, changes are lost, and the process trusts its memory for at most `maxStaleness`.
   */
  readonly changes: Stream.Stream<Change, StoreError>
  /**
   * Returns the changes that other processes made since the previous call (or since the store was created), in order.
   * Excludes changes by this store. Throws a `StoreError` if the store cannot answer at the moment; a later call then
   * returns the missed changes. Must be cheap if nothing has changed: instead of using `changes`, the engine calls it
   * every 50 ms while the cache is in use, and, after a pause, before it serves an entry from memory.
   */
  readonly changesUnsafe: (() => ReadonlyArray<Change>) | undefined
}

/**
 * The operations that every store must implement, in addition to `get` or `getCallback`. All others are optional.
 * @see {@link Store} for all operations, of which `Store.complete` derives the missing ones
 * @category models
 * @since 0.1.0
 */
export type StoreCore =
  & Pick<Store, CoreOperation>
  & { readonly [K in Exclude<keyof Store, CoreOperation>]?: Store[K] | undefined }

/** @internal */
export type CoreOperation =
  | "name"
  | "capabilities"
  | "set"
  | "remove"
  | "touch"
  | "acquire"
  | "commit"
  | "renew"
  | "release"
  | "markers"
  | "invalidateTags"

/**
 * The service that provides a store, required by `CacheLayer.layer` and `CacheLayer.layer`.
 *
 * **When to use**
 *
 * Use to provide a custom store, or to access the store of a cache in a test.
 *
 * **Example** (Providing a custom store)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { Store } from "effect-cached/adapters"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const store = Layer.sync(Store.Store, MemoryStore.make)
 * const cache = CacheLayer.layer().pipe(Layer.provideMerge(store))
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.set("answer", 42)
 *   return yield* (yield* Store.Store).size
 * }).pipe(Effect.provide(cache))) // => 1
 * ```
 *
 * @see `Store.make` for creating a store
 * @category services
 * @since 0.1.0
 */
export const Store: Context.Service<Store, Store> = Context.Service<Store>("effect-cached/Store")
