/** Registers listeners for events, and for entries that leave memory. */
import type { CacheEvent, Removal } from "../../../CacheEvent.ts"
import { isPage } from "../../store/pageIds.ts"
import type { MemoryTier, RemovalListener } from "../memory/memory.ts"
import { isolated, without } from "../telemetry/events.ts"
import { classOf } from "../telemetry/stats.ts"
import type { EventListener } from "../telemetry/telemetry.ts"

/** The kinds of events that a listener wants. `undefined`: all but `Removed`. */
export type Kinds = ReadonlySet<CacheEvent["_tag"]> | undefined

/** Calls `listener` for every event until the returned function is called, or until the listener throws. */
export const listen = (self: MemoryTier, listener: EventListener, kinds?: Kinds): () => void => {
  const all = isolated<Parameters<EventListener>>(
    self,
    (event, exit) => listener(self.disguise === undefined ? event : self.disguise.event(event), exit),
    () => unsubscribe()
  )
  const notify: EventListener = kinds === undefined ? all : (event, exit) => {
    if (kinds.has(event._tag)) all(event, exit)
  }
  self.listeners.events = [...self.listeners.events ?? [], notify]
  // Without a listener for hits, a hit does not look for listeners.
  if (kinds?.has("Hit") !== false) self.hitsHaveEffects = true
  const unsubscribeEvictions = listenToRemovals(self, (entry, cause) => {
    if (cause !== "evicted" && kinds?.has("Removed") !== true) return
    const keyClass = classOf(self, entry.counters)
    if (cause === "evicted") notify({ _tag: "Evict", id: entry.id, keyClass }, entry.exit)
    if (kinds?.has("Removed") === true) notify({ _tag: "Removed", id: entry.id, keyClass, cause }, undefined)
  })
  const unsubscribe = (): void => {
    self.listeners.events = without(self.listeners.events, notify)
    unsubscribeEvictions()
  }
  return unsubscribe
}

export const onRemoval = (self: MemoryTier, listener: (removal: Removal) => void): () => void => {
  const notify = isolated(self, listener, () => unsubscribe())
  const unsubscribe = listenToRemovals(
    self,
    (entry, cause) => notify({ id: entry.id, keyClass: classOf(self, entry.counters), cause, exit: entry.exit })
  )
  return unsubscribe
}

/** Like `addRemovalListener`, but ignores the pages of streams, because they are internal. */
const listenToRemovals = (self: MemoryTier, listener: RemovalListener): () => void =>
  addRemovalListener(self, (entry, cause) => {
    if (!isPage(entry.id)) listener(entry, cause)
  })

/** Calls `listener`, which must not throw, for each entry that leaves memory, until the returned function is called. */
export const addRemovalListener = (self: MemoryTier, listener: RemovalListener): () => void => {
  self.memory.onRemoval = [...self.memory.onRemoval ?? [], listener]
  return () => {
    self.memory.onRemoval = without(self.memory.onRemoval, listener)
  }
}
