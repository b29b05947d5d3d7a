/**
 * What a cache tells those who watch it: see `Cached.events`, `Cached.detect` and `Cached.onRemoval`. Ids are told,
 * values never.
 *
 * @since 0.1.0
 */
import type * as Exit from "effect/Exit"
import type { StoreErrorReason } from "./CacheError.ts"

/**
 * Where an answer came from.
 *
 * - `memory`: from memory, fresh
 * - `store`: from the store, fresh
 * - `load`: from a load that this read has started
 * - `joined`: from a load that another read had started
 * - `stale`: past its soft ttl, while it is loaded anew or because a load failed a moment ago
 * - `fallback`: a stored value in place of a load that failed or took too long
 *
 * @category models
 * @since 0.1.0
 */
export type Source = "memory" | "store" | "load" | "joined" | "stale" | "fallback"

/**
 * Why an entry left the memory tier.
 *
 * - `evicted`: there was no room
 * - `expired`: it was past its ttl when another took its place
 * - `replaced`: a newer value took its place
 * - `invalidated`: its key, a tag of it or the whole cache was invalidated, here or by another process
 * - `unverified`: what other processes do could not be heard for too long
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
 * How a read was answered, for `Cached.detect`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Detected {
  /** the id of the key: `CacheKey.id(key)` */
  readonly key: string
  readonly source: Source
  /** how old the value is, in milliseconds; 0 where it is not cached */
  readonly ageMillis: number
  /** how long it is served still at most, in milliseconds; 0 where it is not cached */
  readonly ttlMillis: number
  /** the name of the strategy that decided */
  readonly strategy: string
}

/** What all events that concern one id have. */
interface OfId {
  readonly id: string
  /** the name of the key's class, `undefined` for a string */
  readonly keyClass: string | undefined
}

/**
 * What a cache tells, by the name of the event: each once, with what the documentation says of it (`npm run docs`).
 *
 * @category models
 * @since 0.1.0
 */
export interface Events {
  /** a read was answered with what is cached, from `memory` or from the `store`; a refresh may run behind it */
  readonly Hit: OfId & { readonly source: "memory" | "store" }
  /** a read found nothing that its strategy would simply serve; told when the store has been asked */
  readonly Miss: OfId
  /** a read waits for what another had begun */
  readonly Joined: OfId
  /** a load has ended, in so many milliseconds; `refresh` where nobody waited for it when it began */
  readonly Load: OfId & {
    readonly outcome: "success" | "failure" | "interrupted" | "notModified"
    readonly refresh: boolean
    readonly millis: number
  }
  /** a load in the background was asked for */
  readonly Refresh: OfId
  /** a read was answered with a stale value, in place of a load that failed or took too long */
  readonly Stale: OfId
  /** an explicit value was put in */
  readonly Set: OfId
  /** a result is not cached: it came too late, or was made with what an inner cache served stale. Told before its `Load` */
  readonly Refused: OfId
  /** an entry left the memory tier because there was no room */
  readonly Evict: OfId
  /** ids or tags were invalidated, or all, by this process */
  readonly Invalidate: {
    readonly ids: ReadonlyArray<string>
    readonly tags: ReadonlyArray<string>
    readonly mode: "hard" | "soft"
    readonly all: boolean
  }
  /** the store has failed an operation, or a value could not be written for it or read back (`encode`, `decode`) */
  readonly StoreFailure: { readonly operation: string; readonly reason: StoreErrorReason }
}

/**
 * Something that a cache has done: one of `Events`, with its name as `_tag`.
 *
 * @category models
 * @since 0.1.0
 */
export type CacheEvent = { readonly [Name in keyof Events]: Events[Name] & { readonly _tag: Name } }[keyof Events]

/**
 * How far an invalidation by pattern has come.
 *
 * @category models
 * @since 0.1.0
 */
export interface Progress {
  /** how many ids it has looked at */
  readonly scanned: number
  /** under how many of them there was something to invalidate */
  readonly invalidated: number
}
