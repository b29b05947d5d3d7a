/** The meter of one cache: counts what the cache does not count itself, and has a series for each count. */
import type { Metered } from "../internal/engine/operations/metering.ts"
import { outcomeOf } from "../internal/engine/telemetry/events.ts"
import type { Counters, Meter } from "../internal/engine/telemetry/telemetry.ts"
import { buckets, type Definition, ofCache, ofClass, ofStore } from "./list.ts"
import type { Cell, Histogram, Series } from "./series.ts"

/** The counts of one value of the label `class`: of one class, of string keys, or of several classes. */
interface OfClass {
  readonly label: string
  readonly counters: Array<Counters>
  readonly cells: Map<string, Cell>
  /** Stale answers that the cache counts as hits. */
  readonly stale: { hits: number; storeHits: number }
  readonly loadSeconds: Histogram
}

interface State {
  readonly series: Series
  readonly maxClasses: number
  readonly byLabel: Map<string, OfClass>
  readonly byCounters: Map<Counters, OfClass>
  readonly cells: Map<string, Cell>
  readonly histograms: Map<string, Histogram>
  readonly bytes: { readonly [direction in "read" | "write"]: Cell }
}

const others = "other"

const add = (self: State, name: string, counters: Counters): void => {
  const { byLabel, maxClasses } = self
  const label = byLabel.has(name) || byLabel.size <= maxClasses ? name : others
  const one = byLabel.get(label) ?? addLabel(self, label)
  one.counters.push(counters)
  self.byCounters.set(counters, one)
}

const addLabel = (self: State, label: string): OfClass => {
  const counters: Array<Counters> = []
  const labels = { class: label }
  const one: OfClass = {
    label,
    counters,
    cells: new Map(),
    stale: { hits: 0, storeHits: 0 },
    loadSeconds: self.series.histogram(ofClass.loadSeconds, labels, buckets.load)
  }
  const total = (name: keyof Counters) => counters.reduce((sum, all) => sum + all[name], 0)
  const { counter } = self.series
  counter(ofClass.reads, { ...labels, source: "memory" }, () => total("hits") - one.stale.hits)
  counter(ofClass.reads, { ...labels, source: "store" }, () => total("storeHits") - one.stale.storeHits)
  counter(ofClass.loadFailures, labels, () => total("loadFailures"))
  counter(ofClass.refreshes, labels, () => total("refreshes"))
  // A dashboard needs these from the beginning, to tell 0 from unknown.
  cellOf(self, ofClass.reads, { ...labels, source: "load" }, one.cells)
  self.byLabel.set(label, one)
  return one
}

/** The cell of a series, which exists from its first count on. */
const cellOf = (
  self: State,
  definition: Definition,
  labels: { readonly [name: string]: string },
  cells = self.cells
): Cell => {
  const key = [definition.name, ...Object.values(labels)].join("\n")
  const known = cells.get(key)
  if (known !== undefined) return known
  const cell: Cell = { count: 0 }
  cells.set(key, cell)
  self.series.counter(definition, labels, () => cell.count)
  return cell
}

export const make = (series: Series, maxClasses: number) => {
  const self: State = {
    series,
    maxClasses,
    byLabel: new Map(),
    byCounters: new Map(),
    cells: new Map(),
    histograms: new Map(),
    bytes: { read: { count: 0 }, write: { count: 0 } }
  }
  const count = (counters: Counters, definition: Definition, labels: { readonly [name: string]: string }): void => {
    const one = self.byCounters.get(counters)!
    cellOf(self, definition, { class: one.label, ...labels }, one.cells).count++
  }
  const meter: Meter = {
    met: (name, counters) => void add(self, name, counters),
    served(counters, source, served) {
      count(counters, ofClass.reads, { source })
      if (served === "memoryDue") self.byCounters.get(counters)!.stale.hits++
      else if (served === "storeDue") self.byCounters.get(counters)!.stale.storeHits++
    },
    loaded({ abandoned, attempt, counters, ranTooLong, refresh }, exit, millis) {
      const outcome = ranTooLong ? "timeout" : attempt.renewed && !abandoned ? "notModified" : outcomeOf(exit)
      count(counters, ofClass.loads, { origin: refresh ? "refresh" : "read", outcome })
      self.byCounters.get(counters)!.loadSeconds.add(millis)
    },
    keptOut: (counters, because) => count(counters, ofClass.notStored, { because }),
    invalidated(kind, mode, targets) {
      cellOf(self, ofCache.invalidations, { kind, mode }).count += targets
    },
    asked(operation, result, millis) {
      cellOf(self, ofStore.operations, { operation, result }).count++
      const known = self.histograms.get(operation) ?? series.histogram(ofStore.seconds, { operation }, buckets.store)
      self.histograms.set(operation, known)
      known.add(millis)
    },
    transferred(direction, bytes) {
      self.bytes[direction].count += bytes
    },
    waitedForLease(millis) {
      const known = self.histograms.get("lease") ?? series.histogram(ofStore.leaseWaits, {}, buckets.lease)
      self.histograms.set("lease", known)
      known.add(millis)
    },
    transacted(outcome) {
      cellOf(self, ofCache.transactions, { outcome }).count++
    },
    refusedByGuard(kind) {
      cellOf(self, ofCache.guardRefusals, { kind }).count++
    }
  }
  return { meter, show: (metered: Metered) => show(self, metered) }
}

/** Adds the series of what the cache counts itself. */
const show = (self: State, { classes, counters, gauges, removals, storeGauges }: Metered): void => {
  const { series } = self
  add(self, "", counters)
  for (const [name, known] of classes) add(self, name, known)
  for (const cause of Object.keys(removals) as Array<keyof typeof removals>) {
    series.counter(ofCache.removals, { cause }, () => removals[cause])
  }
  const total = (name: keyof Counters) => () => {
    let sum = counters[name]
    for (const known of classes.values()) sum += known[name]
    return sum
  }
  series.counter(ofCache.callbackFailures, {}, total("callbackFailures"))
  for (const name of Object.keys(gauges) as Array<keyof typeof gauges>) series.gauge(ofCache[name], gauges[name])
  if (storeGauges === undefined) return
  series.counter(ofCache.lostInvalidations, {}, total("lostInvalidations"))
  for (const direction of ["read", "write"] as const) {
    series.counter(ofStore.bytes, { direction }, () => self.bytes[direction].count)
  }
  series.counter(ofStore.failures, {}, total("storeFailures"))
  for (const name of Object.keys(storeGauges) as Array<keyof typeof storeGauges>) {
    series.gauge(ofStore[name], storeGauges[name])
  }
}
