import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { Timing } from "../../CacheEntry.ts"
import type { CacheEvent, Detected, Removal, Source } from "../../CacheEvent.ts"
import type { Entry } from "./entry.ts"
import { infoOf, type Key } from "./keys.ts"
import * as Log from "./log.ts"
import type { OnRemoval } from "./memory.ts"
import type { Counters, Engine } from "./model.ts"
import type { Policy } from "./policy.ts"
import type { Request } from "./request.ts"

/** Who watches a cache. Where nobody does an event costs a branch. */
export interface Watchers {
  /** a list, which a hit goes through faster than a set */
  events: ReadonlyArray<(event: CacheEvent) => void> | undefined
}

export const make = (): Watchers => ({ events: undefined })

/**
 * Calls `listener` for every event from now on, until the answer is called. One that throws is not called again: what it
 * watches goes on.
 */
export const listen = (self: Engine, listener: (event: CacheEvent) => void): () => void => {
  const hears = harmless(self, listener, () => deafen())
  self.watchers.events = [...self.watchers.events ?? [], hears]
  self.isAttentive = true
  const deafenEvictions = hearRemovals(self, (entry, cause) => {
    if (cause === "evicted") hears({ _tag: "Evict", id: entry.id, keyClass: classOf(self, entry) })
  })
  const deafen = (): void => {
    self.watchers.events = without(self.watchers.events, hears)
    deafenEvictions()
  }
  return deafen
}

/** As `listen`, for every entry that leaves memory. */
export const onRemoval = (self: Engine, listener: (removal: Removal) => void): () => void => {
  const hears = harmless(self, listener, () => deafen())
  const deafen = hearRemovals(
    self,
    (entry, cause) => hears({ id: entry.id, keyClass: classOf(self, entry), cause, exit: entry.exit })
  )
  return deafen
}

const hearRemovals = (self: Engine, listener: OnRemoval): () => void => {
  self.memory.onRemoval = [...self.memory.onRemoval ?? [], listener]
  return () => {
    self.memory.onRemoval = without(self.memory.onRemoval, listener)
  }
}

const harmless = <A>(self: Engine, listener: (item: A) => void, deafen: () => void) => (item: A): void => {
  try {
    listener(item)
  } catch (defect) {
    deafen()
    Log.warning(self, "A listener of the cache has thrown, and is not called again", { cause: Cause.die(defect) })
  }
}

/** by its counters: entries leave seldom, and are many */
const classOf = (self: Engine, { counters }: Entry): string | undefined => {
  for (const [name, known] of self.classes) if (known === counters) return name
  return undefined
}

const without = <A>(list: ReadonlyArray<A> | undefined, item: A): ReadonlyArray<A> | undefined => {
  const rest = list?.filter((other) => other !== item)
  return rest?.length === 0 ? undefined : rest
}

/** Collects how reads are answered: those of an inner scope are told to the outer ones too. */
export interface Detector {
  /** none once it has ended: what was forked in it may read for ever */
  found: Array<Detected> | undefined
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

/** As `tell`, for what happens most: no copy is made of it. */
export const tellHit = (self: Engine, key: Key, id: string, source: "memory" | "store"): void =>
  emit(self, { _tag: "Hit", source, id, keyClass: infoOf(key)?.name })

export const emit = (self: Engine, event: CacheEvent): void => {
  // who comes or goes meanwhile makes another list
  const listeners = self.watchers.events ?? []
  for (let i = 0; i < listeners.length; i++) listeners[i]!(event)
}

/** A read has found nothing that its strategy would simply serve. */
export const noteMiss = (self: Engine, { key }: Request, id: string): void => {
  countersOf(self, key).misses++
  if (self.watchers.events !== undefined) tell(self, key, id, { _tag: "Miss" })
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
  for (let detector = policy.detector; detector !== undefined; detector = detector.outer) detector.found?.push(detected)
}

/** How a load has ended, in one word. */
export const outcomeOf = (exit: Exit.Exit<unknown, unknown>): "success" | "failure" | "interrupted" =>
  Exit.isSuccess(exit) ? "success" : Exit.hasInterrupts(exit) ? "interrupted" : "failure"
