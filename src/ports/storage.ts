/**
 * The types of the storages from which `Store.make` and `Store.makeSync` create stores.
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Stored } from "../CacheEntry.ts"
import type { StoreError, StoreErrorReason } from "../CacheError.ts"
import type {
  Acquired,
  AcquireRequest,
  Change,
  Counter,
  InvalidationMode,
  Markers,
  NamedCounter,
  Scanned,
  Store
} from "./store.ts"

/**
 * Whether a storage is shared by several processes, and whether it outlives them.
 *
 * In a storage that is `lasting` or `shared`, tag markers are entries too, with ids that begin with `~:t:` and without
 * a deadline: one entry for each tag, or two if the storage is shared. `scan`, `size` and patterns skip the markers.
 * `clear` removes them. A storage may evict a marker. The entries with its tag then become misses.
 * @category models
 * @since 0.1.0
 */
export interface StorageCapabilities {
  /** Whether other processes may use the same storage (default `false`). */
  readonly shared?: boolean | undefined
  /**
   * Whether the storage and its tags outlive the process (default: `true` if it is shared or has `setIfAbsent`). If
   * `false`, every entry with a tag, which includes every entry of a key class, is a miss for the next process.
   */
  readonly lasting?: boolean | undefined
}

/**
 * A storage for `Store.make`: three functions, and optional ones that replace derived operations. If a function fails
 * with a `StoreError`, the store's operation fails with that error. A defect also counts as a failure of the store.
 * @see {@link SyncStorage} for a synchronous storage
 * @category models
 * @since 0.1.0
 */
export interface Storage {
  readonly name: string
  readonly capabilities?: StorageCapabilities | undefined
  readonly get: (id: string) => Effect.Effect<Stored | undefined, StoreError>
  readonly set: (id: string, entry: Stored) => Effect.Effect<void, StoreError>
  /** Writes an entry if the id has none, in one atomic step for all processes. Required if the storage is `shared`. */
  readonly setIfAbsent?: ((id: string, entry: Stored) => Effect.Effect<boolean, StoreError>) | undefined
  /** Removes an entry, and returns whether there was one. */
  readonly remove: (id: string) => Effect.Effect<boolean, StoreError>
  /** Reads the entries of many ids (default: one `get` for each). */
  readonly getMany?: Store["getMany"] | undefined
  /** Lists the stored ids with their metadata (default: unsupported). */
  readonly scan?: Store["scan"] | undefined
  /** Counts the entries (default: the entries that `scan` finds). */
  readonly size?: Store["size"] | undefined
  /** Removes all entries, and the counters that the storage keeps (default: removes the entries that `scan` finds). */
  readonly clear?: Store["clear"] | undefined
  /** Counters that the storage keeps, and that its `clear` removes (default: counters kept in this process). */
  readonly counters?: StorageCounters | undefined
  /** The stream of changes by other processes, as described at `Store.changes` (default: no changes). */
  readonly changes?: Store["changes"] | undefined
}

/**
 * The counters of a `Storage`: the counter operations of `Store`, each of which is one atomic step.
 * @category models
 * @since 0.1.0
 */
export interface StorageCounters extends Pick<Store, "increment" | "counter" | "touchCounter" | "removeCounter"> {
  /** Lists the counters, in any order (default: unsupported). */
  readonly scanCounters?: Store["scanCounters"] | undefined
}

/**
 * A synchronous storage for `Store.makeSync`: plain functions. An error that one of them throws becomes a `StoreError`.
 * @see {@link Storage} for an asynchronous storage
 * @category models
 * @since 0.1.0
 */
export interface SyncStorage {
  readonly name: string
  readonly capabilities?: StorageCapabilities | undefined
  /** The entry of an id, or `"damaged"` for one that cannot be read: the read is a miss, and the cache warns. */
  readonly get: (id: string) => Stored | "damaged" | undefined
  /** Writes an entry. `now` is the current time in epoch milliseconds. */
  readonly set: (id: string, entry: Stored, now: number) => void
  /** Writes an entry if the id has none, atomically for all processes. A `shared` storage needs this or `tags`. */
  readonly setIfAbsent?: ((id: string, entry: Stored, now: number) => boolean) | undefined
  /** Removes an entry, and returns whether there was one. */
  readonly remove: (id: string) => boolean
  /** The capacity of the storage in bytes (default: unknown). */
  readonly maxSize?: number | undefined
  /** Lists the stored ids that begin with a prefix. The iterable is read lazily, in steps of 256 ids. */
  readonly scan?: ((prefix: string) => Iterable<Scanned>) | undefined
  /** Counts the entries (default: the entries that `scan` finds). */
  readonly size?: (() => number) | undefined
  /** Removes all entries (default: removes the entries that `scan` finds). */
  readonly clear?: (() => void) | undefined
  /** Counters that the storage keeps (default: counters kept in this process). */
  readonly counters?: SyncCounters | undefined
  /** Tag markers kept apart from entries (default: entries in a `lasting` storage, otherwise kept in this process). */
  readonly tags?: SyncTags | undefined
  /** Leases that the storage keeps (default: leases kept in this process). */
  readonly leases?: SyncLeases | undefined
  /** Starts to listen, and returns a function that returns the changes by other processes since its previous call. */
  readonly changes?: (() => () => ReadonlyArray<Change>) | undefined
  /**
   * Runs `steps` atomically with respect to other processes. If they throw, undoes their writes to entries, leases and
   * counters, but not to `tags` (default: runs `steps` without atomicity; a `shared` storage then has no `transact`).
   */
  readonly atomic?: (<A>(steps: () => A) => A) | undefined
  /**
   * Runs `look`, which only reads and must not wait for a writer, and returns its result. If the result is `undefined`,
   * runs `steps` like `atomic`, and passes `true` if nothing has changed since `look`. If this method is absent, the
   * store runs `look` by itself and, if necessary, `atomic`.
   */
  readonly orAtomic?: (<A>(look: () => A | undefined, steps: (isSame: boolean) => A) => A) | undefined
  /**
   * Runs `reads` on one snapshot, which shows either all writes of another process's `atomic` or none of them. Reads
   * must not wait for a writer (default: runs `reads` without a snapshot).
   */
  readonly snapshot?: (<A>(reads: () => A) => A) | undefined
  /** Returns a text that changes with every write, removal and invalidation by any process. Called inside `atomic`. */
  readonly position?: (() => string) | undefined
  /** How many milliseconds the storage has spent working so far (see `Store.workedMillis`). */
  readonly workedMillis?: (() => number) | undefined
  /** Returns the `StoreError` reason for a thrown error (default: `Unavailable`). */
  readonly reasonOf?: ((thrown: unknown) => StoreErrorReason) | undefined
  /** Runs an operation on `items` ids, and may repeat it, for instance while the storage is busy (default: once). */
  readonly attempt?: (<A>(operation: string, run: () => A, items: number) => Effect.Effect<A, StoreError>) | undefined
}

/**
 * The tag markers of a `SyncStorage` that keeps them apart from its entries, as plain functions. Each is one atomic
 * step by itself and runs outside `SyncStorage.atomic`. Two exceptions run inside `atomic`: `remove`, and `invalidate`
 * as a part of `Store.transact`.
 * @category models
 * @since 0.1.0
 */
export interface SyncTags {
  /** The version of a tag's marker, or `undefined` if the tag has none. */
  readonly version: (tag: string) => string | undefined
  /** Returns the markers of tags, and creates missing ones with a version from `newVersion`. */
  readonly markers: (tags: ReadonlyArray<string>, newVersion: () => string) => Markers
  /** Gives each tag a new version. Mode `soft` keeps the first 12 digits of the version. The default is `hard`. */
  readonly invalidate: (tags: ReadonlyArray<string>, newVersion: () => string, mode?: InvalidationMode) => void
  /**
   * Deletes the markers of tags that stand for ids, as the last step of a removal or an explicit write, inside
   * `atomic`. Usually no such marker exists. Markers that this method deletes, or that the storage evicts, are reported
   * as `TagChanged`. If this method is absent, the storage does not support `inherit: "changes"`.
   */
  readonly remove?: ((tags: ReadonlyArray<string>) => void) | undefined
}

/**
 * The counters of a `SyncStorage`, as plain functions. Functions that change counters run inside `SyncStorage.atomic`.
 * @category models
 * @since 0.1.0
 */
export interface SyncCounters {
  /** The counter as it was last written, even if it has expired. */
  readonly get: (name: string) => Counter | undefined
  /** Writes a counter, and may remove counters that have expired at `now`. */
  readonly set: (name: string, counter: Counter, now: number) => void
  /** Removes a counter, and returns whether there was one. */
  readonly remove: (name: string) => boolean
  readonly clear: () => void
  /** Lists counters whose names begin with `prefix`, even expired ones. Read in steps of 256 (default: unsupported). */
  readonly scan?: ((prefix: string) => Iterable<NamedCounter>) | undefined
}

/**
 * The leases of a `SyncStorage`, as plain functions behind `Store.acquire`, `commit`, `renew` and `release`. All except
 * `leftMillis` run inside `SyncStorage.atomic`.
 * @category models
 * @since 0.1.0
 */
export interface SyncLeases {
  /** How many milliseconds `acquire` would have to wait, or 0 if it may succeed. The answer may be outdated. */
  readonly leftMillis: (request: AcquireRequest, now: number) => number
  /** Grants the lease of an id, or returns how long to wait. `newGeneration` returns a name for a new generation. */
  readonly acquire: (
    request: AcquireRequest,
    now: number,
    newGeneration: () => string
  ) => Exclude<Acquired, { readonly _tag: "Hit" }>
  /** Whether `generation` is the current generation of the id. */
  readonly isCurrent: (id: string, generation: string, now: number) => boolean
  /** The ids with a generation that begin with `prefix`. The iterable is read lazily, in steps of 256 ids. */
  readonly ids: (prefix: string) => Iterable<string>
  readonly end: (id: string) => void
  readonly endAll: () => void
  /** Restarts the lease of `owner`, as `Store.renew` does. */
  readonly renew: (id: string, owner: string, leaseMillis: number, now: number) => boolean
  /** Ends the lease of `owner`, as `Store.release` does. */
  readonly release: (id: string, owner: string, now: number, note?: Uint8Array) => boolean
}
