/** Tracking: follows what other processes change in the store. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { StoreError } from "../../../CacheError.ts"
import type { Change } from "../../../ports/store.ts"
import { following, polling } from "../../defaults/processes.ts"
import { messageOf, whyOf } from "../../text/failures.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import { forEach } from "../../time/turns.ts"
import { detach, unshare } from "../flight/ending.ts"
import { hasBegun } from "../flight/flight.ts"
import { noteAll, noteChange } from "../flight/watches.ts"
import { wake } from "../lease/leaseWaits.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import type { Flights } from "../state.ts"

import { supervise, type Worker } from "../storeTier/background.ts"
import { noteFault, recovered } from "../storeTier/faults.ts"
import * as KnownTagVersions from "../storeTier/knownTagVersions.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import * as Log from "../telemetry/log.ts"
import { total } from "../telemetry/stats.ts"
import { emptyMemory, forgetAll } from "./invalidate.ts"
import { replayNow } from "./replay.ts"

/**
 * Keeps memory from serving what other processes have changed. A store with `changesUnsafe` is polled every 50 ms; one
 * with a stream of changes is followed. With any other shared store, and while changes cannot be read, the cache is
 * untracked: memory is cleared once in `maxStaleness`.
 *
 * Polling goes on only while there are reads. After an interval without reads it stops, and the first read after that
 * polls before anything is served. For that the tag epoch moves when polling stops: every entry is then checked once
 * more, while a hit in the present epoch costs nothing.
 */
export const track = (self: Flights): void => {
  const { storeTier: tier } = self
  if (tier === undefined) return
  const { capabilities, changesUnsafe } = tier.store
  if (!capabilities.shared && !capabilities.changes) return
  const isAsked = changesUnsafe !== undefined
  tier.untracked = !isAsked
  const timer: Timer = isAsked
    ? polled(self, tier)
    : { look: () => safely(self, tier, clearWhenStale), nextMillis: () => untilStale(self, tier) }
  self.tagEpochs.ensureTracking = () => {
    if (tier.tracker === undefined && !self.closed) resume(self, tier, timer)
  }
  // changes before the start do not concern this process
  timer.look()
  if (!capabilities.changes || isAsked) return
  // it may run again: what it was tracking then is not tracked any more
  const state = { wasTracked: false }
  supervise(tier.background, {
    name: "follows the changes of the store",
    context: self.context,
    run: Effect.suspend(() => follow(self, tier, state)),
    onDeath: () => {
      if (!tier.untracked) markUntracked(self, tier)
    }
  })
}

/**
 * A look every `pollMillis`. The first read of a turn that comes later than that looks itself: the process was stopped or
 * busy, and its timers have not run yet.
 */
const polled = (self: Flights, tier: StoreTier): Timer => {
  const clock = Context.get(self.context, Clock.Clock)
  let lookedAt = -Infinity
  const state = { isPartial: false, isWarned: false }
  const look = () => {
    // first: a listener that is told of what has changed may read
    lookedAt = monotonicMillis(clock)
    safely(self, tier, () => poll(self, tier, state))
  }
  self.tagEpochs.look = look
  self.tagEpochs.lookIfLate = () => {
    // a tracker that rests looks before it is resumed
    if (tier.tracker === undefined || self.closed || monotonicMillis(clock) - lookedAt <= polling.pollMillis) return
    look()
  }
  return { look, nextMillis: () => polling.pollMillis }
}

/** Applies the changes that the store pushes, and follows it again when the stream has ended. */
const follow = Effect.fnUntraced(function*(self: Flights, tier: StoreTier, state: { wasTracked: boolean }) {
  let pauseMillis = following.firstMillis
  let isLogged = false
  let isEndLogged = false
  let coherentAt = 0
  /** since when some changes are heard, while not all are */
  let partialAt: number | undefined
  const clock = yield* Clock.Clock
  const apply = (change: Change | undefined): void => {
    if (change?._tag === "Partial") {
      warn("cannot all be followed", Exit.fail(change.why))
      partialAt ??= monotonicMillis(clock)
      if (!tier.untracked) markUntracked(self, tier)
      return
    }
    if (change?._tag !== "Coherent") return applyChange(self, tier, change)
    // again in the same stream: it is tracked already
    if (!tier.untracked) return
    partialAt = undefined
    coherentAt = monotonicMillis(clock)
    markTracked(self, tier, state.wasTracked)
    state.wasTracked = true
    if (isLogged && !isEndLogged) {
      isEndLogged = true
      Log.info(self, `The changes of the store "${tier.store.name}" are followed again`)
    }
    replayNow(tier)
  }
  const applyAll = Effect.suspend(() =>
    Stream.runForEachArray(tier.store.changes, (changes) => forEach(apart(self, tier, changes), apply))
  )
  const warn = (problem: string, exit: Exit.Exit<unknown, unknown>): void => {
    if (isLogged) return
    isLogged = true
    isEndLogged = false
    warnUntracked(self, tier, problem, exit)
  }
  const warnWhereSilent = Effect.delay(
    Effect.sync(() => {
      if (tier.untracked) warn("do not arrive", Exit.void)
    }),
    following.longestMillis
  )
  for (;;) {
    partialAt = undefined
    const silence = yield* Effect.forkChild(warnWhereSilent)
    const exit = yield* Effect.exit(applyAll)
    silence.interruptUnsafe()
    const followedMillis = tier.untracked ? 0 : monotonicMillis(clock) - coherentAt
    // a stream that begins and ends all the time is one incident
    if (followedMillis > following.longestMillis) isLogged = false
    warn("cannot be followed", exit)
    if (!tier.untracked) markUntracked(self, tier)
    const heardMillis = partialAt === undefined ? followedMillis : monotonicMillis(clock) - partialAt
    // a stream that ends as soon as it has begun is not tried again at once for ever
    if (heardMillis > pauseMillis) pauseMillis = following.firstMillis
    yield* Effect.sleep(pauseMillis * (0.8 + 0.4 * (yield* Random.next)))
    pauseMillis = Math.min(following.longestMillis, pauseMillis * 2)
  }
})

/**
 * From here on no change is missed. Entries from before may have changed, so memory is cleared, and nobody joins the
 * flights of before. The first time their results are stored all the same, for those who come later, so that the first
 * reads of a program share their loads; an answer of the store that is under way does not enter memory.
 */
const markTracked = (self: Flights, tier: StoreTier, wasTracked: boolean): void => {
  tier.untracked = false
  if (wasTracked) return void forgetAll(self)
  self.mutations++
  noteAll(self)
  for (const flight of self.flights.all()) {
    flight.changedWhileAsked = true
    if (hasBegun(flight)) unshare(self, flight)
  }
  emptyMemory(self, "unverified")
}

const warnUntracked = (
  self: Flights,
  { store }: StoreTier,
  problem: string,
  exit: Exit.Exit<unknown, unknown>
): void => {
  const why = Exit.isFailure(exit) ? reasonOf(exit.cause) : undefined
  Log.warning(
    self,
    `The changes of the store "${store.name}" ${problem}${
      why === undefined ? "" : ` (${why})`
    }. Meanwhile memory is cleared once in maxStaleness`,
    Exit.isFailure(exit) && why === undefined ? { cause: exit.cause } : {}
  )
}

/** What a store says in one line; `undefined` for what is a bug, of which all is wanted. */
const reasonOf = (cause: Cause.Cause<unknown>): string | undefined => {
  const error = Cause.squash(cause)
  return error instanceof StoreError ? messageOf(error.cause) ?? whyOf(error.reason, undefined) : undefined
}

/** Changes cannot be followed: from here on `maxStaleness` bounds the use of memory. */
const markUntracked = (self: Flights, tier: StoreTier): void => {
  tier.untracked = true
  tier.polledAt = nowOf(self)
  rest(self, tier)
}

/** A step that is repeated while there are reads, and the pause until the next one. */
interface Timer {
  readonly look: () => void
  readonly nextMillis: () => number
}

/** Ends the tracker. In a new epoch the next read looks before anything is served, and starts another tracker. */
const rest = (self: Flights, tier: StoreTier): void => {
  tier.tracker?.interruptUnsafe()
  tier.tracker = undefined
  self.tagEpochs.epoch++
}

const beginning: Worker = { interruptUnsafe: () => {} }

const resume = (self: Flights, tier: StoreTier, { look, nextMillis }: Timer): void => {
  let readsBefore = readsOf(self)
  // whoever listens to what the look removes may read, and must not start a second tracker
  tier.tracker = beginning
  look()
  // a variable, not `tier.tracker`: the loop begins before its worker is known
  let isAwake = true
  tier.tracker = supervise(tier.background, {
    name: "tracks the changes of the store",
    context: self.context,
    run: Effect.whileLoop({
      while: () => isAwake,
      body: () => Effect.sleep(nextMillis()),
      step: () => {
        look()
        const reads = readsOf(self)
        // a load that waits for a lease is woken by a change
        if (reads === readsBefore && self.leaseWaits.waiting.size === 0) {
          isAwake = false
          rest(self, tier)
        }
        readsBefore = reads
      }
    }),
    onDeath: () => rest(self, tier)
  })
}

const readsOf = (self: Flights): number => {
  const { hits, misses, stale, storeHits } = total(self)
  return hits + storeHits + misses + stale
}

const clockOf = ({ context }: Flights): Clock.Clock => Context.get(context, Clock.Clock)

const nowOf = (self: Flights): number => clockOf(self).currentTimeMillisUnsafe()

/** How long memory may be used from now on. A clock that was set back does not make it longer. */
const untilStale = (self: Flights, { maxStalenessMillis, polledAt }: StoreTier): number =>
  Math.max(1, Math.min(maxStalenessMillis, polledAt + maxStalenessMillis - nowOf(self)))

/** Clears memory once in `maxStaleness` while untracked, so that every entry is read from the store again. */
const clearWhenStale = (self: Flights, tier: StoreTier): void => {
  if (!tier.untracked) return
  const ageMillis = nowOf(self) - tier.polledAt
  // a negative age: the clock was set back. The tolerance: a timer may fire one millisecond early
  if (ageMillis >= 0 && ageMillis < tier.maxStalenessMillis - 1) return
  tier.polledAt = nowOf(self)
  self.mutations++
  noteAll(self)
  tier.clears++
  emptyMemory(self, "unverified")
}

/** A look never throws: it is a step of a read. What it has not got to, if it fails, counts as changed. */
const safely = (self: Flights, tier: StoreTier, look: (self: Flights, tier: StoreTier) => void): void => {
  try {
    look(self, tier)
  } catch (defect) {
    Log.warnOnce(self, "changes", "Changes of the store could not be applied (see the cause): memory is cleared", {
      cause: Cause.die(defect)
    })
    try {
      forgetAll(self)
    } catch {
      // the entries are removed before anything of the user's is called
    }
  }
}

/** Of a store that is polled: whether it misses some changes, by its own words. */
interface Polling {
  isPartial: boolean
  isWarned: boolean
}

const poll = (self: Flights, tier: StoreTier, state: Polling): void => {
  KnownTagVersions.forget(tier.knownTagVersions)
  let changes: ReadonlyArray<Change>
  try {
    changes = tier.store.changesUnsafe!()
  } catch (thrown) {
    // one fault an outage: it is asked again in 50 ms
    if (!tier.failing.has("listen")) noteFault(tier, "listen", thrown as StoreError, clockOf(self))
    tier.untracked = true
    // memory is used for `maxStaleness`, not cleared at once: a failing store must not cause a stampede
    return clearWhenStale(self, tier)
  }
  recovered(tier, "listen")
  if (!state.isPartial) {
    tier.untracked = false
    tier.polledAt = nowOf(self)
  }
  Memory.together(self.memory, () => {
    for (const change of changes) {
      if (change._tag === "Partial") {
        state.isPartial = true
        if (!state.isWarned) warnUntracked(self, tier, "cannot all be followed", Exit.fail(change.why))
        state.isWarned = true
      } else if (change._tag === "Coherent" && state.isPartial) {
        state.isPartial = state.isWarned = false
        forgetAll(self)
      } else for (const one of apart(self, tier, [change])) applyChange(self, tier, one)
    }
  })
  tier.untracked = state.isPartial
  if (state.isPartial) clearWhenStale(self, tier)
}

/** The changes, one by one: of `ManyChanged` those that concern what is held here. `undefined` is a step like any other. */
function* apart(self: Flights, tier: StoreTier, changes: ReadonlyArray<Change>): Iterable<Change | undefined> {
  for (const change of changes) {
    yield change
    if (change._tag !== "ManyChanged") continue
    Log.warnOnce(
      self,
      "changes waited",
      `The process was too busy to follow each change of the store "${tier.store.name}" ` +
        "in time: entries in memory that may have changed are read again"
    )
    const { mayBe } = change
    for (const { id } of self.flights.all()) yield mayBe(id) ? { _tag: "Changed", id } : undefined
    for (const { id } of self.memory.entries.values()) yield mayBe(id) ? { _tag: "Changed", id } : undefined
  }
}

/** Applies a change by another process. The callers of a load still get its result, but nobody joins it any more. */
const applyChange = (self: Flights, tier: StoreTier, change: Change | undefined): void => {
  if (change === undefined) return
  self.mutations++
  switch (change._tag) {
    case "Changed": {
      noteChange(self, change.id)
      Memory.remove(self.memory, change.id, "invalidated")
      const flight = self.flights.get(change.id)
      // a flight that waits for a lease waits for this very change: it goes on
      if (flight !== undefined && hasBegun(flight)) detach(self, change.id)
      else if (flight !== undefined) {
        flight.changedWhileAsked = true
        // its callers keep their own stale value; a caller that joins now must not fall back on this one
        flight.stale = undefined
      }
      wake(self, tier, change.id)
      break
    }
    case "TagChanged":
      TagEpochs.invalidate(self.tagEpochs, [change.tag])
      break
    case "ManyChanged":
      // what it is about comes one by one
      noteAll(self)
      break
    case "AllChanged":
    case "Gap":
      forgetAll(self)
      wake(self, tier)
  }
}
