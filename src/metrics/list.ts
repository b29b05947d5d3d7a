/** The list of all metrics. `npm run generate` copies it to the documentation. */

/** A metric. `unit` is a name that Effect's OTLP exporter converts to UCUM, or a UCUM annotation. */
export interface Definition {
  readonly name: string
  readonly kind: "counter" | "gauge" | "histogram"
  readonly unit: string
  /** The labels beside `cache`, `cache_instance` and, for the metrics of a key class, `class`. */
  readonly labels: ReadonlyArray<string>
  readonly help: string
}

const prefix = "effect_cached_"

const counter = (name: string, unit: string, help: string, ...labels: ReadonlyArray<string>): Definition => ({
  name: `${prefix}${name}_total`,
  kind: "counter",
  unit: `{${unit}}`,
  labels,
  help
})

const gauge = (name: string, unit: string, help: string): Definition => ({
  name: prefix + name,
  kind: "gauge",
  unit: `{${unit}}`,
  labels: [],
  help
})

const seconds = (name: string, help: string, ...labels: ReadonlyArray<string>): Definition => ({
  name: `${prefix}${name}_seconds`,
  kind: "histogram",
  unit: "seconds",
  labels,
  help
})

/** The metrics that have a series for each key class. */
export const ofClass = {
  reads: counter("reads", "read", "Reads by the source of their answer, as Cached.detect reports it.", "source"),
  loads: counter("loads", "load", "Loads that ended. The origin is read or refresh.", "origin", "outcome"),
  loadSeconds: seconds("load", "The durations of loads."),
  refreshes: counter("refreshes", "refresh", "Background refreshes, including those dropped from the queue."),
  notStored: counter("not_stored", "result", "Results of loads that were not cached, by reason.", "because")
}

/** The metrics of a cache as a whole. */
export const ofCache = {
  removals: counter("removals", "entry", "Entries that left the memory tier, by cause.", "cause"),
  invalidations: counter("invalidations", "target", "Keys and tags invalidated, and clears.", "kind", "mode"),
  transactions: counter(
    "transactions",
    "transaction",
    "Transactions that ended, counted at each try: committed, conflict, timeout or failed.",
    "outcome"
  ),
  streamEvents: counter(
    "stream_events",
    "event",
    "Pages of streams read from the store (pageRead) or written (pageWritten), and consumers that lagged.",
    "kind"
  ),
  guardRefusals: counter("guard_refusals", "call", "Calls refused by rate limits and circuit breakers.", "kind"),
  callbackFailures: counter("callback_failures", "call", "Calls of listeners and policies that threw."),
  lostInvalidations: counter("lost_invalidations", "target", "Invalidations that the store never acknowledged."),
  entries: gauge("entries", "entry", "Entries in the memory tier."),
  weight: gauge("weight", "1", "The total weight of the entries in the memory tier."),
  capacity: gauge("capacity", "1", "The bound of the memory tier: a number of entries, or a weight."),
  flights: gauge("flights", "load", "Loads that run, including their steps in the store."),
  waiters: gauge("waiters", "read", "Reads that wait for a load."),
  refreshQueue: gauge("refresh_queue", "refresh", "Refreshes that wait for a slot.")
}

/** The metrics of a cache with a store. */
export const ofStore = {
  failures: counter("store_failures", "operation", "Operations that failed in the store or the serializer."),
  operations: counter(
    "store_operations",
    "operation",
    "Operations of the store that ended. The result is success, or the reason of the StoreError.",
    "operation",
    "result"
  ),
  seconds: seconds("store", "The durations of store operations.", "operation"),
  bytes: {
    ...counter("store_bytes", "byte", "Encoded values read from the store, or encoded for it.", "direction"),
    unit: "bytes"
  },
  leaseWaits: seconds("lease_wait", "How long loads waited for the lease of another process."),
  pendingInvalidations: gauge("pending_invalidations", "target", "Changes that the store has not acknowledged."),
  untracked: gauge(
    "untracked",
    "1",
    "1 while changes by other processes cannot be followed, else 0. Always 0 if the store reports none."
  ),
  failing: gauge("store_failing", "1", "1 from a fault of the store until it answers again, else 0."),
  circuitOpen: gauge("circuit_open", "1", "1 while the store is not asked because it timed out, else 0.")
}

/** The upper bounds of the buckets of histograms, in seconds. */
export const buckets: { readonly [name in "load" | "store" | "lease"]: ReadonlyArray<number> } = {
  load: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  store: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2],
  lease: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30]
}
