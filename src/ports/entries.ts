/**
 * The entries of a store: the types of `Store.get`, `Store.set`, `Store.touch` and `Store.scan`.
 * @since 0.1.0
 */
import type { Meta, Stored } from "../CacheEntry.ts"

/**
 * The result of `Store.get`: the entry, and the versions of the requested tags, in the order of the request.
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly entry: Stored | undefined
  /** The version of each requested tag, or `undefined` for a tag without a marker. */
  readonly versions: ReadonlyArray<string | undefined>
  /** Whether the id has an entry that cannot be read. */
  readonly isDamaged?: boolean | undefined
}

/**
 * One entry to write with `Store.set`.
 * @category models
 * @since 0.1.0
 */
export interface SetRequest {
  readonly id: string
  readonly entry: Stored
  readonly condition?: SetCondition | undefined
}

/**
 * A condition of `Store.set`, checked in the same atomic step as the write. An entry that has expired, or that a hard
 * invalidation of a tag has removed, counts as absent. A stale entry counts as present.
 * @category models
 * @since 0.1.0
 */
export type SetCondition =
  | { readonly _tag: "IfAbsent" }
  | { readonly _tag: "IfPresent" }
  | { readonly _tag: "IfUnchanged"; readonly writeId: string }

/**
 * The new deadlines of an entry for `Store.touch`, in epoch milliseconds. Without a `writeId`, they replace the old
 * deadlines and clear `isConstant`. With a `writeId`, which only a read passes, each deadline becomes the later of the
 * old and the new one.
 * @category models
 * @since 0.1.0
 */
export interface TouchOptions {
  /** Touches the entry only if it still has this `writeId`. */
  readonly writeId?: string | undefined
  /** If `true` and there is a `writeId`, touches the entry only if its metadata still has `isConstant`. */
  readonly isConstant?: boolean | undefined
  readonly softExpiresAt: number
  readonly expiresAt: number
}

/**
 * The options of `Store.scan`, `Store.scanLoads` and `Store.scanCounters`.
 * @category models
 * @since 0.1.0
 */
export interface ScanOptions {
  /** Lists only ids, or counter names, that begin with exactly this text. It is not a pattern. */
  readonly prefix?: string | undefined
}

/**
 * A stored id with its entry's metadata: an item of `Store.scan`.
 * @category models
 * @since 0.1.0
 */
export interface Scanned {
  readonly id: string
  readonly meta: Meta
}
