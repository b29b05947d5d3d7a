/** The types of an explanation. */
import type { Outcome } from "../CacheEntry.ts"
import type { StoreErrorReason } from "../CacheError.ts"
import type { RemovalCause, Source } from "../CacheEvent.ts"

/**
 * The process that invalidated a key or a tag.
 * @category models
 * @since 0.1.0
 */
export type By = "this process" | "another process"

/**
 * Why an id has no entry.
 *
 * - `evicted`, `expired`, `replaced`, `invalidated`, `unverified`: the entry left the memory tier (see `RemovalCause`)
 * - `tag`: one of the entry's tags was invalidated
 * - `cleared`: the whole cache was cleared
 * - `changed`, `stale`, `inherit`, `dependency`: the result of a load was not stored (see the event `Refused`)
 * - `invalid`: a function of the strategy or an option threw, or returned an invalid value
 * - `failed`, `interrupted`: the load failed, or was interrupted
 * - `skipped`: the strategy, a ttl of 0 or `minLoad` does not store the result
 * - `stored`: in a cache without a memory tier, a load has stored an entry
 * @category models
 * @since 0.1.0
 */
export type PastCause =
  | RemovalCause
  | "tag"
  | "cleared"
  | "changed"
  | "stale"
  | "inherit"
  | "dependency"
  | "invalid"
  | "failed"
  | "interrupted"
  | "skipped"
  | "stored"

/**
 * The last thing that happened to an id that has no entry in memory.
 * @category models
 * @since 0.1.0
 */
export interface Past {
  readonly cause: PastCause
  readonly at: number
  /** When the entry would have expired. `Infinity` if that is not known. */
  readonly expiresAt: number
  readonly by: By
  /** With `tag`: the invalidated tag. `undefined` if its name was overwritten. */
  readonly tag: string | undefined
}

/**
 * The last known invalidation of a tag.
 * @category models
 * @since 0.1.0
 */
export interface TagChange {
  readonly tag: string
  readonly at: number
  readonly by: By
  readonly mode: "hard" | "soft"
}

interface Times {
  readonly createdAt: number
  readonly softExpiresAt: number
  readonly expiresAt: number
  readonly outcome: Outcome
  readonly tags: ReadonlyArray<string>
}

/**
 * The facts of an explanation, by name and in their order. `npm run generate` makes a table in the documentation from
 * this interface. Times are epoch milliseconds; `Infinity` means never, and a `softExpiresAt` of `-Infinity` means that
 * a tag was invalidated softly.
 * @category models
 * @since 0.1.0
 */
export interface Facts {
  /** The cache is `disabled`, `bypassed` by a policy or an open SQL transaction, or `closed`: only memory answers. */
  readonly NotUsed: { readonly because: "disabled" | "closed" | "bypassed" }
  /** The entry in memory. It is not used if `isGone`, and asked for again from `memoryExpiresAt` on (`memoryTtl`). */
  readonly Memory: Times & {
    readonly loadMillis: number
    readonly reads: number
    readonly memoryExpiresAt: number | undefined
    readonly isGone: boolean
  }
  /** The last event of the id, from the history. `forgotten`: its place in the history was overwritten. */
  readonly Past: Past | { readonly cause: "forgotten" }
  /** A tag of the entry was invalidated. `by` and `at` are known for a while. */
  readonly Tag: {
    readonly tag: string
    readonly mode: "hard" | "soft"
    readonly by: By | undefined
    readonly at: number | undefined
  }
  /**
   * The answer of the store: nothing (`absent`), an entry that can be used (`found`), or one that is `expired`,
   * `invalidated`, written by another serializer (`foreign`) or `undecodable`.
   */
  readonly Store: {
    readonly store: string
    readonly state: "absent" | "found" | "expired" | "invalidated" | "foreign" | "undecodable"
    readonly frame: Times & { readonly bytes: number; readonly serializer: number } | undefined
  }
  /** The store did not say what it has. `failed`: the operation failed. `pending`: it is not asked (see `Pending`). */
  readonly StoreSilent: {
    readonly store: string
    readonly because: "failed" | "pending"
    readonly reason: StoreErrorReason | undefined
  }
  /** The store has not acknowledged an invalidation or a write of the id, one of its tags, or everything. */
  readonly Pending: {
    readonly target: "id" | "write" | "tag" | "all"
    readonly tag: string | undefined
    /** Whether it is being sent for the first time. If not, it is sent again until the store acknowledges it. */
    readonly isFirst: boolean
  }
  /** Changes by other processes cannot be followed, and memory is trusted until then. */
  readonly Untracked: { readonly until: number }
  /** This process holds the lease of the id (`own`), or waits until another process gives it back. */
  readonly Lease: { readonly own: boolean; readonly forMillis: number }
  /** A load of the id. Reads join it if `joinable`, else its result is not stored or belongs to an older state. */
  readonly Flight: {
    readonly phase: "Queued" | "AskingStore" | "AwaitingLease" | "Loading" | "Storing"
    readonly startedAt: number | undefined
    readonly callers: number
    readonly refresh: boolean
    readonly joinable: boolean
  }
  /** After a failed load, stale values are served until then without another load (`retryAfter`). */
  readonly RetryAfter: { readonly until: number }
  /** The origin answered with a failure that is not an outage, so the stale value does not replace further failures. */
  readonly NoFallback: {}
  /** The circuit breaker of the store is open, so the store is not asked. */
  readonly Circuit: { readonly until: number }
  /** The strategy that decides. It is known if a cached effect was explained, or a cache has a default strategy. */
  readonly Strategy: { readonly name: string }
}

/**
 * A fact of an explanation: one of `Facts`, with its name as `_tag`.
 * @category models
 * @since 0.1.0
 */
export type Fact = { readonly [Name in keyof Facts]: Facts[Name] & { readonly _tag: Name } }[keyof Facts]

/**
 * How a read is answered from a time on, if nothing is read or changed until then.
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  /** From when on, in epoch milliseconds. */
  readonly at: number
  /**
   * The source that `Cached.detect` then reports. `uncached`: the effect runs as if it were not cached. `strategy`: it
   * depends on the strategy, which is not known. `defect`: the strategy throws, an option is invalid, a load reads its
   * own id, or the cache is closed.
   */
  readonly source: Exclude<Source, "fallback"> | "uncached" | "strategy" | "defect"
  /** Whether the read begins a background refresh. `"perhaps"`: the strategy decides at random. */
  readonly refresh: boolean | "perhaps"
  /** Whether the stale value is the answer if the load fails. A load that still asks the store may find one later. */
  readonly fallback: boolean
}

/**
 * The state of an id.
 *
 * - `fresh`, `stale`: there is an entry that may be served, before or after its soft deadline
 * - `gone`: there was an entry, or a load whose result was not stored
 * - `neverSeen`: the history of this process knows of no entry and of no load
 * - `notKnown`: there is no entry, and no history that says whether there was one
 * @category models
 * @since 0.1.0
 */
export type Status = "fresh" | "stale" | "gone" | "neverSeen" | "notKnown"

export interface Explained {
  readonly id: string
  /** The name of the key's class. `undefined` for a string key. */
  readonly keyClass: string | undefined
  /** When the explanation was made, in epoch milliseconds. */
  readonly at: number
  readonly status: Status
  /** The facts that decide, in their order. */
  readonly facts: ReadonlyArray<Fact>
  /** The answers of the next read, and when they change. While a load runs, only the present answer is known. */
  readonly next: ReadonlyArray<Answer>
}

/**
 * Why an id is cached or not: plain data, and the same as text.
 * @category models
 * @since 0.1.0
 */
export interface Explanation extends Explained {
  /** All this in several lines. Times are in UTC, and control characters in ids are escaped. */
  readonly text: string
}
