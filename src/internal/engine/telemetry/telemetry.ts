/** The part of the engine that counts, emits events and logs. Every other part extends it. */
import type * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type { CacheEvent } from "../../../CacheEvent.ts"
import type { KeyClasses } from "./keyClasses.ts"
import type { Counters } from "./stats.ts"

/** Gets an event, and the value that it is about: what it does not keep, nobody keeps. */
export type EventListener = (event: CacheEvent, exit: Exit.Exit<unknown, unknown> | undefined) => void

/** The listeners of a cache. Without any, an event costs one branch. */
interface Listeners {
  /** an array: a hit iterates over it faster than over a set */
  events: ReadonlyArray<EventListener> | undefined
}

/** The part of the engine that counts, emits events and logs. */
export interface Telemetry {
  /** the counters of string keys, and of the whole cache */
  readonly stats: Counters
  /** the counters of key classes, by name */
  readonly classes: Map<string, Counters>
  readonly keyClasses: KeyClasses
  readonly listeners: Listeners
  /** the topics of the warnings that are logged once each */
  readonly warned: Set<string>
  /** whether a hit does more than count: there is or was a listener, or a strategy whose reads move a deadline */
  hitsHaveEffects: boolean
  /** the context of the fiber that built the layer: logs and replays run in it */
  readonly context: Context.Context<never>
}
