/**
 * The port to a storage: moves entries, knows no schema.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Meta, Stored } from "./CacheEntry.ts"
import type { StoreError, StoreErrorReason } from "./CacheError.ts"
import * as Damage from "./internal/store/damaged.ts"
import * as fromStorage from "./internal/store/fromStorage.ts"
import * as fromSync from "./internal/store/fromSync.ts"

/**
 * The answer to a `get`: the entry, and the versions of the tags that were asked about, in their order
 * (`undefined` for a tag without a marker).
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly entry: Stored | undefined
  readonly versions: ReadonlyArray<string | undefined>
  /** there is something under the id, and it cannot be read */
  readonly isDamaged?: boolean | undefined
}

/**
 * What a storage answers for an entry that is there and cannot be read: a miss, of which the cache warns.
 *
 * @category models
 * @since 0.1.0
 */
export const Damaged: typeof Damage.Damaged = Damage.Damaged

/**
 * The marker of a tag: `version` changes with every invalidation; `seq` is the store's invalidation counter at the
 * marker's writing.
 *
 * A version is 24 hexadecimal digits: a hard half and a soft one. A hard invalidation changes both, a soft one the soft
 * half alone. So an entry whose versions are all the markers' is as it was; where all hard halves still are the markers'
 * and a soft one is not, it is stale; otherwise, and where a marker is missing, it is gone.
 *
 * @category models
 * @since 0.1.0
 */
export interface Marker {
  readonly version: string
  readonly seq: number
}

/**
 * What an invalidation does to the entries of a tag: `hard` makes them gone, `soft` stale. See `Marker`.
 *
 * @category models
 * @since 0.1.0
 */
export type InvalidationMode = "hard" | "soft"

/**
 * The answer to `markers`: one for each tag asked, created where there was none, and the store's invalidation counter
 * as it was before any was created.
 *
 * @category models
 * @since 0.1.0
 */
export interface Markers {
  readonly seq: number
  readonly markers: ReadonlyArray<Marker>
}

/**
 * How many leaders of an id in a row have failed with a note, and the last one's note. The last failed less than a second
 * ago: later it is forgotten.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failures {
  readonly count: number
  readonly note: Uint8Array
}

/**
 * The answer to `take`: an entry that is not the one `seen`, or the right to load under a generation, or how long
 * another holder is exclusive still.
 *
 * @category models
 * @since 0.1.0
 */
export type Taken =
  | { readonly _tag: "Hit"; readonly entry: Stored }
  | {
    readonly _tag: "Lead"
    readonly generation: string
    readonly failures?: Failures | undefined
    /** the invalidation counter, as in `markers`: for tags that only the load will know */
    readonly seq?: number | undefined
  }
  | { readonly _tag: "Wait"; readonly leftMillis: number }

/**
 * What `take` is asked with.
 *
 * @category models
 * @since 0.1.0
 */
export interface TakeOptions {
  /** who asks */
  readonly owner: string
  /** exclusive for so long */
  readonly leaseMillis: number
  /** `writeId` of an entry the reader rejected, so that it is not answered for ever */
  readonly seen: string | undefined
  /** lead beside another holder: not exclusive, still guarded by the same generation */
  readonly join: boolean
}

/**
 * What others did to a store that reports it. Where a store cannot tell others from itself, it reports both.
 *
 * - `Changed`: the entry of an id was written or removed, or its removal was asked for though there was none
 * - `TagChanged`: a tag was invalidated, hard or soft
 * - `AllChanged`: the store was cleared
 * - `Gap`: something happened that cannot be told any more (what one held to be true has to be asked again)
 * - `Coherent`: from here on nothing is missed, where a store reports that at times it cannot listen
 *
 * @category models
 * @since 0.1.0
 */
export type Change =
  | { readonly _tag: "Changed"; readonly id: string }
  | { readonly _tag: "TagChanged"; readonly tag: string }
  | { readonly _tag: "AllChanged" }
  | { readonly _tag: "Gap" }
  | { readonly _tag: "Coherent" }

/**
 * Only where it holds is an explicit `set` carried out. What has expired or is gone by a tag is absent; what is stale is
 * present.
 *
 * @category models
 * @since 0.1.0
 */
export type SetCondition =
  | { readonly _tag: "IfAbsent" }
  | { readonly _tag: "IfPresent" }
  | { readonly _tag: "IfUnchanged"; readonly writeId: string }

/**
 * The deadlines that `touch` gives an entry, in epoch milliseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface TouchOptions {
  /** only where this is still the entry's */
  readonly writeId?: string | undefined
  readonly softExpiresAt: number
  readonly expiresAt: number
}

/**
 * What a store can do that not every store can.
 *
 * @category models
 * @since 0.1.0
 */
export interface Capabilities {
  /** every operation answers without waiting: the engine reads it before it forks a load */
  readonly synchronous: boolean
  /** other processes may use the same storage: a load takes an exclusive lease of it first */
  readonly shared: boolean
  /** `changes` reports what others did */
  readonly changes: boolean
}

/**
 * What `scan` takes.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScanOptions {
  readonly prefix?: string | undefined
}

/**
 * An id that is stored, and what is known about its entry.
 *
 * @category models
 * @since 0.1.0
 */
export interface Scanned {
  readonly id: string
  readonly meta: Meta
}

/**
 * A storage of entries. Whatever it does wrong (fails, hangs, lies, forgets) the engine works around.
 *
 * Entries past their `expiresAt` may be answered or not: the engine looks. An entry that cannot be read is a miss.
 *
 * @category models
 * @since 0.1.0
 */
export interface Store {
  readonly name: string
  readonly capabilities: Capabilities
  readonly get: (id: string, tags: ReadonlyArray<string>) => Effect.Effect<Answer, StoreError>
  /** as `get`, at once, throwing a `StoreError`; only where `capabilities.synchronous` */
  readonly getUnsafe: ((id: string, tags: ReadonlyArray<string>) => Answer) | undefined
  readonly getMany: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Stored | undefined>, StoreError>
  /** an explicit write: ends the id's generation, so that a load that runs cannot overwrite it; `false`: condition not met */
  readonly set: (id: string, entry: Stored, condition?: SetCondition) => Effect.Effect<boolean, StoreError>
  /** as `drop`, and says whether there was an entry */
  readonly remove: (id: string) => Effect.Effect<boolean, StoreError>
  /**
   * Gives an entry other deadlines and nothing else: no generation ends, and others are told, whose copies have the old
   * ones. `false`: there is no entry, it has expired or is gone by a tag, or it is of another write
   */
  readonly touch: (id: string, options: TouchOptions) => Effect.Effect<boolean, StoreError>
  /** the right to store what a load will bring, and one more look at what is stored, in one atomic step */
  readonly take: (id: string, options: TakeOptions) => Effect.Effect<Taken, StoreError>
  /** stores a load's result and ends the generation; `false`: the generation has ended, nothing was stored */
  readonly put: (id: string, generation: string, entry: Stored) => Effect.Effect<boolean, StoreError>
  /** prolongs the owner's exclusive time; `false`: it is no longer the owner */
  readonly keep: (id: string, owner: string, leaseMillis: number) => Effect.Effect<boolean, StoreError>
  /**
   * Gives the exclusive time back without a result; `false`: it is no longer the owner. With a note it is a failure, which
   * those who lead within a second are told of; without one, and by every `put`, `set` and `drop`, failures are forgotten.
   */
  readonly release: (id: string, owner: string, note?: Uint8Array) => Effect.Effect<boolean, StoreError>
  /** removes the entry and ends the generation */
  readonly drop: (id: string) => Effect.Effect<void, StoreError>
  /** the tags' markers, created where there are none */
  readonly markers: (tags: ReadonlyArray<string>) => Effect.Effect<Markers, StoreError>
  /** a new marker for each tag, or with `soft` a new soft half of each (default `hard`) */
  readonly invalidateTags: (tags: ReadonlyArray<string>, mode?: InvalidationMode) => Effect.Effect<void, StoreError>
  /** ids with their metadata, in no particular order */
  readonly scan: (options?: ScanOptions) => Stream.Stream<Scanned, StoreError>
  /** how many entries */
  readonly size: Effect.Effect<number, StoreError>
  /** removes all entries and ends all generations */
  readonly clear: Effect.Effect<void, StoreError>
  /** adds to a number that starts at 0, and answers the sum; `expiresAt` counts where the number is created */
  readonly increment: (
    name: string,
    by: number,
    options?: { readonly expiresAt?: number | undefined }
  ) => Effect.Effect<number, StoreError>
  /**
   * What others do from now on: endless where `capabilities.changes`, empty where not. Who listens again after it failed
   * has to reckon with a `Gap`.
   */
  readonly changes: Stream.Stream<Change, StoreError>
  /**
   * What others did since the last call (the first: since the store was made), at once and in order; cheap where that
   * was nothing. Throws a `StoreError` where it cannot tell now: nothing is lost, a later call tells.
   *
   * Where it is given, who keeps copies of entries asks it every 50 ms while it is in use, and before it serves one after
   * a pause. It has one reader; `changes` does not take anything away from it.
   */
  readonly changesUnsafe: (() => ReadonlyArray<Change>) | undefined
}

/**
 * The store of a cache: `CacheLayer.layer` needs one.
 *
 * @category services
 * @since 0.1.0
 */
export const Store: Context.Service<Store, Store> = Context.Service<Store>("effect-cached/Store")

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
  /** default: removes what `scan` finds */
  readonly clear?: Store["clear"] | undefined
  /** default: numbers of this process */
  readonly increment?: Store["increment"] | undefined
  /** default: never reports anything */
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
  readonly increment?: ((name: string, by: number, now: number, expiresAt: number | undefined) => number) | undefined
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
 * Leases as plain functions: see `Store.take`, `put`, `keep`, `release`. All but `left` are called inside `atomic`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SyncLeases {
  /** how long `take` would have to wait; 0: it would lead. A hint that spares `atomic`: it may be out of date */
  readonly left: (id: string, options: TakeOptions, now: number) => number
  /** the right to load, or how long to wait for it; `newGeneration` names a generation that has to be started */
  readonly take: (
    id: string,
    options: TakeOptions,
    now: number,
    newGeneration: () => string
  ) => Exclude<Taken, { readonly _tag: "Hit" }>
  /** whether the generation has not ended */
  readonly isCurrent: (id: string, generation: string, now: number) => boolean
  readonly end: (id: string) => void
  readonly endAll: () => void
  readonly keep: (id: string, owner: string, leaseMillis: number, now: number) => boolean
  readonly release: (id: string, owner: string, now: number, note?: Uint8Array) => boolean
}

/**
 * A `Store` over a simple storage: leases, tags, counters and batches are derived, inside this process.
 *
 * What is done to one id is done in the order it was asked, and the next begins when the one before has truly settled:
 * a `put` whose generation has ended never gets into the storage, however late the storage answers. An operation that
 * has begun runs to its end when its caller is interrupted; only the waiting ends. So a write that never answers holds up
 * its id for ever: give the storage's own operations a timeout where that can happen.
 *
 * Tags known to this process alone end with it: what has any, and every entry of a key class has one, is a miss for the
 * next process. A storage that outlives its process keeps them itself (`tags` of `makeSync`), or overrides `markers` and
 * `invalidateTags`.
 *
 * What cannot be derived fails with reason `Unsupported`. A storage that can do better (leases across processes)
 * overrides: `{ ...Store.make(simple), take }`.
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
