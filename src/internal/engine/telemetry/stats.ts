/** What a cache counts, by key class. */
import { infoOf, type Key } from "../../key/ofKey.ts"
import { meetClass } from "./keyClasses.ts"
import type { Telemetry } from "./telemetry.ts"

/**
 * The counters, each declared once: these comments are shown in an editor, and in the documentation (`npm run docs`).
 * Removals are counted by the memory tier.
 */
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
   * calls that threw or answered an invalid value: of a strategy's `touch`, of an eviction policy, of a listener. No read
   * fails because of one
   */
  callbackFailures: 0,
  /** invalidations that the store had not acknowledged when the layer was closed */
  lostInvalidations: 0
}

/** Plain numbers, since the layer was built. */
export type Counters = typeof noCounters

/** The counters of a key's class; those of the whole cache for a string key. */
export const countersOf = (self: Telemetry, key: Key): Counters => {
  const info = infoOf(key)
  // the keys of streams have one, with no name where the key is a string
  if (info?.name === undefined) return self.stats
  if (info.metBy !== self.keyClasses.mark) meetClass(self, info)
  const known = self.classes.get(info.name)
  if (known !== undefined) return known
  const counters = { ...noCounters }
  self.classes.set(info.name, counters)
  return counters
}

/** What follows from counters. */
export interface Ratios {
  /** the share of the reads that `hits` and `storeHits` are, beside `misses`; 1 before the first read */
  readonly hitRatio: number
  /** milliseconds that a load takes on average, 0 before the first */
  readonly meanLoadMillis: number
}

export const withRatios = (counters: Counters): Counters & Ratios => {
  const { loadMillis, loads, misses } = counters
  const served = counters.hits + counters.storeHits
  return {
    ...counters,
    hitRatio: served + misses === 0 ? 1 : served / (served + misses),
    meanLoadMillis: loads === 0 ? 0 : loadMillis / loads
  }
}

export const total = (self: Telemetry): Counters => {
  const sum = { ...self.stats }
  for (const counters of self.classes.values()) {
    for (const name of Object.keys(sum) as Array<keyof Counters>) sum[name] += counters[name]
  }
  return sum
}

/** The name of a key class, found by its counters: an entry keeps only those, and removals are rare. */
export const classOf = (self: Telemetry, counters: Counters): string | undefined => {
  for (const [name, known] of self.classes) if (known === counters) return name
  return undefined
}
