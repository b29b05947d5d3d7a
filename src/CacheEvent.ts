/**
 * Events of a cache, as reported by `Cached.events`, `Cached.detect` and `Cached.onRemoval`. They carry ids, and values
 * for `onRemoval` or on request.
 * @since 0.1.0
 */
import type * as Exit from "effect/Exit"
import type { StoreErrorReason } from "./CacheError.ts"

/**
 * The source of an answer.
 *
 * - `memory`: from memory, fresh
 * - `store`: from the store, fresh
 * - `load`: from a load that this read started
 * - `joined`: from a load that another read had started
 * - `stale`: past its soft ttl, while a refresh runs or because a load has just failed
 * - `fallback`: a stored value instead of a load that failed or took too long
 * @category models
 * @since 0.1.0
 */
export type Source = "memory" | "store" | "load" | "joined" | "stale" | "fallback"

/**
 * Why an entry left the memory tier.
 *
 * - `evicted`: there was no room, and nothing had expired
 * - `expired`: it was past its ttl, and there was no room or another entry replaced it
 * - `replaced`: a newer value replaced it
 * - `invalidated`: its key, one of its tags or the whole cache was invalidated, here or by another process
 * - `unverified`: changes by other processes could not be read within `maxStaleness`, or the store contradicts the copy
 * @category models
 * @since 0.1.0
 */
export type RemovalCause = "evicted" | "expired" | "replaced" | "invalidated" | "unverified"

/**
 * An entry that has left the memory tier.
 * @category models
 * @since 0.1.0
 */
export interface Removal {
  readonly id: string
  /** The name of the key's class, `undefined` for a string. */
  readonly keyClass: string | undefined
  readonly cause: RemovalCause
  readonly exit: Exit.Exit<unknown, unknown>
}

/**
 * How a read was answered: an item of `Cached.detect`.
 * @category models
 * @since 0.1.0
 */
export interface Detected {
  readonly key: string
  readonly source: Source
  /** The age of the value in milliseconds. 0 if it is not cached. */
  readonly ageMillis: number
  /** The remaining lifetime in milliseconds. 0 if it is not cached. */
  readonly ttlMillis: number
  /** The name of the strategy that decided. */
  readonly strategy: string
  /** The ids it derives from, if it was made with `inherit: "changes"`. `"user:*"` is a whole group. */
  readonly dependsOn?: ReadonlyArray<string> | undefined
}

/**
 * How a read was answered, with the answer: an item of `Cached.detectWith`.
 * @category models
 * @since 0.1.0
 */
export interface DetectedValue extends Detected {
  /** The answer. With the option `copy` it is the value that was copied for the reader. */
  readonly exit: Exit.Exit<unknown, unknown>
}

/** The fields of all events about one id. */
interface OfId {
  readonly id: string
  /** The name of the key's class, `undefined` for a string. */
  readonly keyClass: string | undefined
}

/**
 * The events of a cache by name. A table of the documentation is made from it (`npm run docs`).
 * @category models
 * @since 0.1.0
 */
export interface Events {
  /** A read or lookup was answered with a cached value from `memory` or the `store`. A refresh may follow the read. */
  readonly Hit: OfId & { readonly source: "memory" | "store" }
  /** A read found nothing to simply serve, or a lookup nothing at all. Emitted after the store was asked. */
  readonly Miss: OfId
  /** A read waits for a flight that another read began. */
  readonly Joined: OfId
  /** A load has ended, after `millis` milliseconds. `refresh` if it began without a caller. */
  readonly Load: OfId & {
    readonly outcome: "success" | "failure" | "interrupted" | "notModified"
    readonly refresh: boolean
    readonly millis: number
  }
  /** A background refresh was requested. */
  readonly Refresh: OfId
  /** A read was answered with a stale value, instead of a load that failed or took too long. */
  readonly Stale: OfId
  /** A value was stored by hand. */
  readonly Set: OfId
  /**
   * A result is not cached. `because`: its id or a tag was invalidated in the meantime (`changed`), it derives from a
   * stale value (`stale`), from values that `inherit` rejects (too old, or `"refuse"`), or from something that changed
   * (`dependency`). Emitted before its `Load`.
   */
  readonly Refused: OfId & { readonly because: "changed" | "stale" | "inherit" | "dependency" }
  /** An entry left the memory tier because there was no room. */
  readonly Evict: OfId
  /** This process invalidated ids or tags, or cleared the cache. Many ids are reported in several events. */
  readonly Invalidate: {
    readonly ids: ReadonlyArray<string>
    readonly tags: ReadonlyArray<string>
    readonly mode: "hard" | "soft"
    readonly all: boolean
  }
  /** An operation of the store failed, or a value could not be encoded or decoded (`encode`, `decode`). */
  readonly StoreFailure: { readonly operation: string; readonly reason: StoreErrorReason }
}

/**
 * An event of a cache: one of `Events`, with its name as `_tag`.
 * @category models
 * @since 0.1.0
 */
export type CacheEvent = { readonly [Name in keyof Events]: Events[Name] & { readonly _tag: Name } }[keyof Events]

/**
 * The events about a value: a hit, a load, a stale answer, a write by hand and an eviction.
 * @category models
 * @since 0.1.0
 */
export type Valued = "Hit" | "Load" | "Stale" | "Set" | "Evict"

/**
 * An event of a cache, with `exit` if it is about a value: an element of `Cached.eventsWith`.
 * @category models
 * @since 0.1.0
 */
export type ValueEvent = {
  readonly [Name in keyof Events]:
    & Events[Name]
    & { readonly _tag: Name }
    & (Name extends Valued ? {
        /** The value or failure served, loaded, set or evicted. */
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
  /** The ids checked so far. */
  readonly scanned: number
  /** The ids among them with something to invalidate. */
  readonly invalidated: number
}
