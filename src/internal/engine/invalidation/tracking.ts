/** Follows what other processes change. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Change } from "../../../ports/store.ts"
import { polling } from "../../defaults.ts"
import { detach } from "../flight/detach.ts"
import type { Flights } from "../flight/flights.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import * as KnownTagVersions from "../storeTier/knownTagVersions.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import { total } from "../telemetry/counters.ts"
import { forgetAll } from "./invalidate.ts"

/**
 * Keeps memory from serving what other processes have changed. A store that tells what they did is asked every 50 ms;
 * of one that does not, nothing in memory is believed for longer than the bound.
 *
 * Only while there are reads: in a pause it sleeps, and the first read after that asks before anything is served. For
 * that the tag epoch moves when it falls asleep: every entry in memory is looked at once more, and a hit costs nothing.
 */
export const track = (self: Flights): void => {
  const { storeTier: tier } = self
  if (tier === undefined || !tier.store.capabilities.shared) return
  const reportsChanges = tier.store.changesUnsafe !== undefined
  tier.untracked = !reportsChanges
  const everyMillis = reportsChanges ? polling.pollMillis : tier.maxStalenessMillis
  const look = reportsChanges ? () => poll(self, tier) : () => clearWhenStale(self, tier)
  self.tagEpochs.ensureTracking = () => {
    if (tier.tracker === undefined && !self.closed) resume(self, tier, everyMillis, look)
  }
  // what was before this process began is nothing to it
  look()
}

const resume = (self: Flights, tier: StoreTier, everyMillis: number, look: () => void): void => {
  let seen = readsOf(self)
  look()
  // of its own: the loop begins before its fiber is known
  let isAwake = true
  tier.tracker = Effect.runForkWith(self.context)(
    Effect.whileLoop({
      while: () => isAwake,
      body: () => Effect.sleep(everyMillis),
      step: () => {
        look()
        const reads = readsOf(self)
        if (reads === seen) {
          isAwake = false
          tier.tracker = undefined
          self.tagEpochs.epoch++
        }
        seen = reads
      }
    })
  )
}

const readsOf = (self: Flights): number => {
  const { hits, misses, stale, storeHits } = total(self)
  return hits + storeHits + misses + stale
}

const nowOf = (self: Flights): number => Context.get(self.context, Clock.Clock).currentTimeMillisUnsafe()

/** every entry is read from the store again, once in a bound */
const clearWhenStale = (self: Flights, tier: StoreTier): void => {
  const ageMillis = nowOf(self) - tier.polledAt
  // less than nothing: the clock was set back. A timer may fire a millisecond early
  if (ageMillis >= 0 && ageMillis < tier.maxStalenessMillis - 1) return
  tier.polledAt = nowOf(self)
  self.mutations++
  tier.clearedAt = tier.polledAt
  Memory.clear(self.memory, "unverified")
}

const poll = (self: Flights, tier: StoreTier): void => {
  KnownTagVersions.forget(tier.knownTagVersions)
  let changes: ReadonlyArray<Change>
  try {
    changes = tier.store.changesUnsafe!()
  } catch {
    tier.untracked = true
    // it cannot tell now. What is in memory is believed for the bound, then loaded once more: no stampede
    return clearWhenStale(self, tier)
  }
  tier.untracked = false
  tier.polledAt = nowOf(self)
  for (const change of changes) applyChange(self, change)
}

/** What another process did. Who waits for a load here gets it still; nobody joins it any more. */
const applyChange = (self: Flights, change: Change): void => {
  self.mutations++
  switch (change._tag) {
    case "Changed": {
      Memory.remove(self.memory, change.id, "invalidated")
      const flight = self.flights.get(change.id)
      // one that waits for that very change goes on
      if (flight?.isLoading === true) detach(self, change.id)
      else if (flight !== undefined) {
        flight.changedWhileAsked = true
        // who waits already has its own; for who comes now it is nothing to fall back on
        flight.stale = undefined
      }
      break
    }
    case "TagChanged":
      TagEpochs.invalidate(self.tagEpochs, [change.tag])
      break
    case "AllChanged":
    case "Gap":
      forgetAll(self)
  }
}
