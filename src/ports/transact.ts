/**
 * The transactions of a store: the types of `Store.transact`.
 * @since 0.1.0
 */
import type { Stored, TagVersion } from "../CacheEntry.ts"
import type { SetCondition, TouchOptions } from "./entries.ts"
import type { InvalidationMode } from "./markers.ts"

/**
 * A condition that must hold for `Store.transact` to run its steps.
 *
 * - `Entry`: the condition holds for the entry of an id
 * - `Counter`: the counter has this value, or does not exist if `value` is `undefined`
 * - `Position`: nothing has been written or removed since a `transact` returned this position
 * @category models
 * @since 0.1.0
 */
export type TransactCheck =
  | { readonly _tag: "Entry"; readonly id: string; readonly condition: SetCondition }
  | { readonly _tag: "Counter"; readonly name: string; readonly value: number | undefined }
  | { readonly _tag: "Position"; readonly position: string }

/**
 * A step of `Store.transact`. It does the same as the store operation of the same name. It therefore also ends
 * generations, and other processes receive its changes.
 *
 * - `Commit` stores nothing if its generation has ended; the other steps still run
 * - `InvalidateTags` contains the new versions, so that later steps can store entries with these versions. Mode `soft`
 *   changes only the soft half: if another invalidation has changed the hard half in the meantime, that half stays
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
 * The checks and steps of a `Store.transact`. The steps run in order.
 * @category models
 * @since 0.1.0
 */
export interface TransactRequest {
  readonly checks: ReadonlyArray<TransactCheck>
  readonly steps: ReadonlyArray<TransactStep>
}

/**
 * The result of `Store.transact`.
 *
 * - `Committed`: every check held, and every step ran. `refused` lists the ids of `Commit`s whose generation had ended.
 *   A later `Position` check can use `position`, if the store returns one
 * - `Conflict`: no step ran. `ids` and `names` list the failed checks; both are empty if only a `Position` failed
 * @category models
 * @since 0.1.0
 */
export type Transacted =
  | { readonly _tag: "Committed"; readonly refused: ReadonlyArray<string>; readonly position?: string | undefined }
  | { readonly _tag: "Conflict"; readonly ids: ReadonlyArray<string>; readonly names: ReadonlyArray<string> }
