/**
 * The state that the commands of a store share: the servers, the names of the keys and the present era.
 *
 * `clear` begins another era, and the keys of the former one are never read again. A command that finds another era
 * starts again in that one. On a single server each command compares the era; on a cluster the era is asked for beside
 * the commands, once for all of a turn.
 */
import type { Done } from "../connection/connection.ts"
import type { Wire } from "../connection/wire.ts"
import type { Fault } from "../fault.ts"
import type { Keys, Named } from "../protocol/keys.ts"
import type { Scripts } from "../protocol/scripts/all.ts"

/** The answer to the question for the era. */
export interface Control {
  readonly era: string
  /** How many invalidations of tags there were. */
  readonly seq: number
}

/** A read that waits for the command of its turn. */
export interface Read {
  readonly keys: ReadonlyArray<Named>
  /** Other reads may have the same ones. */
  readonly markers: ReadonlyArray<Named>
  readonly done: Done
  /** How often it may start again. */
  attempts: number
  /** The place of the first key's answer. */
  from: number
  /** The place of each marker's answer. */
  places: ReadonlyArray<number>
}

interface SessionOptions {
  readonly keys: Keys
  readonly wire: Wire
  readonly scripts: Scripts
  /** How many replicas must have a write. */
  readonly replicas: number
  /** How long to wait for them. */
  readonly waitMillis: number
}

export interface Session extends SessionOptions {
  /** The era that was answered last. */
  era: string | undefined
  /** The callers that wait for the era in this turn. */
  controls: Array<(answer: Control | Fault) => void> | undefined
  /** The reads of this turn. */
  reads: Array<Read>
  /** Sends them: one function for all turns, made with the first read. */
  flush: (() => void) | undefined
  /** The places of markers in the present command: many entries have the same ones. */
  readonly places: Map<string, number>
  /** The list of markers that was placed last: many reads have the same one. */
  lastMarkers: ReadonlyArray<Named> | undefined
  lastPlaces: ReadonlyArray<number>
}

// Without a spread: the properties that follow one are slower to read.
export const make = ({ keys, replicas, scripts, waitMillis, wire }: SessionOptions): Session => ({
  keys,
  wire,
  scripts,
  replicas,
  waitMillis,
  era: undefined,
  controls: undefined,
  reads: [],
  flush: undefined,
  places: new Map(),
  lastMarkers: undefined,
  lastPlaces: []
})
