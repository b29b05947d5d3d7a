/** Plain counters, by key class. */
import { infoOf, type Key } from "../../key/ofKey.ts"
import type { Telemetry } from "./telemetry.ts"

/**
 * What a cache counts: each number once, with what it says in an editor and in the documentation (`npm run docs`). What
 * the memory tier evicted is counted there.
 */
export const noCounters = {
  /** reads served from memory */
  hits: 0,
  /** reads served from the store */
  storeHits: 0,
  /** reads that found nothing that their strategy would simply serve */
  misses: 0,
  /** reads that waited for what another had begun: a load, or a look into the store */
  joined: 0,
  /** reads served with a stale value because the load failed or took too long */
  stale: 0,
  /** loads that ran, refreshes among them */
  loads: 0,
  /** loads that failed, refreshes among them */
  loadFailures: 0,
  /** refreshes in the background */
  refreshes: 0,
  /** keys and tags invalidated */
  invalidations: 0,
  /** operations that the store, the serializer or its codec failed */
  storeFailures: 0,
  /** results not cached because they came too late (invalidated or set while they were loaded), or were made from a stale one */
  refused: 0,
  /** results not cached because the strategy's or an option's function threw or gave nonsense */
  notStored: 0,
  /** invalidations that the store had not acknowledged when the layer was closed */
  lostInvalidations: 0
}

/** Plain numbers, since the layer was built. */
export type Counters = typeof noCounters

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

/** by its counters: entries leave seldom, and are many */
export const classOf = (self: Telemetry, counters: Counters): string | undefined => {
  for (const [name, known] of self.classes) if (known === counters) return name
  return undefined
}
