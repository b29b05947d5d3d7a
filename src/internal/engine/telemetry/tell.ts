/** Tells a fact, one function for each, to all that count or show it: counters, meter, history, spans, listeners. */
import type * as Exit from "effect/Exit"
import type { StoreErrorReason } from "../../../CacheError.ts"
import type { Events } from "../../../CacheEvent.ts"
import type { Key } from "../../key/ofKey.ts"
import { emit, emitHit, emitOf, emitValue, outcomeOf } from "./events.ts"
import type { Trace } from "./spans.ts"
import { countersOf } from "./stats.ts"
import type { Counters, EndedLoad, Subject, Telemetry } from "./telemetry.ts"

/** How an entry is served. `memoryDue` and `storeDue`: after its soft deadline, but without waiting for a load. */
export type Served = "memory" | "store" | "memoryDue" | "storeDue" | "stale"

export const isFresh = (served: Served): served is "memory" | "store" => served === "memory" || served === "store"

export const isFromStore = (served: Served): boolean => served === "store" || served === "storeDue"

interface Counted extends Subject {
  readonly counters: Counters
}

interface Flight extends EndedLoad {
  readonly request: { readonly key: Key }
  readonly trace: Trace | undefined
}

// Shared constants save allocations: a popular key is missed and joined thousands of times while it loads.
const miss = { _tag: "Miss" } as const
const joined = { _tag: "Joined" } as const

export const tellMiss = (self: Telemetry, key: Key, id: string): void => {
  countersOf(self, key).misses++
  emitOf(self, key, id, miss)
}

export const tellJoined = (self: Telemetry, key: Key, { counters, id }: Counted): void => {
  counters.joined++
  emitOf(self, key, id, joined)
}

/** Counts a served entry. `tellServed` follows once the read is recorded, because a listener may change the entry. */
export const countServed = ({ meter }: Telemetry, { counters }: Counted, served: Served): void => {
  if (served === "stale") counters.stale++
  else if (isFromStore(served)) counters.storeHits++
  else counters.hits++
  if (!isFresh(served)) meter?.served(counters, "stale", served)
}

export const tellServed = (self: Telemetry, key: Key, entry: Subject, served: Served): void => {
  if (served === "stale") emitValue(self, key, entry, { _tag: "Stale" })
  else emitHit(self, key, entry, isFromStore(served) ? "store" : "memory")
}

/** A stale value took the place of a load that failed or took too long. */
export const tellFallback = (self: Telemetry, key: Key, stale: Counted): void => {
  stale.counters.stale++
  self.meter?.served(stale.counters, "fallback")
  emitValue(self, key, stale, { _tag: "Stale" })
}

export const tellRefresh = (self: Telemetry, { counters, id, request: { key } }: Flight): void => {
  counters.refreshes++
  self.meter?.refreshed(counters)
  emitOf(self, key, id, { _tag: "Refresh" })
}

export const tellRestart = (self: Telemetry, flight: Flight, millis: number): void => {
  flight.counters.restarts++
  self.meter?.restarted(flight)
  emitOf(self, flight.request.key, flight.id, { _tag: "Restart", millis })
}

export const outcomeOfLoad = ({ abandoned, attempt }: EndedLoad, exit: Exit.Exit<unknown, unknown>) =>
  attempt.renewed && !abandoned ? "notModified" : outcomeOf(exit)

/** A load has ended after this time, without the write to the store. */
export const tellLoad = (self: Telemetry, flight: Flight, exit: Exit.Exit<unknown, unknown>, millis: number): void => {
  flight.counters.loadMillis += millis
  self.meter?.loaded(flight, exit, millis)
  self.history?.loaded(flight, exit)
  if (self.listeners.events === undefined) return
  const { refresh, request: { key } } = flight
  emitValue(self, key, flight, { _tag: "Load", outcome: outcomeOfLoad(flight, exit), refresh, millis })
}

/** The result of a load is not cached, because it may be older than a change. */
export const tellRefused = (self: Telemetry, flight: Flight, because: Events["Refused"]["because"]): undefined => {
  const { counters, id, request: { key }, trace } = flight
  counters.refused++
  if (trace !== undefined) trace.because = because
  self.meter?.keptOut(counters, because)
  self.history?.keptOut(id, because)
  emitOf(self, key, id, { _tag: "Refused", because })
}

/** The result of a load is not cached, because a function of the user threw or gave an invalid value. */
export const tellInvalid = (self: Telemetry, { counters, id }: Counted): void => {
  counters.notStored++
  self.meter?.keptOut(counters, "invalid")
  self.history?.keptOut(id, "invalid")
}

export const tellWaited = (self: Telemetry, { id, request: { key } }: Flight, millis: number): void => {
  self.meter?.waitedForLease(millis)
  emitOf(self, key, id, { _tag: "Waited", millis })
}

export const tellInvalidated = (self: Telemetry, what: Partial<Events["Invalidate"]>): void => {
  const event = { _tag: "Invalidate", ids: [], tags: [], mode: "hard", all: false, ...what } as const
  const { all, ids, mode, tags } = event
  if (self.countsInvalidations) {
    const count = ids.length + tags.length
    self.stats.invalidations += count
    self.meter?.invalidated(all ? "all" : tags.length > 0 ? "tag" : "key", mode, all ? 1 : count)
  }
  self.history?.invalidated(ids, tags, mode)
  emit(self, event)
}

export const tellStoreFailure = (self: Telemetry, operation: string, reason: StoreErrorReason): void => {
  self.stats.storeFailures++
  emit(self, { _tag: "StoreFailure", operation, reason })
}
