/**
 * The state that the commands of a store share. `clear` starts another era, and the keys of the previous one are never
 * read again. A command that finds another era starts again in that one. On a single server each command compares the
 * era. On a cluster it is read beside the commands, once a turn.
 */
import type { Done } from "../connection/connection.ts"
import type { Wire } from "../connection/wire.ts"
import type { Fault } from "../fault.ts"
import type { Keys, Named } from "../protocol/keys.ts"
import type { Scripts } from "../protocol/scripts/all.ts"

export interface Control {
  readonly era: string
  readonly seq: number
}

export interface Read {
  readonly keys: ReadonlyArray<Named>
  /** Other reads may share the same list. */
  readonly markers: ReadonlyArray<Named>
  readonly done: Done
  attempts: number
  from: number
  places: ReadonlyArray<number>
}

interface SessionOptions {
  readonly keys: Keys
  readonly wire: Wire
  readonly scripts: Scripts
  readonly replicas: number
  readonly waitMillis: number
}

export interface Session extends SessionOptions {
  era: string | undefined
  /** The callers that wait for the era in this turn. */
  controls: Array<(answer: Control | Fault) => void> | undefined
  reads: Array<Read>
  /** Sends the reads of a turn: one function for all turns, created with the first read. */
  flush: (() => void) | undefined
  /** The positions of markers in the current command. Many entries have the same markers. */
  readonly places: Map<string, number>
  /** The most recently placed list of markers. Many reads have the same list. */
  lastMarkers: ReadonlyArray<Named> | undefined
  lastPlaces: ReadonlyArray<number>
}

// Without a spread, because properties that follow one are slower to read.
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
