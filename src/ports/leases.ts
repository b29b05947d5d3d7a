/**
 * The leases of loads in a store: the types of `Store.acquire`, `Store.commit` and `Store.release`.
 * @since 0.1.0
 */
import type { Stored } from "../CacheEntry.ts"

/**
 * The recent failures of an id: how many loads in a row released the lease with a note, and the last note, which is an
 * encoded failure. The store forgets both one second after the last failure.
 * @category models
 * @since 0.1.0
 */
export interface Failures {
  readonly count: number
  readonly note: Uint8Array
}

/**
 * The result of `Store.acquire`.
 *
 * - `Hit`: the store has an entry other than the one that the reader rejected
 * - `Granted`: the caller may load, and `Store.commit` stores the result under this generation
 * - `Wait`: another owner holds the lease for `leftMillis` more milliseconds
 * @category models
 * @since 0.1.0
 */
export type Acquired =
  | { readonly _tag: "Hit"; readonly entry: Stored }
  | {
    readonly _tag: "Granted"
    readonly generation: string
    /** The failures of the loads before this one, if the store remembers any. */
    readonly failures?: Failures | undefined
    /** The store's invalidation counter (`Markers.seq`), for tags that become known only during the load. */
    readonly seq?: number | undefined
    /** Whether the store has an entry that is damaged. */
    readonly isDamaged?: boolean | undefined
  }
  | { readonly _tag: "Wait"; readonly leftMillis: number }

/**
 * One lease to request with `Store.acquire`.
 * @category models
 * @since 0.1.0
 */
export interface AcquireRequest {
  readonly id: string
  readonly owner: string
  /** How long the lease lasts without renewal, in milliseconds. */
  readonly leaseMillis: number
  /** The `writeId` of the entry that the reader rejected. `acquire` does not return `Hit` for this entry. */
  readonly rejectedWriteId: string | undefined
  readonly join: Join
}

/**
 * The choice of what `Store.acquire` returns while another owner holds the lease.
 *
 * - `false`: `Wait`
 * - `true`: `Granted` with the holder's generation. The holder keeps the lease
 * - `{ afterMillis }`: like `true`, but only for one process every `afterMillis` milliseconds. All others get `Wait`
 *   with the time left. The store records the grant with the lease in the same atomic step, and clears the record when
 *   another owner takes over the lease
 * @category models
 * @since 0.1.0
 */
export type Join = boolean | { readonly afterMillis: number }

/**
 * One result to store with `Store.commit`.
 * @category models
 * @since 0.1.0
 */
export interface CommitRequest {
  readonly id: string
  /** The generation that `acquire` granted. */
  readonly generation: string
  readonly entry: Stored
}
