/** The part of the engine that counts, emits events and logs. Every other part extends this one. */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { StoreErrorReason } from "../../../CacheError.ts"
import type { CacheEvent, Events, RemovalCause, Source } from "../../../CacheEvent.ts"
import type { Fingerprints } from "../../key/fingerprints.ts"
import type { KeyInfo } from "../../key/info.ts"
import type { Key } from "../../key/ofKey.ts"
import type { Named } from "../../text/lineOf.ts"
import type { WallTime } from "../../time/wallTime.ts"

/** The initial counters. Removals are counted elsewhere. `npm run generate` copies these comments into docs/. */
export const noCounters = {
  /** Reads served from memory. */
  hits: 0,
  /** Reads served from the store. */
  storeHits: 0,
  /** Reads that found no entry to serve at once. */
  misses: 0,
  /** Reads that joined another read's load, or its request to the store. */
  joined: 0,
  /** Reads served with a stale value because the load failed or took too long. */
  stale: 0,
  /** Loads that ran, including refreshes. */
  loads: 0,
  /** Loads that were interrupted and run again, because they had outlasted the patience of their readers. */
  restarts: 0,
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
  /** Results not cached: their id or tag was invalidated or set during the load, or they derive from a stale value. */
  refused: 0,
  /** Results not cached because a function of the strategy or an option threw or returned an invalid value. */
  notStored: 0,
  /** Calls of `touch`, an eviction policy or a listener that threw or returned an invalid value. Reads do not fail. */
  callbackFailures: 0,
  /** Invalidations that the store had not acknowledged when the layer was closed. */
  lostInvalidations: 0,
  /** Changes of ids and tags by other processes that the store has reported. */
  told: 0,
  /** The changes in `told` of ids that were neither in memory nor being loaded. */
  toldInVain: 0
}

/** Plain numbers, counted since the layer was built. */
export type Counters = typeof noCounters

/**
 * Receives the counts that metrics have and `Cached.stats` does not. It is not called for fresh hits, because exporters
 * read their counters. The `counters` identify the key class. The functions must not throw.
 */
export interface Meter {
  /** A key class is used for the first time. */
  readonly met: (name: string, counters: Counters) => void
  /** A read was answered, but not with a fresh entry. With `memoryDue` and `storeDue`, it also counts as a hit. */
  readonly served: (counters: Counters, source: Exclude<Source, "memory" | "store">, served?: string) => void
  readonly loaded: (load: EndedLoad, exit: Exit.Exit<unknown, unknown>, millis: number) => void
  readonly restarted: (load: Pick<EndedLoad, "counters" | "refresh">) => void
  readonly refreshed: (counters: Counters) => void
  readonly keptOut: (counters: Counters, because: Events["Refused"]["because"] | "invalid") => void
  readonly invalidated: (kind: "key" | "tag" | "all", mode: "hard" | "soft", count: number) => void
  readonly asked: (operation: string, result: "success" | StoreErrorReason, millis: number) => void
  /** Encoded values were read from the store, or encoded for it. */
  readonly transferred: (direction: "read" | "write", bytes: number) => void
  readonly waitedForLease: (millis: number) => void
  readonly transacted: (outcome: "committed" | "conflict" | "timeout" | "failed") => void
  readonly streamed: (kind: "pageRead" | "pageWritten" | "lagged") => void
  readonly refusedByGuard: (kind: string) => void
}

/** Receives what `effect-cached/explain` remembers of ids that are not cached. It is never called for hits. */
export interface History {
  readonly left: (entry: Left, cause: RemovalCause) => void
  /** Memory was emptied. An id whose entry had left before has no entry. */
  readonly emptied: (entries: Iterable<Left | undefined>, cause: RemovalCause) => void
  readonly invalidated: (ids: ReadonlyArray<string>, tags: ReadonlyArray<string>, mode: "hard" | "soft") => void
  readonly keptOut: (id: string, because: Events["Refused"]["because"] | "invalid") => void
  readonly loaded: (load: EndedLoad, exit: Exit.Exit<unknown, unknown>) => void
}

/** Shows ids and tags in spans, logs and events in another form (`CacheLayer.withTelemetry`). */
export interface Disguise {
  readonly annotationsOf: (about: About) => { readonly [name: string]: string }
  readonly line: (message: string, details: Details) => readonly [message: string, details: Details]
  readonly event: (event: CacheEvent) => CacheEvent
  /** How a span about an id ends. */
  readonly exit: (exit: Exit.Exit<unknown, unknown>, id: string) => Exit.Exit<unknown, unknown>
}

export interface About {
  readonly id: string
  readonly key: Key
}

export interface Details extends Named {
  readonly about?: About
  /** A `Cause`, or its text. */
  readonly cause?: Cause.Cause<unknown> | string
}

interface Left {
  readonly id: string
  readonly expiresAt: number
  readonly tags: ReadonlyArray<string>
  readonly checkedAt: number
}

export interface EndedLoad {
  readonly id: string
  readonly counters: Counters
  readonly refresh: boolean
  readonly abandoned: boolean
  readonly ranTooLong: boolean
  readonly storable: boolean
  readonly endedAt: number
  readonly entry: Left | undefined
  readonly attempt: { readonly startedAt: number | undefined; readonly renewed: boolean }
}

export interface KeyClasses {
  /** A number that identifies this cache. Each key class notes the number of the cache that last used it. */
  readonly mark: number
  readonly byPrefix: Map<string, Met>
  readonly fingerprints: Fingerprints
}

interface Met {
  readonly newest: WeakRef<KeyInfo>
  /** Classes that a newer class with the same ids has replaced. */
  readonly former: WeakSet<KeyInfo>
}

/** A listener for events. If the event concerns an answer, also receives the answer's `exit`. */
export type EventListener = (event: CacheEvent, exit: Exit.Exit<unknown, unknown> | undefined) => void

/** The subject of an event: an entry, a flight, or a value that the program has set. */
export interface Subject {
  readonly id: string
  readonly exit?: Exit.Exit<unknown, unknown> | undefined
  readonly createdAt?: number | undefined
  /** The result of a flight. */
  readonly entry?: object | undefined
}

interface Listeners {
  /** An array, because a hit iterates it faster than a set. */
  events: ReadonlyArray<(event: CacheEvent, subject: Subject | undefined) => void> | undefined
}

export interface Telemetry {
  /** The counters of string keys and of anything that concerns no key. Key classes have counters in `classes`. */
  readonly stats: Counters
  readonly classes: Map<string, Counters>
  readonly keyClasses: KeyClasses
  readonly listeners: Listeners
  meter: Meter | undefined
  history: History | undefined
  disguise: Disguise | undefined
  /** `false` inside a transaction, because its commit counts its invalidations. */
  readonly countsInvalidations: boolean
  readonly warned: Set<string>
  /** Whether a hit must emit an event or move a deadline: `false` until a listener or a strategy's `touch` exists. */
  hitsHaveEffects: boolean
  /** The wall clock, by which entries in memory expire. */
  readonly time: WallTime
  /** The context of the fiber that built the layer. Logs and replays run in it. */
  readonly context: Context.Context<never>
}
