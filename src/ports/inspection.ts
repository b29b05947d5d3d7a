/**
 * The type of the inspection of a store: what is read to look at a cache without changing it.
 * @since 0.1.0
 */
import type * as Stream from "effect/Stream"
import type { Stored } from "../CacheEntry.ts"
import type { StoreError } from "../CacheError.ts"
import type { ScanOptions } from "./entries.ts"
import type { Store } from "./store.ts"

/**
 * A stored entry, as an inspection finds it.
 * @category models
 * @since 0.1.0
 */
export interface Inspected {
  readonly id: string
  /** `undefined` if the entry is damaged, so that it cannot be read. */
  readonly entry: Stored | undefined
}

/**
 * Reads a storage without changing it. Nothing is created, evicted or repaired, and no read counts as a use.
 * @category models
 * @since 0.1.0
 */
export interface Inspection {
  readonly get: Store["get"]
  /** Lists all entries with their payloads, in any order: also pages of streams, expired entries and damaged ones. */
  readonly entries: (options?: ScanOptions) => Stream.Stream<Inspected, StoreError>
}
