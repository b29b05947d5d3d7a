/**
 * Events of a cache: what `Cached.events`, `Cached.detect` and `Cached.onRemoval` report. Ids are reported; values to
 * `onRemoval`, and where they are asked for.
 *
 * @since 0.1.0
 */
import type * as Exit from "effect/Exit"
import type { StoreErrorReason } from "./CacheError.ts"

/**
 * Where an answer came from.
 *
 * **Details**
 *
 * - `memory`: from memory, fresh
 * - `store`: from the store, fresh
 * - `load`: from a load that this read started
 * - `joined`: from a load that another read had started
 * - `stale`: past its soft ttl, while a refresh runs or because a load has just failed
 * - `fallback`: a stored value in place of a load that failed or took too long
 *
 * @category models
 * @since 0.1.0
 */
export type Source = "memory" | "store" | "load" | "joined" | "stale" | "fallback"

/**
 * Why an entry left the memory tier.
 *
 * **Details**
 *
 * - `evicted`: there was no room, and nothing had expired
 * - `expired`: it was past its ttl, and there was no room or another took its place
 * - `replaced`: a newer value took its place
 * - `invalidated`: its key, a tag of it or the whole cache was invalidated, here or by another process
 * - `unverified`: changes by other processes could not be read within `maxStaleness`, or the store contradicts the copy
 *
 * @category models
 * @since 0.1.0
 */
export type RemovalCause = "evicted" | "expired" | "replaced" | "invalidated" | "unverified"

/**
 * An entry that has left the memory tier.
 *
 * @category models
 * @since 0.1.0
 */
export interface Removal {
  readonly id: string
  /** the name of the key's class, `undefined` for a string */
  readonly keyClass: string | undefined
  readonly cause: RemovalCause
  /** what was cached */
  readonly exit: Exit.Exit<unknown, unknown>
}

/**
 * How a read was answered: an item of `Cached.detect`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Detected {
  /** the id of the key: `CacheKey.id(key)` */
  readonly key: string
  readonly source: Source
  /** how old the value is, in milliseconds; 0 if it is not cached */
  readonly ageMillis: number
  /** how much longer it is served at most, in milliseconds; 0 if it is not cached */
  readonly ttlMillis: number
  /** the name of the strategy that decided */
  readonly strategy: string
  /** the ids that it derives from, where it was made with `inherit: "changes"`; `"user:*"`: all of that group */
  readonly dependsOn?: ReadonlyArray<string> | undefined
}

/**
 * How a read was answered, and with what: an item of `Cached.detect` that was asked for values.
 *
 * @category models
 * @since 0.1.0
 */
export interface DetectedValue extends Detected {
  /** the answer; with the option `copy` it is what was copied for the reader */
  readonly exit: Exit.Exit<unknown, unknown>
}

/** The fields of all events about one id. */
interface OfId {
  readonly id: string
  /** the name of the key's class, `undefined` for a string */
  readonly keyClass: string | undefined
}

/**
 * The events of a cache by name. The documentation's table is made from it (`npm run docs`).
 *
 * @category models
 * @since 0.1.0
 */
export interface Events {
  /**
   * a read or a look-up was answered with a cached value, from `memory` or from the `store`; a refresh may run behind a
   * read
   */
  readonly Hit: OfId & { readonly source: "memory" | "store" }
  /**
   * a read found nothing that its strategy would simply serve, or a look-up nothing at all; emitted after the store was
   * asked
   */
  readonly Miss: OfId
  /** a read waits for a flight that another began */
  readonly Joined: OfId
  /** a load has ended, after `millis` milliseconds; `refresh` if it began without a caller */
  readonly Load: OfId & {
    readonly outcome: "success" | "failure" | "interrupted" | "notModified"
    readonly refresh: boolean
    readonly millis: number
  }
  /** a refresh in the background was asked for */
  readonly Refresh: OfId
  /** a read was answered with a stale value, in place of a load that failed or took too long */
  readonly Stale: OfId
  /** a value was stored by hand */
  readonly Set: OfId
  /**
   * a result is not cached. `because`: its id or a tag was invalidated meanwhile (`changed`), it was derived from a stale
   * value (`stale`), from what is too old for it or kept out (`inherit`), or something that it derives from has changed
   * (`dependency`). Emitted before its `Load`
   */
  readonly Refused: OfId & { readonly because: "changed" | "stale" | "inherit" | "dependency" }
  /** an entry left the memory tier because there was no room */
  readonly Evict: OfId
  /** this process invalidated ids or tags, or cleared the cache. Of many ids there are several events */
  readonly Invalidate: {
    readonly ids: ReadonlyArray<string>
    readonly tags: ReadonlyArray<string>
    readonly mode: "hard" | "soft"
    readonly all: boolean
  }
  /** an operation of the store failed, or a value could not be encoded or decoded (`encode`, `decode`) */
  readonly StoreFailure: { readonly operation: string; readonly reason: StoreErrorReason }
}

/**
 * An event of a cache: one of `Events`, with its name as `_tag`.
 *
 * @category models
 * @since 0.1.0
 */
export type CacheEvent = { readonly [Name in keyof Events]: Events[Name] & { readonly _tag: Name } }[keyof Events]

/**
 * The events that are about a value: a hit, a load, a stale answer, a write by hand and an eviction.
 *
 * @category models
 * @since 0.1.0
 */
export type Valued = "Hit" | "Load" | "Stale" | "Set" | "Evict"

/**
 * An event of a cache, of which those about a value have it as `exit`: an element of `Cached.eventsWith`.
 *
 * @category models
 * @since 0.1.0
 */
export type ValueEvent = {
  readonly [Name in keyof Events]:
    & Events[Name]
    & { readonly _tag: Name }
    & (Name extends Valued ? {
        /** what was served, loaded, set or evicted */
        readonly exit: Exit.Exit<unknown, unknown>
      } :
      {})
}[keyof Events]

/**
 * How far an invalidation by pattern has come.
 *
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  /** how many ids it has looked at */
  readonly scanned: number
  /** how many of them had something to invalidate */
  readonly invalidated: number
}
