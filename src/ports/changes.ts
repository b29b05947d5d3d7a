/**
 * The changes that a store reports: the type of `Store.changes` and `Store.changesUnsafe`.
 * @since 0.1.0
 */
import type { StoreError } from "../CacheError.ts"

/**
 * A change that another process made to a store.
 *
 * - `Changed`: the entry of an id was written, touched or removed, or its removal was requested although there was none
 * - `ManyChanged`: more entries changed than can be reported singly. `mayBe` answers whether an id may be among them
 * - `TagChanged`: a tag was invalidated, hard or soft
 * - `AllChanged`: the store was cleared
 * - `Gap`: changes were lost, so every copy has to be read again
 * - `Coherent`: from here on nothing is missed. The `changes` stream begins with it, as soon as it listens
 * - `Partial`: some changes may be missed until the next `Coherent`, for the given reason; reported changes still count
 * @category models
 * @since 0.1.0
 */
export type Change =
  | { readonly _tag: "Changed"; readonly id: string }
  | { readonly _tag: "ManyChanged"; readonly mayBe: (id: string) => boolean }
  | { readonly _tag: "TagChanged"; readonly tag: string }
  | { readonly _tag: "AllChanged" }
  | { readonly _tag: "Gap" }
  | { readonly _tag: "Coherent" }
  | { readonly _tag: "Partial"; readonly why: StoreError }
