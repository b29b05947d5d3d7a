/** The meter of one cache: counts what the cache does not count itself, and has a series for each count. */
import type { Metered } from "../internal/engine/operations/metering.ts"
import { outcomeOf } from "../internal/engine/telemetry/events.ts"
import type { Counters, Meter } from "../internal/engine/telemetry/telemetry.ts"
import { buckets, type Definition, ofCache, ofClass, ofStore } from "./list.ts"
import type { Histogram, Series } from "./series.ts"

/** A count that a series shows, with the values of the labels of its metric. */
interface Cell {
  readonly definition: Definition
  readonly first: string
  readonly second: string | undefined
  readonly next: Cell | undefined
  count: number
}

/** A list of few cells, in which comparing is faster than a map, and takes less memory. */
interface Cells {
  readonly series: Series
  /** The labels of all cells. */
  readonly labels: { readonly class?: string }
  newest: Cell | undefined
}

/** The counts of one value of the label `class`: of one class, of string keys, or of several classes. */
interface OfClass extends Cells {
  readonly counters: Array<Counters>
  /** Stale answers that the cache counts as hits in memory, and in the store. */
  staleHits: number
  staleStoreHits: number
  /** The counts of an ordinary miss. */
  readonly loadReads: Cell
  successes: Cell | undefined
  loadSeconds: Histogram | undefined
  showsRefreshes: boolean
}

interface State extends Cells {
  readonly maxClasses: number
  readonly byLabel: Map<string, OfClass>
  readonly byCounters: Map<Counters, OfClass>
  readonly histograms: Map<string, Histogram>
  readonly bytes: { read: number; write: number }
  hasStore: boolean
  /** The counters and the class of the last count: the next one is often of the same class. */
  lastCounters: Counters | undefined
  last: OfClass | undefined
}

const others = "other"

const add = (self: State, name: string, counters: Counters): void => {
  const { byLabel, maxClasses } = self
  const label = byLabel.has(name) || byLabel.size <= maxClasses ? name : others
  const known = byLabel.get(label)
  known?.counters.push(counters)
  self.byCounters.set(counters, known ?? addLabel(self, label, counters))
}

const addLabel = (self: State, label: string, counters: Counters): OfClass => {
  const { series } = self
  const cells: Cells = { series, labels: { class: label }, newest: undefined }
  const one: OfClass = Object.assign(cells, {
    counters: [counters],
    staleHits: 0,
    staleStoreHits: 0,
    // A dashboard needs this series from the beginning, to tell 0 from unknown.
    loadReads: addCell(cells, ofClass.reads, "load"),
    successes: undefined,
    loadSeconds: undefined,
    showsRefreshes: false
  })
  const { labels } = one
  series.counter(ofClass.reads, { ...labels, source: "memory" }, () => total(one, "hits") - one.staleHits)
  if (self.hasStore) {
    series.counter(ofClass.reads, { ...labels, source: "store" }, () => total(one, "storeHits") - one.staleStoreHits)
  }
  self.byLabel.set(label, one)
  return one
}

const total = ({ counters }: OfClass, name: keyof Counters): number => {
  let sum = 0
  for (let i = 0; i < counters.length; i++) sum += counters[i]![name]
  return sum
}

const classOf = (self: State, counters: Counters): OfClass => {
  if (self.lastCounters !== counters) {
    self.last = self.byCounters.get(counters)
    self.lastCounters = counters
  }
  return self.last!
}

/** The cell of a count, whose series exists from the first count on. */
const cellIn = (cells: Cells, definition: Definition, first: string, second?: string): Cell => {
  for (let cell = cells.newest; cell !== undefined; cell = cell.next) {
    if (cell.definition === definition && cell.first === first && cell.second === second) return cell
  }
  return addCell(cells, definition, first, second)
}

const addCell = (cells: Cells, definition: Definition, first: string, second?: string): Cell => {
  const cell: Cell = { definition, first, second, next: cells.newest, count: 0 }
  cells.newest = cell
  const [name, other] = definition.labels
  const labels = other === undefined ? { [name!]: first } : { [name!]: first, [other]: second! }
  cells.series.counter(definition, { ...cells.labels, ...labels }, () => cell.count)
  return cell
}

const histogramOf = (self: State, key: string, make: () => Histogram): Histogram => {
  const known = self.histograms.get(key)
  if (known !== undefined) return known
  const made = make()
  self.histograms.set(key, made)
  return made
}

export const make = (series: Series, maxClasses: number) => {
  const self: State = {
    series,
    labels: {},
    maxClasses,
    byLabel: new Map(),
    byCounters: new Map(),
    newest: undefined,
    histograms: new Map(),
    bytes: { read: 0, write: 0 },
    hasStore: false,
    lastCounters: undefined,
    last: undefined
  }
  const meter: Meter = {
    met: (name, counters) => void add(self, name, counters),
    served(counters, source, served) {
      const one = classOf(self, counters)
      const cell = source === "load" ? one.loadReads : cellIn(one, ofClass.reads, source)
      cell.count++
      if (served === "memoryDue") one.staleHits++
      else if (served === "storeDue") one.staleStoreHits++
    },
    loaded({ abandoned, attempt, counters, ranTooLong, refresh }, exit, millis) {
      const one = classOf(self, counters)
      const outcome = ranTooLong ? "timeout" : attempt.renewed && !abandoned ? "notModified" : outcomeOf(exit)
      if (outcome === "success" && !refresh) {
        one.successes ??= cellIn(one, ofClass.loads, "read", outcome)
        one.successes.count++
      } else cellIn(one, ofClass.loads, refresh ? "refresh" : "read", outcome).count++
      one.loadSeconds ??= series.histogram(ofClass.loadSeconds, one.labels, buckets.load)
      one.loadSeconds.add(millis)
    },
    restarted({ counters, refresh }) {
      cellIn(classOf(self, counters), ofClass.loads, refresh ? "refresh" : "read", "restarted").count++
    },
    refreshed(counters) {
      const one = classOf(self, counters)
      if (one.showsRefreshes) return
      one.showsRefreshes = true
      series.counter(ofClass.refreshes, one.labels, () => total(one, "refreshes"))
    },
    keptOut(counters, because) {
      cellIn(classOf(self, counters), ofClass.notStored, because).count++
    },
    invalidated(kind, mode, targets) {
      cellIn(self, ofCache.invalidations, kind, mode).count += targets
    },
    asked(operation, result, millis) {
      cellIn(self, ofStore.operations, operation, result).count++
      histogramOf(self, operation, () => series.histogram(ofStore.seconds, { operation }, buckets.store)).add(millis)
    },
    transferred(direction, bytes) {
      self.bytes[direction] += bytes
    },
    waitedForLease(millis) {
      histogramOf(self, "lease", () => series.histogram(ofStore.leaseWaits, {}, buckets.lease)).add(millis)
    },
    transacted(outcome) {
      cellIn(self, ofCache.transactions, outcome).count++
    },
    streamed(kind) {
      cellIn(self, ofCache.streamEvents, kind).count++
    },
    refusedByGuard(kind) {
      cellIn(self, ofCache.guardRefusals, kind).count++
    }
  }
  return { meter, show: (metered: Metered) => show(self, metered) }
}

/** Adds the series of what the cache counts itself. */
const show = (self: State, { classes, counters, gauges, removals, storeGauges }: Metered): void => {
  const { series } = self
  self.hasStore = storeGauges !== undefined
  add(self, "", counters)
  for (const [name, known] of classes) add(self, name, known)
  for (const cause of Object.keys(removals) as Array<keyof typeof removals>) {
    series.counter(ofCache.removals, { cause }, () => removals[cause])
  }
  const sumOf = (name: keyof Counters) => () => {
    let sum = counters[name]
    for (const known of classes.values()) sum += known[name]
    return sum
  }
  series.counter(ofCache.callbackFailures, {}, sumOf("callbackFailures"))
  for (const name of Object.keys(gauges) as Array<keyof typeof gauges>) series.gauge(ofCache[name], gauges[name])
  if (storeGauges === undefined) return
  for (const direction of ["read", "write"] as const) {
    series.counter(ofStore.bytes, { direction }, () => self.bytes[direction])
  }
  series.counter(ofCache.lostInvalidations, {}, sumOf("lostInvalidations"))
  series.counter(ofStore.failures, {}, sumOf("storeFailures"))
  for (const name of Object.keys(storeGauges) as Array<keyof typeof storeGauges>) {
    series.gauge(ofStore[name], storeGauges[name])
  }
}
