/** The counters of a cache, by key class. */
import { infoOf, type Key } from "../../key/ofKey.ts"
import { meetClass } from "./keyClasses.ts"
import { type Counters, noCounters, type Telemetry } from "./telemetry.ts"

export const countersOf = (self: Telemetry, key: Key): Counters => {
  const info = infoOf(key)
  // Keys of streams always have a class, which has no name if the stream's key is a string.
  if (info?.name === undefined) return self.stats
  if (info.metBy !== self.keyClasses.mark) meetClass(self, info)
  const known = self.classes.get(info.name)
  if (known !== undefined) return known
  const counters = { ...noCounters }
  self.classes.set(info.name, counters)
  self.meter?.met(info.name, counters)
  return counters
}

export interface Ratios {
  /** `hits` plus `storeHits`, divided by the sum of `hits`, `storeHits` and `misses`. 1 before the first read. */
  readonly hitRatio: number
  /** Mean duration of a load in milliseconds. 0 before the first load. */
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

/** The name of a key class, found by its counters: entries keep only the counters, and the name is rarely needed. */
export const classOf = (self: Telemetry, counters: Counters): string | undefined => {
  for (const [name, known] of self.classes) if (known === counters) return name
  return undefined
}
