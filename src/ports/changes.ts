/**
 * The changes that a store reports: the type of the items of `Store.changes` and `Store.changesUnsafe`.
 * @since 0.1.0
 */
import type { StoreError } from "../CacheError.ts"

/**
 * A change that another process made to a store, or a signal about whether all such changes are reported.
 *
 * - `Changed`: the entry of an id was written, touched or removed, or the removal of a missing entry was requested.
 *   `endsMarkers`: the markers of the id are deleted, as by `remove` and `set`. A store that says so here need not
 *   report them as `TagChanged`
 * - `LoadEnded`: a load of an id has ended without a new entry. The loads that wait for its lease ask at once
 * - `ManyChanged`: more entries changed than can be listed. `mayBe` checks whether an id may be among them. Their
 *   markers may be deleted
 * - `TagChanged`: a tag was invalidated, hard or soft
 * - `AllChanged`: the store was cleared
 * - `Gap`: some changes were lost, so every entry in memory has to be read again. `why` is the reason, which is logged
 *   once
 * - `Coherent`: from this item on, no change is missed. The `changes` stream emits it first, as soon as it listens
 * - `Partial`: until the next `Coherent`, some changes may be missed, but all others are reported. `why` is the reason,
 *   which is logged; it is absent if the program has chosen that
 * @category models
 * @since 0.1.0
 */
export type Change =
  | { readonly _tag: "Changed"; readonly id: string; readonly endsMarkers?: boolean | undefined }
  | { readonly _tag: "LoadEnded"; readonly id: string }
  | { readonly _tag: "ManyChanged"; readonly mayBe: (id: string) => boolean }
  | { readonly _tag: "TagChanged"; readonly tag: string }
  | { readonly _tag: "AllChanged" }
  | { readonly _tag: "Gap"; readonly why?: string | undefined }
  | { readonly _tag: "Coherent" }
  | { readonly _tag: "Partial"; readonly why?: StoreError | undefined }
