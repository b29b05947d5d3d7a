/**
 * What `Store.make` and `Store.makeSync` need of a storage.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Stored } from "../CacheEntry.ts"
import type { StoreError, StoreErrorReason } from "../CacheError.ts"
import type { Acquired, AcquireOptions, Change, Counter, InvalidationMode, Markers, Scanned, Store } from "./store.ts"

/**
 * What a storage answers for an entry that is there and cannot be read: a miss, of which the cache warns.
 *
 * @category models
 * @since 0.1.0
 */
export const Damaged: unique symbol = Symbol.for("effect-cached/Store/Damaged")

/**
 * What `make` needs to know about a storage, and what it may say beside that.
 *
 * An effect that fails with a `StoreError` is passed on; a defect is the engine's to work around.
 *
 * @category models
 * @since 0.1.0
 */
export interface Storage {
  readonly name: string
  /** `shared`: other processes may use the same storage (default false) */
  readonly capabilities?: { readonly shared?: boolean } | undefined
  readonly get: (id: string) => Effect.Effect<Stored | undefined, StoreError>
  readonly set: (id: string, entry: Stored) => Effect.Effect<void, StoreError>
  /** says whether there was an entry */
  readonly remove: (id: string) => Effect.Effect<boolean, StoreError>
  /** default: `get` for each */
  readonly getMany?: Store["getMany"] | undefined
  /** default: unsupported */
  readonly scan?: Store["scan"] | undefined
  /** default: counts what `scan` finds */
  readonly size?: Store["size"] | undefined
  /** default: removes what `scan` finds. It empties the storage's own counters too */
  readonly clear?: Store["clear"] | undefined
  /** counters kept by the storage itself; default: those of this process */
  readonly counters?: Pick<Store, "increment" | "counter" | "touchCounter" | "removeCounter"> | undefined
  /** default: never reports anything. It begins with `Coherent`, see `Store.changes` */
  readonly changes?: Store["changes"] | undefined
}

/**
 * A storage that answers at once, as plain functions. What they throw becomes a `StoreError`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SyncStorage {
  readonly name: string
  /** `shared`: other processes may use the same storage (default false) */
  readonly capabilities?: { readonly shared?: boolean } | undefined
  readonly get: (id: string) => Stored | typeof Damaged | undefined
  /** `now` in epoch milliseconds */
  readonly set: (id: string, entry: Stored, now: number) => void
  /** says whether there was an entry */
  readonly remove: (id: string) => boolean
  /** read lazily, a few at a time */
  readonly scan?: ((prefix: string) => Iterable<Scanned>) | undefined
  readonly size?: (() => number) | undefined
  readonly clear?: (() => void) | undefined
  /** counters kept by the storage itself; default: those of this process */
  readonly counters?: SyncCounters | undefined
  /** tag markers kept by the storage itself; default: those of this process */
  readonly tags?: SyncTags | undefined
  /** leases kept by the storage itself; default: those of this process */
  readonly leases?: SyncLeases | undefined
  /** starts to listen: what it answers tells what others did since its last call; default: never reports anything */
  readonly changes?: (() => () => ReadonlyArray<Change>) | undefined
  /** makes several steps one, against other processes too (every write is called inside it); default: they are one already */
  readonly atomic?: (<A>(steps: () => A) => A) | undefined
  /** why an operation threw; default: `Unavailable` */
  readonly reasonOf?: ((thrown: unknown) => StoreErrorReason) | undefined
  /** how an operation is tried, for instance again when the storage is busy; default: once */
  readonly attempt?: (<A>(operation: string, run: () => A) => Effect.Effect<A, StoreError>) | undefined
}

/**
 * Tag markers as plain functions: see `Store.markers`, `Store.invalidateTags`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SyncTags {
  readonly version: (tag: string) => string | undefined
  /** `newVersion` gives the version of a marker that has to be made */
  readonly markers: (tags: ReadonlyArray<string>, newVersion: () => string) => Markers
  /** `soft`: what a marker's version begins with stays (12 digits), the rest is of a new version; default `hard` */
  readonly invalidate: (tags: ReadonlyArray<string>, newVersion: () => string, mode?: InvalidationMode) => void
}

/**
 * Counters as plain functions, each called inside `atomic`: a counter is read, changed and written in one step.
 *
 * @category models
 * @since 0.1.0
 */
export interface SyncCounters {
  /** as it was set, expired or not */
  readonly get: (name: string) => Counter | undefined
  /** `now`: what has expired may be forgotten */
  readonly set: (name: string, counter: Counter, now: number) => void
  /** says whether there was one */
  readonly remove: (name: string) => boolean
  readonly clear: () => void
}

/**
 * Leases as plain functions: see `Store.acquire`, `commit`, `renew`, `release`. All but `leftMillis` are called inside
 * `atomic`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SyncLeases {
  /** how long `acquire` would have to wait; 0: it would be granted. A hint that spares `atomic`: it may be out of date */
  readonly leftMillis: (id: string, options: AcquireOptions, now: number) => number
  /** the right to load, or how long to wait for it; `newGeneration` names a generation that has to be started */
  readonly acquire: (
    id: string,
    options: AcquireOptions,
    now: number,
    newGeneration: () => string
  ) => Exclude<Acquired, { readonly _tag: "Hit" }>
  /** whether the generation has not ended */
  readonly isCurrent: (id: string, generation: string, now: number) => boolean
  readonly end: (id: string) => void
  readonly endAll: () => void
  readonly renew: (id: string, owner: string, leaseMillis: number, now: number) => boolean
  readonly release: (id: string, owner: string, now: number, note?: Uint8Array) => boolean
}
