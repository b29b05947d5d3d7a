/** The part of the engine that counts, emits events and logs. All other parts extend it. */
import type * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { CacheEvent } from "../../../CacheEvent.ts"
import type { KeyInfo } from "../../key/info.ts"

/** The counters. These comments are shown in the documentation (`npm run docs`). Memory counts removals. */
export const noCounters = {
  /** Reads served from memory. */
  hits: 0,
  /** Reads served from the store. */
  storeHits: 0,
  /** Reads that found no entry to serve at once. */
  misses: 0,
  /** Reads that joined a load, or a request to the store, of another read. */
  joined: 0,
  /** Reads served with a stale value because the load failed or took too long. */
  stale: 0,
  /** Loads that ran, including refreshes. */
  loads: 0,
  /** Loads that failed, including refreshes. */
  loadFailures: 0,
  /** The total duration of all ended loads in milliseconds. */
  loadMillis: 0,
  /** Background refreshes, including those dropped from the queue. */
  refreshes: 0,
  /** Keys and tags invalidated. */
  invalidations: 0,
  /** Operations that failed in the store, the serializer or its codec. */
  storeFailures: 0,
  /**
   * Results not cached because their id or tag was invalidated or set during the load, or because they derive from a
   * stale value.
   */
  refused: 0,
  /** Results not cached because a function of the strategy or an option threw or returned an invalid value. */
  notStored: 0,
  /**
   * Calls that threw or returned an invalid value: of a strategy's `touch`, an eviction policy, or a listener. No read
   * fails because of one.
   */
  callbackFailures: 0,
  /** Invalidations that the store had not acknowledged when the layer was closed. */
  lostInvalidations: 0
}

/** Plain numbers, since the layer was built. */
export type Counters = typeof noCounters

export interface KeyClasses {
  /** Stored in a class as the cache that used it last. */
  readonly mark: number
  readonly byPrefix: Map<string, Met>
}

interface Met {
  readonly newest: WeakRef<KeyInfo>
  /** Classes that were replaced by a newer one. */
  readonly former: WeakSet<KeyInfo>
}

/** Nothing else retains the value. */
export type EventListener = (event: CacheEvent, exit: Exit.Exit<unknown, unknown> | undefined) => void

interface Listeners {
  /** An array, which a hit iterates faster than a set. */
  events: ReadonlyArray<EventListener> | undefined
}

export interface Telemetry {
  /** The counters of string keys and of the whole cache. */
  readonly stats: Counters
  readonly classes: Map<string, Counters>
  readonly keyClasses: KeyClasses
  readonly listeners: Listeners
  /** The topics of warnings already logged. */
  readonly warned: Set<string>
  /** False until there is a listener, or a strategy whose reads move a deadline. */
  hitsHaveEffects: boolean
  /** The context of the fiber that built the layer, for logs and replays. */
  readonly context: Context.Context<never>
}
