/** Follows what other processes change. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import type { Change } from "../../../ports/store.ts"
import { following, polling } from "../../defaults.ts"
import { detach } from "../flight/detach.ts"
import type { Flights } from "../flight/flights.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { monotonicMillis } from "../storeTier/ask.ts"
import * as KnownTagVersions from "../storeTier/knownTagVersions.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import { total } from "../telemetry/counters.ts"
import * as Log from "../telemetry/log.ts"
import { forgetAll } from "./invalidate.ts"

/**
 * Keeps memory from serving what other processes have changed. A store that can be asked for changes is asked every 50 ms;
 * one that pushes them is followed; of one that does neither, and while the other two cannot tell, nothing in memory is
 * believed for longer than `maxStaleness`.
 *
 * Asking goes on only while there are reads: in a pause it sleeps, and the first read after that asks before anything is
 * served. For that the tag epoch moves when it falls asleep: every entry in memory is looked at once more, and a hit costs
 * nothing.
 */
export const track = (self: Flights): void => {
  const { storeTier: tier } = self
  if (tier === undefined) return
  const { capabilities, changesUnsafe } = tier.store
  if (!capabilities.shared && !capabilities.changes) return
  const isAsked = changesUnsafe !== undefined
  tier.untracked = !isAsked
  const timer: Timer = isAsked
    ? { look: () => poll(self, tier), nextMillis: () => polling.pollMillis }
    : { look: () => clearWhenStale(self, tier), nextMillis: () => untilStale(self, tier) }
  self.tagEpochs.ensureTracking = () => {
    if (tier.tracker === undefined && !self.closed) resume(self, tier, timer)
  }
  // what was before this process began is nothing to it
  timer.look()
  if (capabilities.changes && !isAsked) tier.follower = Effect.runForkWith(self.context)(follow(self, tier))
}

/** Applies what the store pushes, and listens again when that has ended: what was between was missed. */
const follow = Effect.fnUntraced(function*(self: Flights, tier: StoreTier) {
  let pauseMillis = following.firstMillis
  let hasListened = false
  let isTold = false
  let coherentAt = 0
  const clock = yield* Clock.Clock
  const apply = (change: Change): void => {
    if (change._tag !== "Coherent") return applyChange(self, change)
    coherentAt = monotonicMillis(clock)
    isTold = false
    if (tier.untracked) trust(self, tier, hasListened)
    hasListened = true
  }
  const listening = Effect.suspend(() =>
    Stream.runForEach(tier.store.changes, (change) => Effect.sync(() => apply(change)))
  )
  for (;;) {
    const exit = yield* Effect.exit(listening)
    if (!isTold) tellUntracked(self, tier, exit)
    isTold = true
    if (!tier.untracked) {
      distrust(self, tier)
      // what ends as soon as it has begun is not tried again at once for ever
      if (monotonicMillis(clock) - coherentAt > pauseMillis) pauseMillis = following.firstMillis
    }
    yield* Effect.sleep(pauseMillis * (0.8 + 0.4 * (yield* Random.next)))
    pauseMillis = Math.min(following.longestMillis, pauseMillis * 2)
  }
})

/**
 * From here on nothing is missed. What was held before may have changed. What is being loaded meets nobody who comes now,
 * unless it is the very beginning: then it stays out of memory, and is joined, so that a program's first loads are one.
 */
const trust = (self: Flights, tier: StoreTier, hasListened: boolean): void => {
  tier.untracked = false
  if (hasListened) return forgetAll(self)
  self.mutations++
  for (const flight of self.flights.values()) flight.changedWhileAsked = true
  Memory.clear(self.memory, "unverified")
}

const tellUntracked = (self: Flights, { store }: StoreTier, exit: Exit.Exit<unknown, unknown>): void =>
  Log.warning(self, `The changes of the store "${store.name}" cannot be followed; trying again`, {
    ...Exit.isFailure(exit) ? { cause: exit.cause } : {}
  })

/** The changes cannot be followed: from here on it counts for how long memory is believed. */
const distrust = (self: Flights, tier: StoreTier): void => {
  tier.untracked = true
  tier.polledAt = nowOf(self)
  // the timer starts anew with the next read, which looks at every entry once more
  tier.tracker?.interruptUnsafe()
  tier.tracker = undefined
  self.tagEpochs.epoch++
}

/** What is done while there are reads, and how long until it is done again. */
interface Timer {
  readonly look: () => void
  readonly nextMillis: () => number
}

const resume = (self: Flights, tier: StoreTier, { look, nextMillis }: Timer): void => {
  let seen = readsOf(self)
  look()
  // of its own: the loop begins before its fiber is known
  let isAwake = true
  tier.tracker = Effect.runForkWith(self.context)(
    Effect.whileLoop({
      while: () => isAwake,
      body: () => Effect.sleep(nextMillis()),
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

/** How long memory may be believed from now on. A clock that was set back makes it no longer. */
const untilStale = (self: Flights, { maxStalenessMillis, polledAt }: StoreTier): number =>
  Math.max(1, Math.min(maxStalenessMillis, polledAt + maxStalenessMillis - nowOf(self)))

/** Every entry is read from the store again, once in `maxStaleness`, while changes cannot be followed. */
const clearWhenStale = (self: Flights, tier: StoreTier): void => {
  if (!tier.untracked) return
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
