/**
 * The port to a storage: the types. Its constructors are in `Store`.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Stream from "effect/Stream"
import type { Stored } from "../CacheEntry.ts"
import type { StoreError } from "../CacheError.ts"
import type { Change } from "./changes.ts"
import type { Answer, Scanned, ScanOptions, SetCondition, SetRequest, TouchOptions } from "./entries.ts"
import type { Acquired, AcquireOptions, AcquireRequest, CommitRequest } from "./leases.ts"
import type { InvalidationMode, Markers } from "./markers.ts"
import type { Transacted, TransactRequest } from "./transact.ts"

export type * from "./changes.ts"
export type * from "./entries.ts"
export type * from "./leases.ts"
export type * from "./markers.ts"
export type * from "./transact.ts"

/**
 * A counter of a store.
 * @category models
 * @since 0.1.0
 */
export interface Counter {
  /** A safe integer. */
  readonly value: number
  /** Its expiry, in epoch milliseconds. `Infinity` means never. */
  readonly expiresAt: number
}

/**
 * A counter of a store, with its name: an item of a listing.
 * @category models
 * @since 0.1.0
 */
export interface NamedCounter extends Counter {
  readonly name: string
}

/**
 * The abilities of a store beyond the core.
 * @category models
 * @since 0.1.0
 */
export interface Capabilities {
  /** Other processes may use the same storage, so a load acquires the lease of its id first. */
  readonly shared: boolean
  /** `changes` reports the changes by other processes. */
  readonly changes: boolean
  /**
   * Whether the store can keep entries that derive from others. `remove`, `set`, `transact` and their forms for many
   * ids then delete the markers of the id and of its group in the same step (the tags `~=` and the id, and `~*` and its
   * part before the first `:`), and report the deleted ones as `TagChanged`. A store that evicts such a marker reports
   * it too. `clear` ends the versions of all of them. `"ids"`: only the markers of ids, because those of a group cannot
   * be deleted in the same step. Without this capability there is no `inherit: "changes"`.
   */
  readonly dependencies?: boolean | "ids" | undefined
}

/**
 * A storage of entries: the port between the cache and a database, a folder or a server. It moves entries and knows no
 * schema.
 *
 * **When to use**
 *
 * Use it to cache in a storage that no ready-made layer covers. Most adapters use `Store.make` or `Store.makeSync`, and
 * need three functions.
 *
 * **Details**
 *
 * - Every operation on one id is one atomic step. An operation on many ids is one atomic step for each id, not for all
 *   together.
 * - A store may or may not return an entry past its `expiresAt`; the engine checks it. An unreadable entry is a miss.
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
  readonly name: string
  readonly capabilities: Capabilities
  /** Whether all servers of the store answer: an incident lasts until then. If absent, the first success ends it. */
  readonly isWhole?: (() => boolean) | undefined
  /**
   * Milliseconds the store has spent working so far. Only for synchronous stores that queue concurrent operations. If
   * present, `storeTimeout` measures this instead of elapsed time, so time spent waiting for a busy event loop is not
   * counted (within limits). If absent, elapsed time is used, excluding periods in which the event loop was blocked. An
   * `acquire` that fails with `Timeout`, or is interrupted while it is queued, must never be carried out: the cache
   * does not release its lease.
   */
  readonly workedMillis?: (() => number) | undefined
  /** The capacity of the store in bytes, if known. A stream takes at most a share of it. */
  readonly maxSize?: number | undefined
  /** The entry of an id, and the versions of tags. */
  readonly get: (id: string, tags: ReadonlyArray<string>) => Effect.Effect<Answer, StoreError>
  /** `get` as a plain function that may throw a `StoreError`. Only for stores that answer without waiting. */
  readonly getUnsafe: ((id: string, tags: ReadonlyArray<string>) => Answer) | undefined
  /**
   * `get` with a callback, which is called once, perhaps at once, and never throws. Only for stores that wait for each
   * answer: it saves a fiber and a timer on each read.
   */
  readonly getCallback:
    | ((id: string, tags: ReadonlyArray<string>, done: (exit: Exit.Exit<Answer, StoreError>) => void) => void)
    | undefined
  /** The entries of many ids, in their order. */
  readonly getMany: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Stored | undefined>, StoreError>
  /** Writes an entry and ends the generation of its id. `false` if the condition does not hold. */
  readonly set: (id: string, entry: Stored, condition?: SetCondition) => Effect.Effect<boolean, StoreError>
  /** `set` for each, without a condition. If it fails, some entries may have been written. */
  readonly setMany: (requests: ReadonlyArray<SetRequest>) => Effect.Effect<void, StoreError>
  /**
   * Removes an entry and ends the generation of its id. Answers whether there was a live one, which had neither expired
   * nor been removed by a tag. Of several callers that remove one entry at the same time, only one gets `true`.
   */
  readonly remove: (id: string) => Effect.Effect<boolean, StoreError>
  /** `remove` for each, answered in their order. If it fails, some entries may have been removed. */
  readonly removeMany: (ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<boolean>, StoreError>
  /**
   * Changes the deadlines of an entry and nothing else. No generation ends, and the change is reported. `false` if the
   * entry is missing, has expired, was removed by a tag, or has another `writeId`.
   */
  readonly touch: (id: string, options: TouchOptions) => Effect.Effect<boolean, StoreError>
  /** Requests the right to load an id and looks once more for a stored entry, in one atomic step. */
  readonly acquire: (id: string, options: AcquireOptions) => Effect.Effect<Acquired, StoreError>
  /** `acquire` for each, answered in their order. Each is one atomic step, but not all of them together. */
  readonly acquireMany: (
    requests: ReadonlyArray<AcquireRequest>
  ) => Effect.Effect<ReadonlyArray<Acquired>, StoreError>
  /** Stores the result of a load and ends its generation. `false`, and nothing stored, if it has already ended. */
  readonly commit: (id: string, generation: string, entry: Stored) => Effect.Effect<boolean, StoreError>
  /** `commit` for each, answered in their order. */
  readonly commitMany: (requests: ReadonlyArray<CommitRequest>) => Effect.Effect<ReadonlyArray<boolean>, StoreError>
  /** Restarts the lease of an owner with this length. `false` if the caller is not the owner. */
  readonly renew: (id: string, owner: string, leaseMillis: number) => Effect.Effect<boolean, StoreError>
  /**
   * Ends the lease of an owner without a result. `false` if the caller is not the owner. With a note it records a
   * failure, which `Granted` reports for one second. Without a note it clears them, as `commit`, `set` and `remove` do.
   */
  readonly release: (id: string, owner: string, note?: Uint8Array) => Effect.Effect<boolean, StoreError>
  /** The markers of tags, created if missing. */
  readonly markers: (tags: ReadonlyArray<string>) => Effect.Effect<Markers, StoreError>
  /** Gives each tag a new version, or with `soft` a new soft half; default `hard`. */
  readonly invalidateTags: (tags: ReadonlyArray<string>, mode?: InvalidationMode) => Effect.Effect<void, StoreError>
  /** The stored ids with their metadata, in any order. */
  readonly scan: (options?: ScanOptions) => Stream.Stream<Scanned, StoreError>
  readonly size: Effect.Effect<number, StoreError>
  /** Removes all entries and all counters, and ends all generations. */
  readonly clear: Effect.Effect<void, StoreError>
  /**
   * Adds to a counter, which starts at 0, and answers with the sum. `expiresAt` counts only when the counter is
   * created. A sum that is not a safe integer fails with reason `OutOfRange`. Adding 0 only reads.
   */
  readonly increment: (
    name: string,
    by: number,
    options?: { readonly expiresAt?: number | undefined }
  ) => Effect.Effect<number, StoreError>
  /** Reads a counter. `undefined` if it does not exist or has expired. */
  readonly counter: (name: string) => Effect.Effect<Counter | undefined, StoreError>
  /** Gives a counter another expiry, in epoch milliseconds. `false` if it does not exist. */
  readonly touchCounter: (name: string, expiresAt: number) => Effect.Effect<boolean, StoreError>
  /** Removes a counter. `false` if it did not exist. */
  readonly removeCounter: (name: string) => Effect.Effect<boolean, StoreError>
  /** The counters, in any order, possibly with expired ones. */
  readonly scanCounters: (options?: ScanOptions) => Stream.Stream<NamedCounter, StoreError>
  /**
   * Runs checks and steps on many ids, tags and counters as one atomic step, all or nothing. If it fails with a
   * `StoreError` other than `Timeout` and `Unavailable`, nothing has changed. Without it there are no transactions.
   */
  readonly transact?: ((request: TransactRequest) => Effect.Effect<Transacted, StoreError>) | undefined
  /**
   * The changes that other processes make from now on: endless if `capabilities.changes`, empty otherwise. It begins
   * with `Coherent` as soon as it listens. If it can no longer listen, it fails or ends; changes until it runs again
   * are lost, and the process then trusts memory for at most `maxStaleness`.
   */
  readonly changes: Stream.Stream<Change, StoreError>
  /**
   * The changes that other processes made since the last call (at the first call: since the store was created), in
   * order, without the changes of this store. It throws a `StoreError` if it is temporarily unable to answer; a later
   * call then reports the missing ones. It has to be cheap if nothing happened: the engine calls it, instead of
   * following `changes`, every 50 ms while the cache is used, and before it serves a copy after a pause.
   */
  readonly changesUnsafe: (() => ReadonlyArray<Change>) | undefined
}

/**
 * The operations that every store implements, with the others optional.
 * @see {@link Store} for all operations; `Store.complete` derives the missing ones
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
 * The service of a store, required by `CacheLayer.layer` and `CacheLayer.layerWith`.
 *
 * **When to use**
 *
 * Use to provide a custom store, or to reach the store of a cache in a test.
 *
 * **Example** (Providing a custom store)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer, Store } from "effect-cached"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const store = Layer.sync(Store.Store, MemoryStore.make)
 * const cache = CacheLayer.layer.pipe(Layer.provideMerge(store))
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.set("answer", 42)
 *   return yield* (yield* Store.Store).size
 * }).pipe(Effect.provide(cache))) // => 1
 * ```
 *
 * @see `Store.make` for creating one
 * @category services
 * @since 0.1.0
 */
export const Store: Context.Service<Store, Store> = Context.Service<Store>("effect-cached/Store")
