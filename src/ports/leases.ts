/**
 * The leases of loads in a store: the types of `Store.acquire`, `Store.commit` and `Store.release`.
 * @since 0.1.0
 */
import type { Stored } from "../CacheEntry.ts"

/**
 * The number of consecutive leaders of an id that failed with a note, and the encoded failure of the last one. The
 * store forgets them one second after the last failure.
 * @category models
 * @since 0.1.0
 */
export interface Failures {
  readonly count: number
  readonly note: Uint8Array
}

/**
 * The answer to `acquire`.
 *
 * - `Hit`: an entry other than the rejected one is stored
 * - `Granted`: the caller may load, and its result is stored under this generation
 * - `Wait`: another owner holds the lease for `leftMillis` milliseconds more
 * @category models
 * @since 0.1.0
 */
export type Acquired =
  | { readonly _tag: "Hit"; readonly entry: Stored }
  | {
    readonly _tag: "Granted"
    readonly generation: string
    /** The failed leaders before this one, if there are any. */
    readonly failures?: Failures | undefined
    /** The invalidation counter, as in `Markers`, for tags that are known only after the load. */
    readonly seq?: number | undefined
  }
  | { readonly _tag: "Wait"; readonly leftMillis: number }

/**
 * The arguments of `acquire` beside the id.
 * @category models
 * @since 0.1.0
 */
export interface AcquireOptions {
  readonly owner: string
  /** The length of the lease unless it is renewed, in milliseconds. */
  readonly leaseMillis: number
  /** The `writeId` of an entry that the reader rejected: `acquire` does not answer `Hit` with it. */
  readonly rejectedWriteId: string | undefined
  /** The behavior while another owner holds the lease. */
  readonly join: Join
}

/**
 * The behavior of `acquire` while another owner holds the lease.
 *
 * - `false`: `Wait`
 * - `true`: `Granted`, under the holder's generation. The holder keeps the lease
 * - `{ afterMillis }`: `Granted` like `true` if no process was granted the id in this way within the last `afterMillis`
 *   milliseconds, or since the holder took the lease; otherwise `Wait` with the time left. The store records the grant
 *   with the lease in the same atomic step, and a take-over of the lease clears the record
 * @category models
 * @since 0.1.0
 */
export type Join = boolean | { readonly afterMillis: number }

/**
 * One request of `acquireMany`.
 * @category models
 * @since 0.1.0
 */
export interface AcquireRequest extends AcquireOptions {
  readonly id: string
}

/**
 * One request of `commitMany`.
 * @category models
 * @since 0.1.0
 */
export interface CommitRequest {
  readonly id: string
  /** The generation that `acquire` granted. */
  readonly generation: string
  readonly entry: Stored
}
