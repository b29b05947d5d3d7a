/**
 * The storages from which `Store.make` and `Store.makeSync` create a store: the types.
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Stored } from "../CacheEntry.ts"
import type { StoreError, StoreErrorReason } from "../CacheError.ts"
import type {
  Acquired,
  AcquireOptions,
  Change,
  Counter,
  InvalidationMode,
  Markers,
  NamedCounter,
  Scanned,
  Store
} from "./store.ts"

/**
 * The answer of a `SyncStorage` for an entry that exists but cannot be read. It is a miss, and the cache warns.
 *
 * **Example** (Reporting a damaged file)
 *
 * ```ts
 * import { type CacheEntry, Store } from "effect-cached"
 *
 * const files = new Map<string, CacheEntry.Stored | "cut off">([["page", "cut off"]])
 * const store = Store.makeSync({
 *   name: "map",
 *   get: (id) => {
 *     const file = files.get(id)
 *     return file === "cut off" ? Store.Damaged : file
 *   },
 *   set: (id, entry) => void files.set(id, entry),
 *   remove: (id) => files.delete(id)
 * })
 * store.getUnsafe("page", []).isDamaged // => true
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export const Damaged: unique symbol = Symbol.for("effect-cached/Store/Damaged")

/**
 * The users and the lifetime of a storage.
 *
 * In a storage that is `lasting` or `shared`, the markers of tags are entries too, under ids with the prefix `~:t:`,
 * without a deadline: one for each tag, or two if the storage is shared. `scan`, `size` and patterns leave them out,
 * `clear` removes them. A storage may evict them, which makes the entries of the tag misses.
 * @category models
 * @since 0.1.0
 */
export interface StorageCapabilities {
  /** Other processes may use the same storage (default `false`). */
  readonly shared?: boolean | undefined
  /**
   * The storage outlives the process, and its tags do too (default: `true` if it is shared or has `setIfAbsent`).
   * Otherwise every entry with a tag, and so every entry of a key class, is a miss for the next process.
   */
  readonly lasting?: boolean | undefined
}

/**
 * A storage for `Store.make`: three functions, and optional ones for further abilities. A `StoreError` is passed on. A
 * defect counts as a failure of the store.
 * @see {@link SyncStorage} for a storage that answers without waiting
 * @category models
 * @since 0.1.0
 */
export interface Storage {
  readonly name: string
  readonly capabilities?: StorageCapabilities | undefined
  readonly get: (id: string) => Effect.Effect<Stored | undefined, StoreError>
  readonly set: (id: string, entry: Stored) => Effect.Effect<void, StoreError>
  /** Writes an entry if the id has none: one atomic step for all processes. A `shared` storage needs it. */
  readonly setIfAbsent?: ((id: string, entry: Stored) => Effect.Effect<boolean, StoreError>) | undefined
  /** Removes an entry, and answers whether there was one. */
  readonly remove: (id: string) => Effect.Effect<boolean, StoreError>
  /** The entries of many ids (default: `get` for each). */
  readonly getMany?: Store["getMany"] | undefined
  /** The stored ids with their metadata (default: unsupported). */
  readonly scan?: Store["scan"] | undefined
  /** The number of entries (default: counts what `scan` finds). */
  readonly size?: Store["size"] | undefined
  /** Removes all entries, and the counters that the storage keeps (default: removes the entries that `scan` finds). */
  readonly clear?: Store["clear"] | undefined
  /** Counters kept by the storage; its `clear` has to remove them (default: counters of this process). */
  readonly counters?: StorageCounters | undefined
  /** The changes by other processes, beginning with `Coherent`; see `Store.changes` (default: nothing is reported). */
  readonly changes?: Store["changes"] | undefined
}

/**
 * Counters as effects: the operations of `Store` on counters, each one atomic step.
 * @category models
 * @since 0.1.0
 */
export interface StorageCounters extends Pick<Store, "increment" | "counter" | "touchCounter" | "removeCounter"> {
  /** The counters, in any order (default: unsupported). */
  readonly scanCounters?: Store["scanCounters"] | undefined
}

/**
 * A storage for `Store.makeSync`, which answers without waiting: plain functions. Their errors become `StoreError`s.
 * @see {@link Storage} for a storage that answers with effects
 * @category models
 * @since 0.1.0
 */
export interface SyncStorage {
  readonly name: string
  readonly capabilities?: StorageCapabilities | undefined
  /** The entry of an id, or `Damaged` for an entry that cannot be read. */
  readonly get: (id: string) => Stored | typeof Damaged | undefined
  /** Writes an entry. `now` is in epoch milliseconds. */
  readonly set: (id: string, entry: Stored, now: number) => void
  /** Writes an entry if the id has none: one atomic step for all processes. A `shared` storage needs it, or `tags`. */
  readonly setIfAbsent?: ((id: string, entry: Stored, now: number) => boolean) | undefined
  /** Removes an entry, and answers whether there was one. */
  readonly remove: (id: string) => boolean
  /** The capacity of the storage in bytes (default: unknown). */
  readonly maxSize?: number | undefined
  /** The stored ids that begin with a prefix, read lazily, 256 in one step. */
  readonly scan?: ((prefix: string) => Iterable<Scanned>) | undefined
  /** The number of entries (default: counts what `scan` finds). */
  readonly size?: (() => number) | undefined
  /** Removes all entries (default: removes what `scan` finds). */
  readonly clear?: (() => void) | undefined
  /** Counters kept by the storage (default: counters of this process). */
  readonly counters?: SyncCounters | undefined
  /** Tag markers kept by the storage (default: entries of a `lasting` storage, otherwise markers of this process). */
  readonly tags?: SyncTags | undefined
  /** Leases kept by the storage (default: leases of this process). */
  readonly leases?: SyncLeases | undefined
  /** Starts to listen, and returns a function that reports the changes by other processes since its last call. */
  readonly changes?: (() => () => ReadonlyArray<Change>) | undefined
  /**
   * Runs several steps atomically with respect to other processes, and undoes them if one throws: all writes of
   * entries, leases and counters, but not those of `tags` (default: runs the steps as they are; a `shared` storage then
   * has no `transact`).
   */
  readonly atomic?: (<A>(steps: () => A) => A) | undefined
  /**
   * Returns the result of `look`, which only reads and must not wait for a writer. If that is `undefined`, runs `steps`
   * like `atomic`. `isSame` is `true` if nothing has changed since the look (default: `look`, and then `atomic`).
   */
  readonly orAtomic?: (<A>(look: () => A | undefined, steps: (isSame: boolean) => A) => A) | undefined
  /**
   * Runs several reads that see all of what another process has written inside `atomic`, or nothing of it. They must
   * not wait for a writer (default: runs the reads as they are).
   */
  readonly snapshot?: (<A>(reads: () => A) => A) | undefined
  /** A text that changes with every write, removal and invalidation, by other processes too. Read inside `atomic`. */
  readonly position?: (() => string) | undefined
  /** See `Store.workedMillis`. */
  readonly workedMillis?: (() => number) | undefined
  /** The reason for a thrown error (default: `Unavailable`). */
  readonly reasonOf?: ((thrown: unknown) => StoreErrorReason) | undefined
  /** Runs an operation, for instance again while the storage is busy (default: once). */
  readonly attempt?: (<A>(operation: string, run: () => A) => Effect.Effect<A, StoreError>) | undefined
}

/**
 * Tag markers as plain functions, for a storage with a separate place for them: `Store.markers` and
 * `Store.invalidateTags` of a `SyncStorage`. Each is an atomic step by itself and does not run inside `atomic`, except
 * `invalidate` as a part of `Store.transact`.
 * @category models
 * @since 0.1.0
 */
export interface SyncTags {
  /** The version of a tag's marker, if it has one. */
  readonly version: (tag: string) => string | undefined
  /** The markers of tags. `newVersion` creates the version of a missing one. */
  readonly markers: (tags: ReadonlyArray<string>, newVersion: () => string) => Markers
  /** Gives each tag a new version. With `soft`, the first 12 digits of its current version stay (default `hard`). */
  readonly invalidate: (tags: ReadonlyArray<string>, newVersion: () => string, mode?: InvalidationMode) => void
  /**
   * Deletes the markers of tags that stand for ids, as the last step of a removal or a write by hand, inside `atomic`.
   * Deleted markers are reported as `TagChanged`, and so is a marker dropped to make room. Usually there are none
   * (default: none; then there is no `inherit: "changes"` over the storage).
   */
  readonly remove?: ((tags: ReadonlyArray<string>) => void) | undefined
}

/**
 * Counters as plain functions. Each change runs inside `atomic`.
 * @category models
 * @since 0.1.0
 */
export interface SyncCounters {
  /** The counter as it was set, whether expired or not. */
  readonly get: (name: string) => Counter | undefined
  /** Writes a counter. Counters that have expired at `now` may be removed. */
  readonly set: (name: string, counter: Counter, now: number) => void
  /** Removes a counter, and answers whether there was one. */
  readonly remove: (name: string) => boolean
  readonly clear: () => void
  /**
   * The counters whose names begin with a prefix, expired or not, read lazily, 256 in one step (default: unsupported).
   */
  readonly scan?: ((prefix: string) => Iterable<NamedCounter>) | undefined
}

/**
 * Leases as plain functions: `acquire`, `commit`, `renew` and `release` of a `SyncStorage`. All but `leftMillis` run
 * inside `atomic`.
 * @category models
 * @since 0.1.0
 */
export interface SyncLeases {
  /** How long `acquire` would have to wait, 0 if it is worth a try. A hint, which may be outdated. */
  readonly leftMillis: (id: string, options: AcquireOptions, now: number) => number
  /** Grants the right to load, or answers how long to wait. `newGeneration` names a new generation. */
  readonly acquire: (
    id: string,
    options: AcquireOptions,
    now: number,
    newGeneration: () => string
  ) => Exclude<Acquired, { readonly _tag: "Hit" }>
  /** `acquire`, called if nothing has changed since `leftMillis` with the same arguments (default: `acquire`). */
  readonly acquireSame?: SyncLeases["acquire"] | undefined
  /** Whether this is the current generation of the id. */
  readonly isCurrent: (id: string, generation: string, now: number) => boolean
  readonly end: (id: string) => void
  readonly endAll: () => void
  /** See `Store.renew`. */
  readonly renew: (id: string, owner: string, leaseMillis: number, now: number) => boolean
  /** See `Store.release`. */
  readonly release: (id: string, owner: string, now: number, note?: Uint8Array) => boolean
}
