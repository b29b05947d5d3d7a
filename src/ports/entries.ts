/**
 * The entries of a store: the types of `Store.get`, `Store.set`, `Store.touch` and `Store.scan`.
 * @since 0.1.0
 */
import type { Meta, Stored } from "../CacheEntry.ts"

/**
 * The answer to `get`: the entry, and the versions of the requested tags, in their order.
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly entry: Stored | undefined
  /** The versions of the tags; `undefined` for a tag without a marker. */
  readonly versions: ReadonlyArray<string | undefined>
  /** Whether an unreadable entry is stored under the id. */
  readonly isDamaged?: boolean | undefined
}

/**
 * One request of `setMany`.
 * @category models
 * @since 0.1.0
 */
export interface SetRequest {
  readonly id: string
  readonly entry: Stored
}

/**
 * The condition of a `set`, checked in the same atomic step. An entry that has expired, or that a tag has removed,
 * counts as absent. A stale entry counts as present.
 * @category models
 * @since 0.1.0
 */
export type SetCondition =
  | { readonly _tag: "IfAbsent" }
  | { readonly _tag: "IfPresent" }
  | { readonly _tag: "IfUnchanged"; readonly writeId: string }

/**
 * The new deadlines that `touch` gives an entry, in epoch milliseconds. A changed soft deadline without a `writeId` was
 * set by hand, so the entry loses `isConstant`. Reads pass the `writeId` of the entry they prolong, and keep the later
 * deadline of the two.
 * @category models
 * @since 0.1.0
 */
export interface TouchOptions {
  /** Touches the entry only if it still has this `writeId`. */
  readonly writeId?: string | undefined
  /** With a `writeId`: `true` touches the entry only if it still has `isConstant`, which a lifetime by hand ends. */
  readonly isConstant?: boolean | undefined
  readonly softExpiresAt: number
  readonly expiresAt: number
}

/**
 * The arguments of `scan` and `scanCounters`.
 * @category models
 * @since 0.1.0
 */
export interface ScanOptions {
  /** Only ids, or names, that begin with this text, taken literally. */
  readonly prefix?: string | undefined
}

/**
 * A stored id with the metadata of its entry.
 * @category models
 * @since 0.1.0
 */
export interface Scanned {
  readonly id: string
  readonly meta: Meta
}
