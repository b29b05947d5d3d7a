/** Plain counters, by key class. */
import { infoOf, type Key } from "../../key/ofKey.ts"
import type { Telemetry } from "./telemetry.ts"

/** by its counters: entries leave seldom, and are many */
export const classOf = (self: Telemetry, counters: Counters): string | undefined => {
  for (const [name, known] of self.classes) if (known === counters) return name
  return undefined
}

export const noCounters: Counters = {
  hits: 0,
  storeHits: 0,
  misses: 0,
  joined: 0,
  stale: 0,
  loads: 0,
  loadFailures: 0,
  refreshes: 0,
  invalidations: 0,
  storeFailures: 0,
  refused: 0,
  notStored: 0,
  lostInvalidations: 0
}

/** The counters of a key's class; what has none is counted for the whole cache. */
export const countersOf = (self: Telemetry, key: Key): Counters => {
  const info = infoOf(key)
  if (info === undefined) return self.stats
  const known = self.classes.get(info.name)
  if (known !== undefined) return known
  const counters = { ...noCounters }
  self.classes.set(info.name, counters)
  return counters
}

export const total = (self: Telemetry): Counters => {
  const sum = { ...self.stats }
  for (const counters of self.classes.values()) {
    for (const name of Object.keys(sum) as Array<keyof Counters>) sum[name] += counters[name]
  }
  return sum
}

/** Plain counters, since the layer was built; what the memory tier evicted is counted there. */
export interface Counters {
  /** reads served from memory */
  hits: number
  /** reads served from the store */
  storeHits: number
  /** reads that found nothing that their strategy would simply serve */
  misses: number
  /** reads that waited for what another had begun: a load, or a look into the store */
  joined: number
  /** reads served with a stale value because the load failed or took too long */
  stale: number
  /** loads that ran, refreshes among them */
  loads: number
  /** loads that failed, refreshes among them */
  loadFailures: number
  /** refreshes in the background */
  refreshes: number
  /** keys and tags invalidated */
  invalidations: number
  /** operations that the store, the serializer or its codec failed */
  storeFailures: number
  /** results that came too late (invalidated or set while they were loaded), or were made from a stale one */
  refused: number
  /** results not stored because the strategy's or an option's function threw or gave nonsense */
  notStored: number
  /** invalidations that the store has never acknowledged when the layer was closed */
  lostInvalidations: number
}
