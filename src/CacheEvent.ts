/**
 * The events that `Cached.events`, `Cached.detect` and `Cached.onRemoval` report. Events contain ids, but only
 * `onRemoval`, and the others with `values: true`, also report values.
 * @since 0.1.0
 */
import type * as Exit from "effect/Exit"
import type { StoreErrorReason } from "./CacheError.ts"

/**
 * The source of a read's answer.
 *
 * - `memory`: a fresh entry in memory
 * - `store`: a fresh entry in the store
 * - `load`: a load that this read started
 * - `joined`: a load that another read or a refresh had started
 * - `stale`: an entry past its soft ttl, served during a refresh or shortly after a failed load
 * - `fallback`: a cached value, served because the load of this read failed or took too long
 * @category models
 * @since 0.1.0
 */
export type Source = "memory" | "store" | "load" | "joined" | "stale" | "fallback"

/**
 * Why an entry left the memory tier.
 *
 * - `evicted`: memory was full, and no entry had expired
 * - `expired`: the entry was past its ttl
 * - `replaced`: the id got a newer value
 * - `invalidated`: this or another process invalidated the key, one of the entry's tags or the whole cache
 * - `unverified`: this process may have missed a change by another process, or the store contradicts the entry
 * @category models
 * @since 0.1.0
 */
export type RemovalCause = "evicted" | "expired" | "replaced" | "invalidated" | "unverified"

/**
 * An entry that left the memory tier, and why it left.
 * @category models
 * @since 0.1.0
 */
export interface Removal {
  readonly id: string
  /** The name of the key's class. `undefined` for a string key. */
  readonly keyClass: string | undefined
  readonly cause: RemovalCause
  readonly exit: Exit.Exit<unknown, unknown>
}

/**
 * How a read was answered, as reported by `Cached.detect`.
 * @category models
 * @since 0.1.0
 */
export interface Detected {
  readonly key: string
  readonly source: Source
  /** The age of the value in milliseconds, or 0 if the value is not cached. */
  readonly ageMillis: number
  /** The remaining lifetime of the value in milliseconds, or 0 if the value is not cached. */
  readonly ttlMillis: number
  readonly strategy: string
  /** The ids that the entry depends on with `inherit: "changes"`. `"user:*"` stands for all ids of the group `user`. */
  readonly dependsOn?: ReadonlyArray<string> | undefined
}

/**
 * How a read was answered, and the answer itself, as reported by `Cached.detect` with `values: true`.
 * @category models
 * @since 0.1.0
 */
export interface DetectedValue extends Detected {
  /** The answer. With the option `copy`, this is the cached value and not the reader's copy. */
  readonly exit: Exit.Exit<unknown, unknown>
}

/** The fields shared by all events that are about a single id. */
interface OfId {
  readonly id: string
  /** The name of the key's class. `undefined` for a string key. */
  readonly keyClass: string | undefined
}

/**
 * The events of a cache by name. `npm run generate` makes a table in the documentation from this interface.
 * @category models
 * @since 0.1.0
 */
export interface Events {
  /** A read, or a lookup like `Cached.getOption`, found an entry in `memory` or the `store`. A refresh may follow. */
  readonly Hit: OfId & { readonly source: "memory" | "store" }
  /** A read found no entry to serve at once, or a lookup found no entry in memory or in the store. */
  readonly Miss: OfId
  /** A read joined a load that another read or a refresh had started. */
  readonly Joined: OfId
  /**
   * A load ended after `millis` milliseconds. `refresh` is `true` if the load began without a caller. `bytes` is the
   * size of its result in the store, if it was written to one.
   */
  readonly Load: OfId & {
    readonly outcome: "success" | "failure" | "interrupted" | "notModified"
    readonly refresh: boolean
    readonly millis: number
    readonly bytes?: number | undefined
  }
  /**
   * A load that had run for `millis` milliseconds was interrupted, and runs again: it had outlasted the patience of its
   * readers, so it may hang.
   */
  readonly Restart: OfId & { readonly millis: number }
  /** A background refresh was requested. */
  readonly Refresh: OfId
  /** A read was answered with a stale value, because the load failed or took too long. */
  readonly Stale: OfId & { readonly ageMillis: number }
  /** The program itself stored a value, for example with `Cached.set`. */
  readonly Set: OfId
  /**
   * The result of a load was not cached. This event precedes `Load`. `changed`: during the load, its id was set, or its
   * id or a tag was invalidated. `stale`: the load read a stale value. `inherit`: the load read a value that this
   * option rejects. `dependency`: a value that the load read has changed.
   */
  readonly Refused: OfId & { readonly because: "changed" | "stale" | "inherit" | "dependency" }
  /** A value that the program set while the store was failing is neither in the store nor in memory. */
  readonly LostSet: OfId
  /** An entry was evicted from the memory tier to make room. */
  readonly Evict: OfId & { readonly ageMillis: number }
  /**
   * An entry left the memory tier, evictions included. Reported only to subscribers that name this kind of event
   * (`of` of `Cached.events`), because each replaced value is one. `by` says which process invalidated it, if known.
   */
  readonly Removed: OfId & {
    readonly cause: RemovalCause
    readonly ageMillis: number
    readonly by?: "this process" | "another process" | undefined
  }
  /** A load waited `millis` milliseconds for the lease of another process. */
  readonly Waited: OfId & { readonly millis: number }
  /**
   * This process invalidated ids or tags, or cleared the cache (`all`). Long lists of ids span several events. After an
   * act on the inspector's page, `actor` is the name that `authorize` returned, or the client's address.
   */
  readonly Invalidate: {
    readonly ids: ReadonlyArray<string>
    readonly tags: ReadonlyArray<string>
    readonly mode: "hard" | "soft"
    readonly all: boolean
    readonly actor?: string | undefined
  }
  /** A store operation failed, or a value could not be encoded or decoded (operations `encode` and `decode`). */
  readonly StoreFailure: { readonly operation: string; readonly reason: StoreErrorReason }
  /** The store is not asked any longer, because it timed out (`open`), or is asked again (`closed`). */
  readonly Circuit: { readonly state: "open" | "closed" }
  /** Changes by other processes can no longer be followed (`untracked`), or can be again (`tracked`). */
  readonly Tracking: { readonly state: "tracked" | "untracked" }
  /** A store operation took 100 milliseconds or longer. */
  readonly Slow: { readonly operation: string; readonly millis: number }
  /** This subscriber was too slow, and did not get the `count` events that precede this one. */
  readonly Lost: { readonly count: number }
}

/**
 * An event of a cache: one of `Events`, with its name as `_tag`.
 * @category models
 * @since 0.1.0
 */
export type CacheEvent = { readonly [Name in keyof Events]: Events[Name] & { readonly _tag: Name } }[keyof Events]

/**
 * The names of the events about a value: hits, loads, stale answers, explicit writes and evictions.
 * @category models
 * @since 0.1.0
 */
export type Valued = "Hit" | "Load" | "Stale" | "Set" | "Evict"

/**
 * An event of a cache, with `exit` if the event is about a value: what `Cached.events` streams with `values: true`.
 * @category models
 * @since 0.1.0
 */
export type ValueEvent = {
  readonly [Name in keyof Events]:
    & Events[Name]
    & { readonly _tag: Name }
    & (Name extends Valued ? {
        /** The value or failure that was served, loaded, set or evicted. */
        readonly exit: Exit.Exit<unknown, unknown>
      } :
      {})
}[keyof Events]

/**
 * The progress of an invalidation by pattern.
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  /** The number of ids checked so far. */
  readonly scanned: number
  /** The number of ids whose entries have been invalidated so far. */
  readonly invalidated: number
}
