/**
 * The port to a storage: the types. Its constructors are in `Store`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Stream from "effect/Stream"
import type { Meta, Stored, TagVersion } from "../CacheEntry.ts"
import type { StoreError } from "../CacheError.ts"

/**
 * The answer to `get`: the entry, and the versions of the tags that were asked for, in their order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  /** the entry, or `undefined`: a miss */
  readonly entry: Stored | undefined
  /** the versions of the tags; `undefined` for a tag without a marker */
  readonly versions: ReadonlyArray<string | undefined>
  /** there is something under the id, and it cannot be read */
  readonly isDamaged?: boolean | undefined
}

/**
 * What a store keeps for a tag: a version that changes with every invalidation, and the place of the last change in the
 * order of invalidations.
 *
 * **Details**
 *
 * A version is 24 hexadecimal digits: 12 of a hard half and 12 of a soft half. A hard invalidation changes both halves, a
 * soft one the soft half. An entry keeps the versions from the time its load began:
 *
 * - all versions equal the markers': the entry is valid
 * - only soft halves differ: the entry is stale
 * - a hard half differs, or a marker is missing: the entry is gone
 *
 * @category models
 * @since 0.1.0
 */
export interface Marker {
  /** 24 lower-case hexadecimal digits, random */
  readonly version: string
  /** the store's invalidation counter when the marker was written */
  readonly seq: number
}

/**
 * What an invalidation does to the entries of a tag: `hard` makes them gone, `soft` makes them stale.
 *
 * @see {@link Marker} for how a store records it
 *
 * @category models
 * @since 0.1.0
 */
export type InvalidationMode = "hard" | "soft"

/**
 * The answer to `markers`: one marker for each tag, created where there was none.
 *
 * @category models
 * @since 0.1.0
 */
export interface Markers {
  /** the store's invalidation counter, read before any marker was created */
  readonly seq: number
  /** the markers, in the order of the tags */
  readonly markers: ReadonlyArray<Marker>
}

/**
 * How many leaders of an id in a row have failed with a note, and the last note.
 *
 * **Details**
 *
 * The store forgets them one second after the last failure.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failures {
  /** how many in a row */
  readonly count: number
  /** the encoded failure of the last one */
  readonly note: Uint8Array
}

/**
 * The answer to `acquire`.
 *
 * **Details**
 *
 * - `Hit`: an entry other than the rejected one is stored
 * - `Granted`: the caller may load; its result is stored under this generation
 * - `Wait`: another owner holds the lease for so many milliseconds more
 *
 * @category models
 * @since 0.1.0
 */
export type Acquired =
  | { readonly _tag: "Hit"; readonly entry: Stored }
  | {
    readonly _tag: "Granted"
    readonly generation: string
    /** the failed leaders before this one, if there are any */
    readonly failures?: Failures | undefined
    /** the invalidation counter, as in `Markers`, for tags that are known only after the load */
    readonly seq?: number | undefined
  }
  | { readonly _tag: "Wait"; readonly leftMillis: number }

/**
 * The arguments of `acquire` beside the id.
 *
 * @category models
 * @since 0.1.0
 */
export interface AcquireOptions {
  /** a random token of the load that asks */
  readonly owner: string
  /** how long the lease lasts unless it is renewed, in milliseconds */
  readonly leaseMillis: number
  /** the `writeId` of an entry that the reader rejected: `acquire` does not answer `Hit` with it */
  readonly rejectedWriteId: string | undefined
  /** what happens while another owner holds the lease */
  readonly join: Join
}

/**
 * What `acquire` answers while another owner holds the lease.
 *
 * **Details**
 *
 * - `false`: `Wait`
 * - `true`: `Granted`, under the holder's generation. The holder keeps the lease
 * - `{ afterMillis }`: `Granted` like `true` if no one, or no one within the last `afterMillis` milliseconds, was granted
 *   the id in this way since the holder took the lease; otherwise `Wait` with the time left. The store records the grant
 *   with the lease in the same atomic step, and a take-over of the lease clears the record. So of many processes that stop
 *   waiting at the same time one loads beside the holder, and one more after each further `afterMillis`
 *
 * @category models
 * @since 0.1.0
 */
export type Join = boolean | { readonly afterMillis: number }

/**
 * One request of `acquireMany`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AcquireRequest extends AcquireOptions {
  readonly id: string
}

/**
 * One request of `commitMany`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CommitRequest {
  readonly id: string
  /** the generation that `acquire` granted */
  readonly generation: string
  readonly entry: Stored
}

/**
 * One request of `setMany`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SetRequest {
  readonly id: string
  readonly entry: Stored
}

/**
 * A counter of a store.
 *
 * @category models
 * @since 0.1.0
 */
export interface Counter {
  /** a safe integer */
  readonly value: number
  /** when it expires, in epoch milliseconds; `Infinity`: never */
  readonly expiresAt: number
}

/**
 * A counter of a store, with its name: an item of a listing.
 *
 * @category models
 * @since 0.1.0
 */
export interface NamedCounter extends Counter {
  readonly name: string
}

/**
 * What other processes did to a store.
 *
 * **Details**
 *
 * - `Changed`: the entry of an id was written, touched or removed, or its removal was asked for although there was none
 * - `TagChanged`: a tag was invalidated, hard or soft
 * - `AllChanged`: the store was cleared
 * - `Gap`: changes were lost; every copy has to be read again
 * - `Coherent`: from here on nothing is missed. The `changes` stream begins with it, as soon as it listens
 * - `Partial`: some changes may be missed, for the reason given, until there is a `Coherent`; those that are heard count
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
  | { readonly _tag: "Partial"; readonly why: StoreError }

/**
 * The condition of a `set`, checked in the same atomic step.
 *
 * **Details**
 *
 * An entry that has expired or is gone by a tag counts as absent, a stale entry as present.
 *
 * @category models
 * @since 0.1.0
 */
export type SetCondition =
  | { readonly _tag: "IfAbsent" }
  | { readonly _tag: "IfPresent" }
  | { readonly _tag: "IfUnchanged"; readonly writeId: string }

/**
 * The new deadlines that `touch` gives an entry, in epoch milliseconds.
 *
 * **Details**
 *
 * Without a `writeId`, another soft deadline than the entry has is a lifetime by hand: the entry loses `isConstant`. Reads
 * name the write that they prolong.
 *
 * @category models
 * @since 0.1.0
 */
export interface TouchOptions {
  /** only if the entry still has this `writeId` */
  readonly writeId?: string | undefined
  /** from then on the entry is stale */
  readonly softExpiresAt: number
  /** from then on the entry is never served */
  readonly expiresAt: number
}

/**
 * What has to hold for a `transact` to be carried out.
 *
 * **Details**
 *
 * - `Entry`: the condition holds for the entry of an id
 * - `Counter`: the counter has this value; `undefined`: there is none
 * - `Position`: nothing was written or removed since a `transact` answered this position
 *
 * @category models
 * @since 0.1.0
 */
export type TransactCheck =
  | { readonly _tag: "Entry"; readonly id: string; readonly condition: SetCondition }
  | { readonly _tag: "Counter"; readonly name: string; readonly value: number | undefined }
  | { readonly _tag: "Position"; readonly position: string }

/**
 * A step of a `transact`: what the operation of that name does, generations that end and reported changes included.
 *
 * **Details**
 *
 * - `Commit` stores nothing where the generation has ended; the others are carried out all the same
 * - `InvalidateTags` comes with the new versions, so that an entry that is set after it can have them. A soft one takes
 *   the soft half: if the hard half of the marker is another one by then, that stays
 *
 * @category models
 * @since 0.1.0
 */
export type TransactStep =
  | { readonly _tag: "Set"; readonly id: string; readonly entry: Stored }
  | { readonly _tag: "Commit"; readonly id: string; readonly generation: string; readonly entry: Stored }
  | { readonly _tag: "Remove"; readonly id: string }
  | { readonly _tag: "Touch"; readonly id: string; readonly options: TouchOptions }
  | { readonly _tag: "InvalidateTags"; readonly tags: ReadonlyArray<TagVersion>; readonly mode: InvalidationMode }
  | { readonly _tag: "Increment"; readonly name: string; readonly by: number; readonly expiresAt?: number | undefined }
  | { readonly _tag: "TouchCounter"; readonly name: string; readonly expiresAt: number }
  | { readonly _tag: "RemoveCounter"; readonly name: string }
  | { readonly _tag: "Clear" }

/**
 * The arguments of `transact`. Steps are carried out in their order.
 *
 * @category models
 * @since 0.1.0
 */
export interface TransactRequest {
  readonly checks: ReadonlyArray<TransactCheck>
  readonly steps: ReadonlyArray<TransactStep>
}

/**
 * The answer to `transact`.
 *
 * **Details**
 *
 * - `Committed`: every check held, and every step was carried out. `refused`: the ids of `Commit`s whose generation had
 *   ended. `position`: what a later `Position` check compares with, from a store that can tell
 * - `Conflict`: nothing was carried out. `ids` and `names` are those whose check did not hold; both are empty where a
 *   `Position` did not
 *
 * @category models
 * @since 0.1.0
 */
export type Transacted =
  | { readonly _tag: "Committed"; readonly refused: ReadonlyArray<string>; readonly position?: string | undefined }
  | { readonly _tag: "Conflict"; readonly ids: ReadonlyArray<string>; readonly names: ReadonlyArray<string> }

/**
 * What a store can do beyond the core.
 *
 * @category models
 * @since 0.1.0
 */
export interface Capabilities {
  /** other processes may use the same storage: a load acquires the lease of its id first */
  readonly shared: boolean
  /** `changes` reports what other processes did */
  readonly changes: boolean
  /**
   * `remove`, `set`, `transact` and their forms for many delete, in the same step, the markers of the id and of its group
   * (the tags `~=` and the id, and `~*` and its part before the first `:`), reported as `TagChanged` if there were any.
   * So does a marker of such a tag that gives way for room. `"ids"`: only the markers of ids, because those of a group
   * cannot be ended in the same step. Without it there is no `inherit: "changes"`
   */
  readonly dependencies?: boolean | "ids" | undefined
}

/**
 * The arguments of `scan` and `scanCounters`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScanOptions {
  /** only ids, or names, that begin with this text, taken literally */
  readonly prefix?: string | undefined
}

/**
 * A stored id with the metadata of its entry.
 *
 * @category models
 * @since 0.1.0
 */
export interface Scanned {
  readonly id: string
  readonly meta: Meta
}

/**
 * A storage of entries: the port between the cache and a database, a folder or a server. It moves entries and knows no
 * schema.
 *
 * **When to use**
 *
 * Use to cache in a storage that no ready-made layer covers. Most adapters are made with `Store.make` or `Store.makeSync`, and
 * need three functions.
 *
 * **Details**
 *
 * - Every operation on one id is one atomic step. The operations on many ids are that for each id, not for all together.
 * - An entry past its `expiresAt` may be answered or not: the engine looks. An entry that cannot be read is a miss.
 * - An operation fails with a `StoreError`. The engine works around failures, missing answers and wrong answers.
 * - `storeLaws` of `effect-cached/testing` check an adapter, and `sharedStoreLaws` one that several processes use.
 *
 * **Example** (Reading a store without a cache)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Store } from "effect-cached"
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
  /** the name of the store, in errors and logs */
  readonly name: string
  /** what the store can do beyond the core */
  readonly capabilities: Capabilities
  /**
   * whether all servers of the store answer, where it has several: while one does not, an incident goes on although
   * operations on the others succeed. Without it the first success ends an incident
   */
  readonly isWhole?: (() => boolean) | undefined
  /**
   * how long the store has worked up to now, in milliseconds: of one that works in this thread, and lets operations that come
   * at once wait for their turn. `storeTimeout` counts that alone: what waits because the program is busy does not time out, unless for very long. Where it is missing the time counts in which the program could have heard an answer
   */
  readonly workedMillis?: (() => number) | undefined
  /** how many bytes it may hold, where that is known: a stream takes a share of it at most */
  readonly maxSize?: number | undefined
  /** the entry of an id, and the versions of tags */
  readonly get: (id: string, tags: ReadonlyArray<string>) => Effect.Effect<Answer, StoreError>
  /** `get` as a plain function that may throw a `StoreError`; only of a store that answers without waiting */
  readonly getUnsafe: ((id: string, tags: ReadonlyArray<string>) => Answer) | undefined
  /**
   * `get` with a callback, which is called once, perhaps at once; it never throws. Only of a store that waits for each
   * answer: it saves a fiber and a timer a read
   */
  readonly getCallback:
    | ((id: string, tags: ReadonlyArray<string>, done: (exit: Exit.Exit<Answer, StoreError>) => void) => void)
    | undefined
  /** the entries of many ids, in their order */
  readonly getMany: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Stored | undefined>, StoreError>
  /**
   * writes an entry and ends the generation of its id, so that a running load cannot overwrite it. `false`: the condition
   * does not hold
   */
  readonly set: (id: string, entry: Stored, condition?: SetCondition) => Effect.Effect<boolean, StoreError>
  /** `set` for each, without a condition. If it fails, some entries may have been written */
  readonly setMany: (requests: ReadonlyArray<SetRequest>) => Effect.Effect<void, StoreError>
  /** removes an entry and ends the generation of its id; answers whether there was an entry */
  readonly remove: (id: string) => Effect.Effect<boolean, StoreError>
  /** `remove` for each, answered in their order. If it fails, some entries may have been removed */
  readonly removeMany: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<boolean>, StoreError>
  /**
   * changes the deadlines of an entry and nothing else: no generation ends, and the change is reported, because copies
   * have the old deadlines. `false`: the entry is missing, has expired, is gone by a tag, or is of another write
   */
  readonly touch: (id: string, options: TouchOptions) => Effect.Effect<boolean, StoreError>
  /** asks for the right to load an id and looks once more at what is stored, in one atomic step */
  readonly acquire: (id: string, options: AcquireOptions) => Effect.Effect<Acquired, StoreError>
  /** `acquire` for each, answered in their order; each is one atomic step, all together are not */
  readonly acquireMany: (
    requests: ReadonlyArray<AcquireRequest>
  ) => Effect.Effect<ReadonlyArray<Acquired>, StoreError>
  /** stores the result of a load and ends its generation; `false`: the generation has ended, nothing was stored */
  readonly commit: (id: string, generation: string, entry: Stored) => Effect.Effect<boolean, StoreError>
  /** `commit` for each, answered in their order */
  readonly commitMany: (requests: ReadonlyArray<CommitRequest>) => Effect.Effect<ReadonlyArray<boolean>, StoreError>
  /** starts the lease of an owner again, with this length; `false`: it is not the owner */
  readonly renew: (id: string, owner: string, leaseMillis: number) => Effect.Effect<boolean, StoreError>
  /**
   * ends the lease of an owner without a result; `false`: it is not the owner. With a note it records a failure, which
   * `Granted` answers for one second. Without a note it forgets failures, as every `commit`, `set` and `remove` does
   */
  readonly release: (id: string, owner: string, note?: Uint8Array) => Effect.Effect<boolean, StoreError>
  /** the markers of tags, created where there are none */
  readonly markers: (tags: ReadonlyArray<string>) => Effect.Effect<Markers, StoreError>
  /** gives each tag a new version, or with `soft` a new soft half; default `hard` */
  readonly invalidateTags: (tags: ReadonlyArray<string>, mode?: InvalidationMode) => Effect.Effect<void, StoreError>
  /** the stored ids with their metadata, in any order */
  readonly scan: (options?: ScanOptions) => Stream.Stream<Scanned, StoreError>
  /** the number of entries */
  readonly size: Effect.Effect<number, StoreError>
  /** removes all entries and all counters, and ends all generations */
  readonly clear: Effect.Effect<void, StoreError>
  /**
   * adds to a counter, which starts at 0, and answers the sum. `expiresAt` counts only when the counter is created. A sum
   * that is no safe integer fails with reason `OutOfRange` and changes nothing. Adding 0 reads, and creates nothing
   */
  readonly increment: (
    name: string,
    by: number,
    options?: { readonly expiresAt?: number | undefined }
  ) => Effect.Effect<number, StoreError>
  /** reads a counter; `undefined`: there is none, or it has expired */
  readonly counter: (name: string) => Effect.Effect<Counter | undefined, StoreError>
  /** gives a counter another expiry, in epoch milliseconds; `false`: there is none */
  readonly touchCounter: (name: string, expiresAt: number) => Effect.Effect<boolean, StoreError>
  /** removes a counter; `false`: there was none */
  readonly removeCounter: (name: string) => Effect.Effect<boolean, StoreError>
  /** the counters, in any order; one that has expired may be among them */
  readonly scanCounters: (options?: ScanOptions) => Stream.Stream<NamedCounter, StoreError>
  /**
   * checks and steps on many ids, tags and counters in one atomic step: all of it happens or nothing. Where it fails with a
   * `StoreError` other than `Timeout` and `Unavailable`, nothing has happened. A store that cannot do it does not have it:
   * then there are no transactions
   */
  readonly transact?: ((request: TransactRequest) => Effect.Effect<Transacted, StoreError>) | undefined
  /**
   * what other processes do from now on: without end if `capabilities.changes`, empty otherwise. It begins with `Coherent`
   * as soon as it listens. If it cannot listen any more it fails or ends; changes until it runs again are lost.
   *
   * The engine follows it if there is no `changesUnsafe`. Until `Coherent`, and after the stream has ended, the process is
   * untracked: memory is trusted for `maxStaleness` at most
   */
  readonly changes: Stream.Stream<Change, StoreError>
  /**
   * what other processes did since the last call (the first call: since the store was made), in order, and without the
   * changes of this store. Throws a `StoreError` if it cannot tell now; a later call reports what is missing. It has to be
   * cheap where nothing happened.
   *
   * The engine asks it every 50 ms while the cache is used, and before it serves a copy after a pause. It has one reader,
   * and takes nothing away from `changes`
   */
  readonly changesUnsafe: (() => ReadonlyArray<Change>) | undefined
}

/**
 * The operations that every store implements, with the others optional.
 *
 * @see {@link Store} for all operations; `Store.complete` derives those that are missing
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
 * The service of a store: `CacheLayer.layer` and `CacheLayer.layerWith` need one.
 *
 * @category services
 * @since 0.1.0
 */
export const Store: Context.Service<Store, Store> = Context.Service<Store>("effect-cached/Store")
