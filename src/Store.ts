/**
 * The port to a storage: moves entries, knows no schema.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Meta, Stored } from "./CacheEntry.ts"
import type { StoreError } from "./CacheError.ts"

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
}

/**
 * The marker of a tag: `version` changes with every invalidation; `seq` is the store's invalidation counter at the
 * marker's writing.
 *
 * @category models
 * @since 0.1.0
 */
export interface Marker {
  readonly version: string
  readonly seq: number
}

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
 * The answer to `take`: an entry that is not the one `seen`, or the right to load under a generation, or how long
 * another holder is exclusive still.
 *
 * @category models
 * @since 0.1.0
 */
export type Taken =
  | { readonly _tag: "Hit"; readonly entry: Stored }
  | { readonly _tag: "Lead"; readonly generation: string }
  | { readonly _tag: "Wait"; readonly leftMillis: number }

/**
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
 * What other processes did to a store that reports it.
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
 * Only where it holds is an explicit `set` carried out.
 *
 * @category models
 * @since 0.1.0
 */
export type SetCondition =
  | { readonly _tag: "IfAbsent" }
  | { readonly _tag: "IfPresent" }
  | { readonly _tag: "IfUnchanged"; readonly writeId: string }

/**
 * @category models
 * @since 0.1.0
 */
export interface Capabilities {
  /** every operation answers without waiting: the engine reads it before it forks a load */
  readonly synchronous: boolean
  /** other processes may use the same storage */
  readonly shared: boolean
  /** `changes` reports what others did */
  readonly changes: boolean
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
  /** the right to store what a load will bring, and one more look at what is stored, in one atomic step */
  readonly take: (id: string, options: TakeOptions) => Effect.Effect<Taken, StoreError>
  /** stores a load's result and ends the generation; `false`: the generation has ended, nothing was stored */
  readonly put: (id: string, generation: string, entry: Stored) => Effect.Effect<boolean, StoreError>
  /** prolongs the owner's exclusive time; `false`: it is no longer the owner */
  readonly keep: (id: string, owner: string, leaseMillis: number) => Effect.Effect<boolean, StoreError>
  /** gives the exclusive time back without a result; `false`: it is no longer the owner */
  readonly release: (id: string, owner: string) => Effect.Effect<boolean, StoreError>
  /** removes the entry and ends the generation */
  readonly drop: (id: string) => Effect.Effect<void, StoreError>
  /** the tags' markers, created where there are none */
  readonly markers: (tags: ReadonlyArray<string>) => Effect.Effect<Markers, StoreError>
  /** a new marker for each tag */
  readonly invalidateTags: (tags: ReadonlyArray<string>) => Effect.Effect<void, StoreError>
  /** ids with their metadata, in no particular order */
  readonly scan: (options?: { readonly prefix?: string | undefined }) => Stream.Stream<{ readonly id: string; readonly meta: Meta }, StoreError>
  /** how many entries */
  readonly size: Effect.Effect<number, StoreError>
  /** removes all entries and ends all generations */
  readonly clear: Effect.Effect<void, StoreError>
  /** adds to a number that starts at 0, and answers the sum */
  readonly increment: (name: string, by: number, options?: { readonly expiresAt?: number | undefined }) => Effect.Effect<number, StoreError>
  readonly changes: Stream.Stream<Change, StoreError>
}

/**
 * The store of a cache: `CacheLayer.layer` needs one.
 *
 * @category services
 * @since 0.1.0
 */
export const Store: Context.Service<Store, Store> = Context.Service<Store>("effect-cached/Store")
