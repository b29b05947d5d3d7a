/**
 * The state that the commands of a store share. Key names contain the current era. `clear` starts a new era, and keys
 * of former eras are never read again. A command that finds a new era is repeated in that era. On a single server,
 * each command compares the era. On a cluster, the era is read while the commands run, once per turn of the event loop.
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
  /** The era that the last `clear` of this process began. Empty while the server has not answered. */
  ownEra: string | undefined
  /** The callbacks that wait for the era in the current turn of the event loop. */
  controls: Array<(answer: Control | Fault) => void> | undefined
  reads: Array<Read>
  /** Sends the reads of one turn of the event loop. Created for the first read, and reused in all later turns. */
  flush: (() => void) | undefined
  /** The positions of markers in the next command, by key, so that a marker that many entries share is read once. */
  readonly places: Map<string, number>
  /** The most recent list of markers. Consecutive reads with the same list reuse its positions. */
  lastMarkers: ReadonlyArray<Named> | undefined
  lastPlaces: ReadonlyArray<number>
}

// Lists each property instead of spreading the options, because properties after a spread are slower to read.
export const make = ({ keys, replicas, scripts, waitMillis, wire }: SessionOptions): Session => ({
  keys,
  wire,
  scripts,
  replicas,
  waitMillis,
  era: undefined,
  ownEra: undefined,
  controls: undefined,
  reads: [],
  flush: undefined,
  places: new Map(),
  lastMarkers: undefined,
  lastPlaces: []
})

/** The channel on which a script publishes its changes, which on a cluster has to be in the slot of its keys. */
export const channelOf = ({ keys, wire }: Session, tag: string): string =>
  keys.changesOf(wire.isCluster ? tag : undefined)
