/**
 * The entries of a store: the types of `Store.get`, `Store.set`, `Store.touch` and `Store.scan`.
 *
 * @since 0.1.0
 */
import type { Meta, Stored } from "../CacheEntry.ts"

/**
 * The answer to `get`: the entry, and the versions of the requested tags, in their order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  /** The entry, or `undefined` for a miss. */
  readonly entry: Stored | undefined
  /** The versions of the tags; `undefined` for a tag without a marker. */
  readonly versions: ReadonlyArray<string | undefined>
  /** Whether something is stored under the id that cannot be read. */
  readonly isDamaged?: boolean | undefined
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
 * Without a `writeId`, a changed soft deadline was set by hand: the entry loses `isConstant`. Reads pass the `writeId`
 * of the entry that they prolong.
 *
 * @category models
 * @since 0.1.0
 */
export interface TouchOptions {
  /** Touches the entry only if it still has this `writeId`. */
  readonly writeId?: string | undefined
  /** From then on the entry is stale. */
  readonly softExpiresAt: number
  /** From then on the entry is never served. */
  readonly expiresAt: number
}

/**
 * The arguments of `scan` and `scanCounters`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ScanOptions {
  /** Only ids, or names, that begin with this text, taken literally. */
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
