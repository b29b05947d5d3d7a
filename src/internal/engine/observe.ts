import * as Exit from "effect/Exit"
import type { Timing } from "../../CacheEntry.ts"
import type { CacheEvent, Detected, Removal, Source } from "../../CacheEvent.ts"
import { infoOf, type Key } from "./keys.ts"
import type { Counters, Engine } from "./model.ts"
import type { Policy } from "./policy.ts"
import type { Request } from "./request.ts"

/** Who watches a cache. Where nobody does an event costs a branch. */
export interface Watchers {
  events: ReadonlySet<(event: CacheEvent) => void> | undefined
}

export const make = (): Watchers => ({ events: undefined })

/** Calls `listener` for every event from now on, until the answer is called. */
export const listen = (self: Engine, listener: (event: CacheEvent) => void): () => void => {
  self.watchers.events = new Set(self.watchers.events).add(listener)
  const deafen = onRemoval(self, ({ cause, id }) => {
    if (cause === "evicted") listener({ _tag: "Evict", id })
  })
  return () => {
    self.watchers.events = without(self.watchers.events, listener)
    deafen()
  }
}

/** Calls `listener` for every entry that leaves memory from now on, until the answer is called. */
export const onRemoval = (self: Engine, listener: (removal: Removal) => void): () => void => {
  self.memory.onRemoval = new Set(self.memory.onRemoval).add(listener)
  return () => {
    self.memory.onRemoval = without(self.memory.onRemoval, listener)
  }
}

const without = <A>(set: ReadonlySet<A> | undefined, item: A): ReadonlySet<A> | undefined => {
  const rest = new Set(set)
  rest.delete(item)
  return rest.size === 0 ? undefined : rest
}

/** Collects how reads are answered: those of an inner scope are told to the outer ones too. */
export interface Detector {
  readonly found: Array<Detected>
  readonly outer: Detector | undefined
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
export const countersOf = (self: Engine, key: Key): Counters => {
  const info = infoOf(key)
  if (info === undefined) return self.stats
  const known = self.classes.get(info.name)
  if (known !== undefined) return known
  const counters = { ...noCounters }
  self.classes.set(info.name, counters)
  return counters
}

export const total = (self: Engine): Counters => {
  const sum = { ...self.stats }
  for (const counters of self.classes.values()) {
    for (const name of Object.keys(sum) as Array<keyof Counters>) sum[name] += counters[name]
  }
  return sum
}

type OfId = Extract<CacheEvent, { readonly keyClass: unknown }>

/** Tells what concerns one id; ask `self.watchers.events` first, so that nothing is made for nobody. */
export const tell = <E extends OfId>(
  self: Engine,
  key: Key,
  id: string,
  event: E extends OfId ? Omit<E, "id" | "keyClass"> : never
): void => emit(self, { ...event, id, keyClass: infoOf(key)?.name } as never)

export const emit = (self: Engine, event: CacheEvent): void => {
  for (const listener of self.watchers.events ?? []) listener(event)
}

export const noteMiss = (self: Engine, request: Request, id: string): void => {
  countersOf(self, request.key).misses++
  if (self.watchers.events !== undefined) tell(self, request.key, id, { _tag: "Miss" })
}

/** Notes how a read was answered, for those who want to know. */
export const detect = (
  policy: Policy,
  request: Request,
  id: string,
  answer: { readonly source: Source; readonly entry: Timing | undefined; readonly now: number }
): void => {
  const { entry, now, source } = answer
  const detected: Detected = {
    key: id,
    source,
    ageMillis: entry === undefined ? 0 : Math.max(0, now - entry.createdAt),
    ttlMillis: entry === undefined ? 0 : Math.max(0, entry.expiresAt - now),
    strategy: request.strategy.name
  }
  for (let detector = policy.detector; detector !== undefined; detector = detector.outer) detector.found.push(detected)
}

/** How a load has ended, in one word. */
export const outcomeOf = (exit: Exit.Exit<unknown, unknown>): "success" | "failure" | "interrupted" =>
  Exit.isSuccess(exit) ? "success" : Exit.hasInterrupts(exit) ? "interrupted" : "failure"
