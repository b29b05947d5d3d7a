/**
 * The changes that a store reports: the type of the items of `Store.changes` and `Store.changesUnsafe`.
 * @since 0.1.0
 */
import type { StoreError } from "../CacheError.ts"

/**
 * A change that another process made to a store, or a signal about whether all such changes are reported.
 *
 * - `Changed`: the entry of an id was written, touched or removed, or the removal of a missing entry was requested
 * - `ManyChanged`: more entries changed than can be listed. `mayBe` checks whether an id may be among them
 * - `TagChanged`: a tag was invalidated, hard or soft
 * - `AllChanged`: the store was cleared
 * - `Gap`: some changes were lost, so every entry in memory has to be read again. `why` is the reason, which is logged
 *   once
 * - `Coherent`: from this item on, no change is missed. The `changes` stream emits it first, as soon as it listens.
 *   Only `Reports` may precede it
 * - `Partial`: until the next `Coherent`, some changes may be missed, but all others are reported. `why` is the reason,
 *   which is logged; it is absent if the program has chosen that
 * - `Reports`: from this item on, the store reports changes of `all` ids and tags, or only of those that this process
 *   has asked for (`reads`): the next change of each, and later ones if the process asks again. While it does `both`,
 *   it learns from `answer` what the process has asked for before
 * @category models
 * @since 0.1.0
 */
export type Change =
  | { readonly _tag: "Changed"; readonly id: string }
  | { readonly _tag: "ManyChanged"; readonly mayBe: (id: string) => boolean }
  | { readonly _tag: "TagChanged"; readonly tag: string }
  | { readonly _tag: "AllChanged" }
  | { readonly _tag: "Gap"; readonly why?: string | undefined }
  | { readonly _tag: "Coherent" }
  | { readonly _tag: "Partial"; readonly why?: StoreError | undefined }
  | {
    readonly _tag: "Reports"
    readonly of: "all" | "both" | "reads"
    readonly answer?: ((held: Held) => void) | undefined
  }

/**
 * The entries that a process holds in memory. The store may use it as long as the process follows the changes.
 * @category models
 * @since 0.1.0
 */
export interface Held {
  /** Whether changes of an id concern the process: the id is in memory, or is being loaded or invalidated. */
  readonly has: (id: string) => boolean
  /** Lists the entries in memory. Entries that enter memory meanwhile may be missing. */
  readonly entries: () => Iterable<{ readonly id: string; readonly tags: ReadonlyArray<string> }>
}
