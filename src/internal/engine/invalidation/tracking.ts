/** Follows the changes that other processes make in the store. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import { StoreError } from "../../../CacheError.ts"
import type { Change } from "../../../ports/store.ts"
import { following, polling } from "../../defaults/processes.ts"
import * as Patterns from "../../store/patterns.ts"
import { messageOf, whyOf } from "../../text/failures.ts"
import { clockOf, monotonicMillis } from "../../time/monotonic.ts"
import { forEach } from "../../time/turns.ts"
import { detach } from "../flight/ending.ts"
import { hasBegun, isOutdated, noteChanged } from "../flight/flight.ts"
import { noteAll, noteChange } from "../flight/watches.ts"
import { wake } from "../lease/leaseWaits.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import type { Flights } from "../state.ts"
import { spawn, supervise, type Worker } from "../storeTier/background.ts"
import { noteFault, recovered } from "../storeTier/faults.ts"
import * as KnownTagVersions from "../storeTier/knownTagVersions.ts"
import * as Pending from "../storeTier/pendingInvalidations.ts"
import type { StoreTier } from "../storeTier/storeTier.ts"
import { emit } from "../telemetry/events.ts"
import * as Incident from "../telemetry/incident.ts"
import * as Log from "../telemetry/log.ts"
import { total } from "../telemetry/stats.ts"
import { apart, known } from "./apart.ts"
import { forgetAll, unverifyMemory } from "./invalidate.ts"
import { releaseReported } from "./outdated.ts"
import { replayNow } from "./replay.ts"

/**
 * Keeps memory from serving entries that other processes have changed. A store with `changesUnsafe` is polled every
 * 50 ms. For other stores, a stream of changes is followed, or memory is cleared once per `maxStaleness` (untracked).
 * After an interval without reads, polling stops and the tag epoch is incremented. The next read then has to check its
 * entry, and polls before it does so. Hits in the current epoch cost nothing.
 */
export const track = (self: Flights): void => {
  const { storeTier: tier } = self
  if (tier === undefined) return
  const { capabilities, changesUnsafe } = tier.store
  // Without any copies, only running loads could be outdated, and they may be joined for `maxStaleness` at most.
  const follows = capabilities.changes && (self.memory.capacity > 0 || capabilities.copies === true)
  if (!capabilities.shared && !capabilities.changes) return
  // A change that another process made before the `clear` may be reported after it, and is then ignored.
  tier.onCleared = () => void forgetAll(self)
  const isAsked = changesUnsafe !== undefined
  tier.untracked = !isAsked
  tier.untrackable = !isAsked && !follows
  const timer: Timer = isAsked
    ? polled(self, tier)
    : { look: () => safely(self, tier, clearWhenStale), nextMillis: () => untilStale(self, tier) }
  self.tagEpochs.ensureTracking = (joining) => {
    if (tier.tracker === undefined && !self.closed) resume(self, tier, timer)
    if (joining !== undefined) noteJoining(self, joining)
  }
  // The first poll skips the changes made before the start, because they do not concern this process.
  timer.look()
  if (!follows || isAsked) return
  // This state outlives restarts of the worker, because changes may have been missed before a restart.
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

/** Polls every `pollMillis`. If the timers are late, the first read in a turn polls instead. */
const polled = (self: Flights, tier: StoreTier): Timer => {
  const clock = clockOf(self)
  let lookedAt = -Infinity
  const state = { isPartial: false, isWarned: false }
  const look = () => {
    // Set before the poll, because the poll may notify a listener that reads, and this read must not poll again.
    lookedAt = monotonicMillis(clock)
    safely(self, tier, () => poll(self, tier, state))
  }
  self.tagEpochs.look = look
  self.tagEpochs.lookIfLate = () => {
    // If no tracker runs, the next read starts one, which polls at once.
    if (tier.tracker === undefined || self.closed || monotonicMillis(clock) - lookedAt <= polling.pollMillis) return
    look()
  }
  return { look, nextMillis: () => polling.pollMillis }
}

const follow = Effect.fnUntraced(function*(self: Flights, tier: StoreTier, state: { wasTracked: boolean }) {
  let pauseMillis = following.firstMillis
  let isLogged = false
  let isEndLogged = false
  let coherentAt = 0
  /** The start of the current period in which the store may miss changes (`Partial`). */
  let partialAt: number | undefined
  const clock = yield* Clock.Clock
  const apply = (change: Change | undefined): void => {
    if (change?._tag === "Partial") {
      tier.untrackable = change.why === undefined
      if (change.why !== undefined) warn("cannot all be followed", Exit.fail(change.why))
      partialAt ??= monotonicMillis(clock)
      if (!tier.untracked) markUntracked(self, tier)
      return
    }
    if (change?._tag !== "Coherent") return applyChange(self, tier, change)
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
    Stream.runForEachArray(tier.store.changes, (changes) => {
      const { epoch } = self.tagEpochs
      return Effect.map(forEach(apart(self, tier, changes), apply), () => releaseReported(self, tier, epoch))
    })
  )
  const warn = (problem: string, exit: Exit.Exit<unknown, unknown>): void => {
    if (isLogged) return
    isLogged = true
    isEndLogged = false
    warnUntracked(self, tier, problem, exit)
  }
  const warnWhereSilent = Effect.delay(
    Effect.sync(() => {
      if (tier.untracked && partialAt === undefined) warn("do not arrive", Exit.void)
    }),
    following.longestMillis
  )
  for (;;) {
    partialAt = undefined
    const silence = yield* Effect.forkChild(warnWhereSilent)
    const exit = yield* Effect.exit(applyAll)
    silence.interruptUnsafe()
    tier.untrackable = false
    const followedMillis = tier.untracked ? 0 : monotonicMillis(clock) - coherentAt
    // If a stream repeatedly ends soon after its start, this is one incident, which is logged once.
    if (followedMillis > following.longestMillis) isLogged = false
    warn("cannot be followed", exit)
    if (!tier.untracked) markUntracked(self, tier)
    const heardMillis = partialAt === undefined ? followedMillis : monotonicMillis(clock) - partialAt
    // If streams end early, the pause before a restart doubles each time. A stream that outlasts the pause resets it.
    if (heardMillis > pauseMillis) pauseMillis = following.firstMillis
    yield* Effect.sleep(pauseMillis * (0.8 + 0.4 * (yield* Random.next)))
    pauseMillis = Math.min(following.longestMillis, pauseMillis * 2)
  }
})

/** Starts tracking. Earlier changes may have been missed. A program's first reads share their loads all the same. */
const markTracked = (self: Flights, tier: StoreTier, wasTracked: boolean): void => {
  setUntracked(self, tier, false)
  if (wasTracked) return unverifyAll(self, tier)
  outdateLoads(self)
}

/**
 * Changes by other processes may have been missed. Running loads are paid for, so their results are still stored if the
 * steps of the store are atomic for all processes: it then refuses that of an id which another one has changed.
 */
const unverifyAll = (self: Flights, { store: { capabilities, transact } }: StoreTier): void => {
  if (!capabilities.shared || transact === undefined) return void forgetAll(self)
  self.retryAt.clear()
  outdateLoads(self)
}

const outdateLoads = (self: Flights): void => {
  self.mutations++
  outdateAll(self)
  unverifyMemory(self)
}

/** Callers that join a running load later read again at its end. The results do not enter memory, but are stored. */
const outdateAll = (self: Flights): void => {
  noteAll(self)
  self.flights.stubs?.outdateAll()
  self.flights.all().forEach(noteChanged)
  self.tagEpochs.epoch++
}

/** A caller that joins an outdated load reads again at its end. A consumer of a stream needs a run of its own. */
const noteJoining = (self: Flights, id: string): void => {
  const flight = self.flights.get(id)
  if (flight?.request.followed !== undefined && hasBegun(flight) && isOutdated(flight)) detach(self, id)
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
    !Exit.isFailure(exit)
      ? {}
      : why === undefined
      ? { cause: exit.cause }
      : { fault: Cause.squash(exit.cause) as StoreError }
  )
}

const reasonOf = (cause: Cause.Cause<unknown>): string | undefined => {
  const error = Cause.squash(cause)
  return error instanceof StoreError ? messageOf(error.cause) ?? whyOf(error.reason, undefined) : undefined
}

const setUntracked = (self: Flights, tier: StoreTier, untracked: boolean): void => {
  if (tier.untracked === untracked) return
  tier.untracked = untracked
  emit(self, { _tag: "Tracking", state: untracked ? "untracked" : "tracked" })
}

const markUntracked = (self: Flights, tier: StoreTier): void => {
  setUntracked(self, tier, true)
  tier.polledAt = wallNow(self)
  rest(self, tier)
}

interface Timer {
  readonly look: () => void
  readonly nextMillis: () => number
}

/** Stops the tracker and begins a new epoch. The next read starts a tracker, and polls before it serves an entry. */
const rest = (self: Flights, tier: StoreTier): void => {
  tier.tracker?.interruptUnsafe()
  tier.tracker = undefined
  self.tagEpochs.epoch++
}

const beginning: Worker = { interruptUnsafe: () => {} }

const resume = (self: Flights, tier: StoreTier, { look, nextMillis }: Timer): void => {
  let readsBefore = readsOf(self)
  // The poll may notify a removal listener that reads the cache, and this read must not start a second tracker.
  tier.tracker = beginning
  look()
  // A separate variable is needed, because the loop starts before its worker is assigned to `tier.tracker`.
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
        // Without reads, the tracker stops, unless a change must wake a load that waits for a lease, or must release
        // that of a load that runs.
        if (reads === readsBefore && self.leaseWaits.waiting.size === 0 && self.running.size === 0) {
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

const wallNow = (self: Flights): number => clockOf(self).currentTimeMillisUnsafe()

/** The milliseconds until memory must be cleared. Setting the clock back does not extend this time. */
const untilStale = (self: Flights, { maxStalenessMillis, polledAt }: StoreTier): number =>
  Math.max(1, Math.min(maxStalenessMillis, polledAt + maxStalenessMillis - wallNow(self)))

/** While changes are untracked, clears memory once per `maxStaleness`, so that the store is asked for entries again. */
const clearWhenStale = (self: Flights, tier: StoreTier): void => {
  if (!tier.untracked) return
  const ageMillis = wallNow(self) - tier.polledAt
  // Also clears memory if the clock was set back (a negative age). Timers may fire early, hence the tolerance of 1 ms.
  if (ageMillis >= 0 && ageMillis < tier.maxStalenessMillis - 1) return
  tier.polledAt = wallNow(self)
  self.mutations++
  noteAll(self)
  tier.clearedAt = self.mutations
  unverifyMemory(self)
}

/** Runs a poll. Its exceptions must not reach the polling read: if the poll fails, everything counts as changed. */
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
      // An exception from user code does no harm, because all entries are removed before any user code is called.
    }
  }
}

/** Whether the store has reported that it may miss changes (`Partial`), and whether that was logged. */
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
    // Reported only once per outage, even though the store is polled every 50 ms.
    const reported = tier.incident.failing.get(Incident.changes)
    if (reported !== undefined) reported.at = monotonicMillis(clockOf(self))
    else noteFault(tier, Incident.changes, thrown as StoreError)
    setUntracked(self, tier, true)
    // Memory stays in use for `maxStaleness` and is not cleared at once, so that a failing store causes no stampede.
    return clearWhenStale(self, tier)
  }
  recovered(tier, Incident.changes)
  if (!state.isPartial) {
    setUntracked(self, tier, false)
    tier.polledAt = wallNow(self)
  }
  const { epoch } = self.tagEpochs
  // Removals are reported at the end of `together`.
  tier.isElsewhere = true
  Memory.together(self.memory, () => {
    for (const change of changes) {
      if (change._tag === "Partial") {
        state.isPartial = true
        tier.untrackable = change.why === undefined
        if (!state.isWarned && change.why !== undefined) {
          state.isWarned = true
          warnUntracked(self, tier, "cannot all be followed", Exit.fail(change.why))
        }
      } else if (change._tag === "Coherent" && state.isPartial) {
        state.isPartial = state.isWarned = false
        unverifyAll(self, tier)
      } else for (const one of apart(self, tier, [change])) applyChange(self, tier, one)
    }
  })
  tier.isElsewhere = false
  releaseReported(self, tier, epoch)
  setUntracked(self, tier, state.isPartial)
  if (state.isPartial) clearWhenStale(self, tier)
}

/** Applies an invalidation by pattern, in several turns where memory has many entries. */
const applyPattern = (self: Flights, tier: StoreTier, matches: (id: string) => boolean): void => {
  noteAll(self)
  spawn(tier.background, self.context, forEach(known(self, tier, matches), (change) => applyChange(self, tier, change)))
}

const isHeld = (self: Flights, { pending }: StoreTier, id: string): boolean =>
  self.memory.entries.has(id) || self.flights.has(id) || pending.ids.has(id)

/** Applies a change by another process. A load of the id becomes unjoinable, but its callers still get its result. */
const applyChange = (self: Flights, tier: StoreTier, change: Change | undefined): void => {
  if (change === undefined) return
  self.mutations++
  const { isElsewhere } = tier
  tier.isElsewhere = true
  switch (change._tag) {
    case "Changed": {
      self.stats.told++
      if (!isHeld(self, tier, change.id)) self.stats.toldInVain++
      if (change.endsMarkers === true) TagEpochs.idChanged(self.tagEpochs, change.id)
      noteChange(self, change.id)
      if (!Pending.isUnasked(tier.pending, change.id)) {
        Pending.giveUp(tier.pending, change.id)
        Memory.remove(self.memory, change.id, "invalidated")
      }
      const flight = self.flights.get(change.id)
      // A flight that waits for a lease is not detached, because it waits for exactly this change.
      if (flight !== undefined && hasBegun(flight)) detach(self, change.id)
      else if (flight !== undefined) {
        noteChanged(flight)
        // Current callers keep their own stale value. Later callers must not fall back to the flight's stale value.
        flight.stale = undefined
      }
      wake(self, tier, change.id)
      break
    }
    case "LoadEnded":
      wake(self, tier, change.id)
      break
    case "TagChanged": {
      self.stats.told++
      self.history?.invalidated([], [change.tag], "hard")
      TagEpochs.noteReported(self.tagEpochs, change.tag)
      const matches = Patterns.reported(change.tag)
      if (matches !== undefined) applyPattern(self, tier, matches)
      break
    }
    case "ManyChanged":
      noteAll(self)
      TagEpochs.allIdsChanged(self.tagEpochs)
      break
    case "AllChanged":
    case "Gap":
      Pending.giveUpAll(tier.pending)
      if (change._tag === "Gap") unverifyAll(self, tier)
      else forgetAll(self)
      wake(self, tier)
  }
  tier.isElsewhere = isElsewhere
}
