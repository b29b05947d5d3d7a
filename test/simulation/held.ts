/** Values that must be in memory: they were stored, and nothing can have removed them. */
import { Exit } from "effect"
import type { Flight } from "../../src/internal/engine/state.ts"
import { hasRoom, type Load, type Read } from "./model.ts"
import { covers, hasEnded, wallOf, type World } from "./state.ts"

export const heldOf = (self: World, id: string): Load | undefined => {
  const { features, memory, store } = self.config
  // A policy that goes wrong may cost any entry.
  if (features.includes("eviction")) return undefined
  // After a conflict memory forgets what the transaction has read: the store has it, and may be slow.
  if (features.includes("transacts") && store !== "none") return undefined
  if (!memory || !hasRoom(self.config) || self.closeAskedAt !== undefined) return undefined
  return self.loads.findLast((load) => load.id === id && hasEnded(load) && isStored(self, load))
}

/** It was put into memory, and nothing can have taken it out. */
const isStored = (self: World, load: Load): boolean => {
  const { exit, flight } = load
  if (flight?.exit === undefined || exit === undefined || Exit.isFailure(exit)) return false
  if (!flight.storable || !flight.policy.writes || flight.found !== undefined || flight.entry === undefined) {
    return false
  }
  if (self.closeAskedAt !== undefined || flight.entry.expiresAt <= wallOf(self)) return false
  // The store could not confirm it, and answers again: reads ask it first.
  if (flight.entry.memoryExpiresAt === -Number.MAX_VALUE) return false
  // Its sources may have changed.
  if (load.spec.inherit === "changes") return false
  const born = self.born.get(load)!
  for (const write of self.writes) {
    if (write.mode === "soft" && self.config.store === "none") continue
    // A change that a store has missed reaches it later, and then also ends values that were loaded meanwhile.
    const mayBeReplayed = self.config.store !== "none" && write.kind !== "id"
    if ((write.done > born || mayBeReplayed) && covers(write, load)) return false
  }
  if (isTouchedWhileWritten(self, load) || isShortened(self, load)) return false
  // A store that does not let a condition hold has something else than memory, which then forgets it.
  if (self.config.store !== "none") {
    for (const origin of self.origins.values()) {
      if (origin._tag === "Set" && origin.refused && origin.id === load.id) return false
    }
  }
  for (const other of self.loads) {
    if (other.id !== load.id || other === load || other.ended < load.n) continue
    // A load that kept its value has stored it again, with a lifetime of its own.
    if (other.exit === undefined || (Exit.isFailure(other.exit) && other.flight?.attempt.renewed !== true)) continue
    // It may have been put in its place, and have left.
    if (isTouchedWhileWritten(self, other) || hasLeft(self, other, other.flight)) return false
  }
  // The result of a load inside a transaction is stored with the commit, in the place of one whose load began before.
  return !self.committed.some(({ loaded }) =>
    Array.from(loaded).some(([other, flight]) => other.id === load.id && other.n > born && hasLeft(self, other, flight))
  )
}

const hasLeft = (self: World, load: Load, flight: Flight | undefined): boolean =>
  flight?.entry !== undefined &&
  (flight.entry.expiresAt <= wallOf(self) || self.writes.some((write) => covers(write, load)))

/** By a reader with a shorter constant: one with `sliding` leaves no more than its idle time. */
const isShortened = (self: World, { ended, endedAt, id }: Load): boolean =>
  self.constants.get(id)?.some(({ answered, begunAt, spec }) => {
    const { kind, soft, ttl } = spec!
    const end = kind === "sliding" ? Math.min(endedAt! + ttl, Math.max(endedAt!, begunAt) + soft) : endedAt! + ttl
    return answered >= ended && end <= self.now()
  }) === true

/** A touch does not reach what is being written: that does not enter memory, or leaves it when the touch is done. */
const isTouchedWhileWritten = (self: World, load: Load): boolean =>
  self.touches.some((touch) =>
    touch.id === load.id && (touch.live.has(load) || load.n > touch.asked) && touch.done > load.ended
  )

export const isHeld = (self: World, read: Read): boolean => read.held !== undefined && isStored(self, read.held)

/** A load that derives from what it reads asks the store, which may be slow or have nothing, instead of memory. */
export const mayBeCompared = ({ config: { features, store } }: World, { interruption }: Read): boolean =>
  store !== "none" && features.includes("derives") && interruption?.requested === true
