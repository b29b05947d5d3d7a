/**
 * The port to a storage: moves entries, knows no schema. Its constructors are in `Store`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Meta, Stored } from "../CacheEntry.ts"
import type { StoreError } from "../CacheError.ts"

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
 * The answer to `acquire`: an entry other than the rejected one, the right to load under a generation, or how long to
 * wait before asking again.
 *
 * @category models
 * @since 0.1.0
 */
export type Acquired =
  | { readonly _tag: "Hit"; readonly entry: Stored }
  | {
    readonly _tag: "Granted"
    readonly generation: string
    readonly failures?: Failures | undefined
    /** the invalidation counter, as in `markers`: for tags that only the load will know */
    readonly seq?: number | undefined
  }
  | { readonly _tag: "Wait"; readonly leftMillis: number }

/**
 * What `acquire` is asked with.
 *
 * @category models
 * @since 0.1.0
 */
export interface AcquireOptions {
  /** who asks */
  readonly owner: string
  /** how long the lease is exclusive unless it is renewed */
  readonly leaseMillis: number
  /** `writeId` of an entry that the reader has rejected, so that it is not answered for ever */
  readonly rejectedWriteId: string | undefined
  /** what happens while another owner holds the lease */
  readonly join: Join
}

/**
 * What happens to `acquire` while another owner holds the lease.
 *
 * - `false`: it waits
 * - `true`: it leads beside the holder: not exclusive, still guarded by the same generation
 * - `{ afterMillis }`: it leads beside the holder if that long has passed since the last that led beside it, and records
 *   that in the same atomic step; otherwise it waits for what is left. A take-over of the lease clears the record. So of
 *   many processes that lose patience at once one leads beside the holder, and one more after each further `afterMillis`
 *
 * @category models
 * @since 0.1.0
 */
export type Join = boolean | { readonly afterMillis: number }

/**
 * One of many `acquire`s.
 *
 * @category models
 * @since 0.1.0
 */
export interface AcquireRequest extends AcquireOptions {
  readonly id: string
}

/**
 * One of many `commit`s.
 *
 * @category models
 * @since 0.1.0
 */
export interface CommitRequest {
  readonly id: string
  readonly generation: string
  readonly entry: Stored
}

/**
 * One of many `set`s.
 *
 * @category models
 * @since 0.1.0
 */
export interface SetRequest {
  readonly id: string
  readonly entry: Stored
}

/**
 * A counter: a safe integer, and when it expires, in epoch milliseconds (`Infinity`: never).
 *
 * @category models
 * @since 0.1.0
 */
export interface Counter {
  readonly value: number
  readonly expiresAt: number
}

/**
 * What others did to a store that reports it. Where a store cannot tell others from itself, it reports both.
 *
 * - `Changed`: the entry of an id was written or removed, or its removal was asked for though there was none
 * - `TagChanged`: a tag was invalidated, hard or soft
 * - `AllChanged`: the store was cleared
 * - `Gap`: something was missed, and cannot be told any more: every copy has to be read again
 * - `Coherent`: from here on nothing is missed. The `changes` stream says it first of all, as soon as it listens
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
  /** as `get`, at once, throwing a `StoreError`; only where the store answers without waiting */
  readonly getUnsafe: ((id: string, tags: ReadonlyArray<string>) => Answer) | undefined
  readonly getMany: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Stored | undefined>, StoreError>
  /** an explicit write: ends the id's generation, so that a load that runs cannot overwrite it; `false`: condition not met */
  readonly set: (id: string, entry: Stored, condition?: SetCondition) => Effect.Effect<boolean, StoreError>
  /** `set` for each, without a condition. Where it fails, some of them may have been set */
  readonly setMany: (requests: ReadonlyArray<SetRequest>) => Effect.Effect<void, StoreError>
  /** removes the entry and ends the generation; answers whether there was an entry */
  readonly remove: (id: string) => Effect.Effect<boolean, StoreError>
  /** `remove` for each, answered in their order. Where it fails, some of them may have been removed */
  readonly removeMany: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<boolean>, StoreError>
  /**
   * Gives an entry other deadlines and nothing else: no generation ends, and others are told, whose copies have the old
   * ones. `false`: there is no entry, it has expired or is gone by a tag, or it is of another write
   */
  readonly touch: (id: string, options: TouchOptions) => Effect.Effect<boolean, StoreError>
  /** the right to store what a load will bring, and one more look at what is stored, in one atomic step */
  readonly acquire: (id: string, options: AcquireOptions) => Effect.Effect<Acquired, StoreError>
  /** `acquire` for each, answered in their order; each is one atomic step, all of them together are not */
  readonly acquireMany: (
    requests: ReadonlyArray<AcquireRequest>
  ) => Effect.Effect<ReadonlyArray<Acquired>, StoreError>
  /** stores a load's result and ends the generation; `false`: the generation has ended, nothing was stored */
  readonly commit: (id: string, generation: string, entry: Stored) => Effect.Effect<boolean, StoreError>
  /** `commit` for each, answered in their order */
  readonly commitMany: (requests: ReadonlyArray<CommitRequest>) => Effect.Effect<ReadonlyArray<boolean>, StoreError>
  /** makes the lease of an owner exclusive for so long from now on; `false`: it is no longer the owner */
  readonly renew: (id: string, owner: string, leaseMillis: number) => Effect.Effect<boolean, StoreError>
  /**
   * Ends the lease without a result; `false`: it is no longer the owner's. With a note it is a failure, which those who
   * lead within a second are told of; without one, and by every `commit`, `set` and `remove`, failures are forgotten.
   */
  readonly release: (id: string, owner: string, note?: Uint8Array) => Effect.Effect<boolean, StoreError>
  /** the tags' markers, created where there are none */
  readonly markers: (tags: ReadonlyArray<string>) => Effect.Effect<Markers, StoreError>
  /** a new marker for each tag, or with `soft` a new soft half of each (default `hard`) */
  readonly invalidateTags: (tags: ReadonlyArray<string>, mode?: InvalidationMode) => Effect.Effect<void, StoreError>
  /** ids with their metadata, in no particular order */
  readonly scan: (options?: ScanOptions) => Stream.Stream<Scanned, StoreError>
  /** how many entries */
  readonly size: Effect.Effect<number, StoreError>
  /** removes all entries and counters, and ends all generations */
  readonly clear: Effect.Effect<void, StoreError>
  /**
   * Adds to a counter that starts at 0, and answers the sum; `expiresAt` counts where the counter is created. A sum that
   * is no safe integer fails with reason `OutOfRange` and changes nothing. To add 0 reads: it creates nothing.
   */
  readonly increment: (
    name: string,
    by: number,
    options?: { readonly expiresAt?: number | undefined }
  ) => Effect.Effect<number, StoreError>
  /** a counter as it is; `undefined`: there is none, or it has expired */
  readonly counter: (name: string) => Effect.Effect<Counter | undefined, StoreError>
  /** gives a counter another end, in epoch milliseconds; `false`: there is none */
  readonly touchCounter: (name: string, expiresAt: number) => Effect.Effect<boolean, StoreError>
  /** removes a counter; `false`: there was none */
  readonly removeCounter: (name: string) => Effect.Effect<boolean, StoreError>
  /**
   * What others do from now on: endless where `capabilities.changes`, empty where not. It begins with `Coherent`, as soon
   * as it listens. Where it cannot listen any more it fails (or ends): whoever runs it again has missed what was between.
   *
   * The engine runs it where there is no `changesUnsafe`: until `Coherent`, and after a failure, memory is believed for
   * `maxStaleness` at most.
   */
  readonly changes: Stream.Stream<Change, StoreError>
  /**
   * What others did since the last call (the first: since the store was made), at once and in order; cheap where that
   * was nothing. Throws a `StoreError` where it cannot tell now: nothing is lost, a later call tells.
   *
   * Where it is given, the engine asks it every 50 ms while it is in use, and before it serves a copy after a pause. It
   * has one reader; `changes` does not take anything away from it.
   */
  readonly changesUnsafe: (() => ReadonlyArray<Change>) | undefined
}

/**
 * What every store has to do itself. The rest is derived where it is not given: see `Store.complete`.
 *
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
  | "get"
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
 * The store of a cache: `CacheLayer.layer` needs one.
 *
 * @category services
 * @since 0.1.0
 */
export const Store: Context.Service<Store, Store> = Context.Service<Store>("effect-cached/Store")
