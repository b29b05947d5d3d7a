/** Who listens to events, and to entries that leave memory. */
import type { CacheEvent, Removal } from "../../../CacheEvent.ts"
import { classOf } from "../telemetry/counters.ts"
import { isolated, without } from "../telemetry/events.ts"
import type { MemoryTier, RemovalListener } from "./memory.ts"

/**
 * Calls `listener` for every event from now on, until the answer is called. One that throws is not called again: what it
 * watches goes on.
 */
export const listen = (self: MemoryTier, listener: (event: CacheEvent) => void): () => void => {
  const tell = isolated(self, listener, () => unsubscribe())
  self.listeners.events = [...self.listeners.events ?? [], tell]
  self.hitsHaveEffects = true
  const unsubscribeEvictions = addRemovalListener(self, (entry, cause) => {
    if (cause === "evicted") tell({ _tag: "Evict", id: entry.id, keyClass: classOf(self, entry.counters) })
  })
  const unsubscribe = (): void => {
    self.listeners.events = without(self.listeners.events, tell)
    unsubscribeEvictions()
  }
  return unsubscribe
}

/** As `listen`, for every entry that leaves memory. */
export const onRemoval = (self: MemoryTier, listener: (removal: Removal) => void): () => void => {
  const tell = isolated(self, listener, () => unsubscribe())
  const unsubscribe = addRemovalListener(
    self,
    (entry, cause) => tell({ id: entry.id, keyClass: classOf(self, entry.counters), cause, exit: entry.exit })
  )
  return unsubscribe
}

const addRemovalListener = (self: MemoryTier, listener: RemovalListener): () => void => {
  self.memory.onRemoval = [...self.memory.onRemoval ?? [], listener]
  return () => {
    self.memory.onRemoval = without(self.memory.onRemoval, listener)
  }
}
