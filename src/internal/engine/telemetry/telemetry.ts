/** The part of the engine that counts, emits events and logs. All other parts extend it. */
import type * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { CacheEvent } from "../../../CacheEvent.ts"
import type { KeyInfo } from "../../key/info.ts"

/** The counters. These comments are shown in the documentation (`npm run docs`). Memory counts removals. */
export const noCounters = {
  /** reads served from memory */
  hits: 0,
  /** reads served from the store */
  storeHits: 0,
  /** reads that found no entry to serve at once */
  misses: 0,
  /** reads that joined a load, or a request to the store, that another read began */
  joined: 0,
  /** reads served with a stale value because the load failed or took too long */
  stale: 0,
  /** loads that ran, refreshes among them */
  loads: 0,
  /** loads that failed, refreshes among them */
  loadFailures: 0,
  /** milliseconds that the loads took that have ended, together */
  loadMillis: 0,
  /** refreshes in the background, also those that left the queue without a load */
  refreshes: 0,
  /** keys and tags invalidated */
  invalidations: 0,
  /** operations that failed in the store, the serializer or its codec */
  storeFailures: 0,
  /**
   * results not cached because their id or tag was invalidated or set during the load, or because they derive from a
   * stale value
   */
  refused: 0,
  /** results not cached because a function of the strategy or an option threw or returned an invalid value */
  notStored: 0,
  /**
   * calls that threw or answered an invalid value: of a strategy's `touch`, of an eviction policy, of a listener. No
   * read fails because of one
   */
  callbackFailures: 0,
  /** invalidations that the store had not acknowledged when the layer was closed */
  lostInvalidations: 0
}

/** Plain numbers, since the layer was built. */
export type Counters = typeof noCounters

export interface KeyClasses {
  /** Stored in a class as the cache that used it last. */
  readonly mark: number
  /** By the common prefix of a class's ids. */
  readonly byPrefix: Map<string, Met>
}

interface Met {
  readonly newest: WeakRef<KeyInfo>
  /** Classes that were replaced by a newer one. */
  readonly former: WeakSet<KeyInfo>
}

/** Receives an event and its value. Nothing else retains the value. */
export type EventListener = (event: CacheEvent, exit: Exit.Exit<unknown, unknown> | undefined) => void

/** The listeners of a cache. Without any, an event costs one branch. */
interface Listeners {
  /** An array, which a hit iterates faster than a set. */
  events: ReadonlyArray<EventListener> | undefined
}

export interface Telemetry {
  /** The counters of string keys and of the whole cache. */
  readonly stats: Counters
  /** The counters of key classes, by name. */
  readonly classes: Map<string, Counters>
  readonly keyClasses: KeyClasses
  readonly listeners: Listeners
  /** The topics of warnings already logged. */
  readonly warned: Set<string>
  /**
   * Whether a hit does more than count, because there is or was a listener, or a strategy whose reads move a deadline.
   */
  hitsHaveEffects: boolean
  /** The context of the fiber that built the layer, for logs and replays. */
  readonly context: Context.Context<never>
}
