/** P1: a load that runs on after its last caller has left keeps its id, for a while. */
import { Exit } from "effect"
import type { Flight } from "../../src/internal/engine/state.ts"
import { isKept } from "./features.ts"
import type { Load, Write } from "./model.ts"
import { covers, displaced, readerOf, uninterruptible, violate, type World } from "./state.ts"

/** A load begins while an abandoned load of the same id still runs. */
export const checkAbandoned = (self: World, load: Load, flight: Flight): void => {
  if (!isKept("abandoned", self.config.features) || self.closeAskedAt !== undefined) return
  // A private load, and one whose place another has taken since it was requested: the open one ran beside it already.
  if (!flight.policy.writes || !flight.storable) return
  for (const other of self.open) {
    if (other.id !== load.id || !runsOn(other) || other.flight === flight || isReplaced(self, other)) continue
    if (overtakes(self, load, other)) continue
    // Its last caller has left no earlier than it began.
    if (self.now() < other.begunAt + self.config.endingMillis) {
      violate(self, `P1: load #${load.n} of ${load.id} while #${other.n}, which no caller waits for, runs on`)
    }
    checkFreed(self, load, other)
  }
}

// An interrupted load that only releases its resources loads nothing.
const runsOn = (load: Load): boolean => {
  const { exit, flight } = load
  return uninterruptible.has(load) && exit === undefined && flight !== undefined && flight.abandoned &&
    flight.exit === undefined && flight.policy.writes
}

/** It was detached while it had callers, or may have been: no further caller joins or awaits it. */
const isReplaced = (self: World, load: Load): boolean => {
  // An explicit refresh begins in a later turn. By then a read from before its own, which had to yield first, may have
  // taken its place, and its load may have begun earlier.
  if (displaced.has(load)) return true
  // Its flight may be older than its load.
  const born = self.born.get(load)!
  return (self.replaced.get(load.id) ?? 0) > born || isOvertaken(self, load) || isCommittedOver(self, load) ||
    self.writes.some((write) =>
      (write.done > born || mayBeReplayed(self, write)) && (write.kind === "tag" || covers(write, load))
    )
}

/** The changes that the store missed are sent again, and change the markers of its tags once more. */
const mayBeReplayed = ({ config: { faults } }: World, { kind }: Write): boolean => faults > 0 && kind !== "id"

/** A read from before its own, which joins no load that runs, has loaded later: one that had to yield first. */
const isOvertaken = (self: World, load: Load): boolean =>
  self.loads.some((later) =>
    later.id === load.id && later.n > load.n && later.flight !== load.flight && takesPlace(later)
  )

/**
 * A transaction has stored the result of its own load, which ends the generation of this one in the store: P1 counts
 * only what can still be stored or joined, and readers get that result, as they get one that is set.
 */
const isCommittedOver = ({ born, committed, config: { store } }: World, load: Load): boolean =>
  store !== "none" && committed.some(({ done, loaded }) =>
    done > born.get(load)! &&
    Array.from(loaded.keys()).some(({ exit, id }) => id === load.id && exit !== undefined && Exit.isSuccess(exit))
  )

/** As `isOvertaken`, by a load that begins now. */
const overtakes = (self: World, load: Load, other: Load): boolean => {
  const asked = readerOf(self, load.flight!)
  return asked !== undefined && asked.begun < other.n && takesPlace(load)
}

const takesPlace = ({ flight }: Load): boolean =>
  flight !== undefined && flight.policy.writes && flight.policy.joins !== "any"

/** P4: and no longer than that. */
const checkFreed = (self: World, load: Load, other: Load): void => {
  const reader = readerOf(self, load.flight!)
  if (reader === undefined || reader.begun < other.n || reader.live.some((live) => live !== other)) return
  const between = self.loads.some(({ flight, id, n }) =>
    id === load.id && n > other.n && n < load.n && flight !== load.flight
  )
  const waited = self.now() - reader.begunAt
  if (!between && waited > self.config.endingMillis + 10 * self.config.storeTimeout) {
    violate(self, `P4: read ${load.id} @${reader.begun} has waited ${waited} ms for #${other.n}, which runs on`)
  }
}
