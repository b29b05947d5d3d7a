/** Attaches the meter of `CacheMetrics`, and gives it the numbers that it reads when an exporter looks. */
import type { RemovalCause } from "../../../CacheEvent.ts"
import { mistake } from "../../options/options.ts"
import type { Engine } from "../engine.ts"
import * as Circuit from "../storeTier/circuit.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { Counters, Meter } from "../telemetry/telemetry.ts"

/** The numbers that a meter reads. The counters change while the cache is used. */
export interface Metered {
  readonly counters: Counters
  readonly classes: ReadonlyMap<string, Counters>
  readonly removals: Readonly<Record<RemovalCause, number>>
  readonly gauges: { readonly [Name in Gauge]: () => number }
  /** `undefined` without a store. */
  readonly storeGauges: { readonly [Name in StoreGauge]: () => number } | undefined
  readonly detach: () => void
}

type Gauge = "entries" | "weight" | "capacity" | "flights" | "waiters" | "refreshQueue"

type StoreGauge = "pendingInvalidations" | "untracked" | "circuitOpen" | "failing"

export const attach = (self: Engine, meter: Meter): Metered => {
  if (self.meter !== undefined) throw mistake("This cache has metrics already: use one CacheMetrics.layer around it")
  self.meter = meter
  const { memory, refreshing, running, storeTier: tier } = self
  return {
    counters: self.stats,
    classes: self.classes,
    removals: memory.removals,
    gauges: {
      entries: () => memory.entries.size,
      weight: () => memory.weight,
      capacity: () => memory.capacity,
      flights: () => running.size,
      waiters: () => running.all().reduce((sum, { callers }) => sum + callers.size, 0),
      refreshQueue: () => refreshing.queue.size
    },
    storeGauges: tier && {
      pendingInvalidations: () => Pending.size(tier.pending),
      untracked: () => Number(tier.untracked && !tier.untrackable),
      circuitOpen: () => Number(Circuit.isOpen(tier.circuit)),
      failing: () => Number(tier.incident.since !== undefined)
    },
    detach: () => {
      self.meter = undefined
    }
  }
}
