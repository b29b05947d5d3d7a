/** Rules that must hold when a load begins or ends. */
import { Cause, Exit } from "effect"
import type { Flight } from "../../src/internal/engine/state.ts"
import { hasAnswered, mayBeAnswer } from "./answerRules.ts"
import type { Load, Read } from "./model.ts"
import { until } from "./originRules.ts"
import { covers, interruptedItself, readerOf, retryAfterOf, uninterruptible, violate, type World } from "./state.ts"

/** A refresh, or a load that continued after a soft timeout, ends by itself or at its limit. */
export const checkPinned = (self: World, load: Load, exit: Exit.Exit<unknown, unknown>): void => {
  const { flight, id, n } = load
  if (flight === undefined || self.closeAskedAt !== undefined) return
  const what = `the load #${n} of ${id}`
  // A load that has found its value to be still right ends itself.
  const endsItself = interruptedItself.has(load) || flight.attempt.renewed
  const interrupted = Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause) && !endsItself
  // P3: it continues as the next attempt.
  const runsAgain = load.gaveWay !== undefined || flight.restartedAt !== undefined
  if (interrupted && flight.pinned && !flight.ranTooLong && !runsAgain) {
    violate(self, `P3: ${what} was interrupted, though no caller had to wait for it`)
  }
  // One call for many runs as long as a caller waits for any of its keys.
  const ids = load.together
  if (uninterruptible.has(load) || [...self.reading].some((read) => ids.includes(read.id))) return
  const unattended = self.now() - Math.max(load.begunAt, self.lastWaited.get(ids) ?? 0)
  // A load that it waits for may not be interruptible.
  const isHeldUp = self.loads.some((other) =>
    other !== load && uninterruptible.has(other) && (other.endedAt ?? Infinity) > self.now() - unattended
  )
  // A finalizer takes its time.
  if (!isHeldUp && unattended > self.config.refreshTimeout + 100) {
    violate(self, `P7: ${what} ran for ${unattended} ms with no caller waiting`)
  }
}

const canBeUsed = (flight: Flight): boolean => flight.storable && flight.policy.writes && flight.exit === undefined

/** The previous value given to a load must still be valid, and so must the value it keeps. */
export const checkPrevious = (
  self: World,
  load: Load,
  { n, askedAt }: { readonly n: number; readonly askedAt: number }
): void => {
  const what = `the load #${load.n} of ${load.id} has read #${n}`
  const previous = self.origins.get(n)
  if (previous === undefined || previous.id !== load.id) return violate(self, `previous: ${what}, which is not its own`)
  const candidates = [previous, ...self.renewals.get(n) ?? []]
  const isGood = candidates.some((origin) =>
    origin !== load &&
    self.now() < until(self, origin) &&
    !self.writes.some((write) =>
      write.mode === "hard" && write.done <= askedAt && write.set !== origin.n && covers(write, origin) &&
      // An invalidation of an id does not look for values that are not stored.
      (write.kind === "tag" || load.flight!.policy.writes) &&
      (origin._tag === "Set" ? origin.write.done <= write.asked : origin.n <= write.asked)
    )
  )
  if (!isGood) violate(self, `previous: ${what}, which is gone`)
}

/** P1 */
export const checkAlone = (self: World, load: Load, flight: Flight): void => {
  if (!canBeUsed(flight)) return
  for (const other of self.open) {
    if (other.id !== load.id || other.flight === flight || other.exit !== undefined) continue
    const { ticket } = other
    const known = other.flight ?? ticket?.flight
    if (known === flight) continue
    if (known === undefined ? ticket?.isOpen === true && ticket.storable : canBeUsed(known)) {
      violate(self, `P1: load #${load.n} of ${load.id} while #${other.n} can still be stored or joined`)
    }
  }
}

/** P6: after a failure the stale value is served for a while without another try. */
export const checkThrottle = (self: World, load: Load, flight: Flight): void => {
  if (!self.config.memory || flight.policy.joins !== "any" || !flight.policy.readsMemory) return
  if (retryAfterOf(load.spec) === 0 || load.spec.kind === "ttl" || load.spec.kind === "untilInvalidated") return
  // A refresh that had to wait for room was asked for earlier.
  if (flight.refresh ? self.config.refreshConcurrency < 16 : flight.stale === undefined) return
  // Nothing is served in its place.
  if (!flight.refresh && (hasAnswered(flight) || wasAnsweredBefore(self, load))) return
  // A flight may have begun long before its load, where the store is slow.
  const asked = readerOf(self, flight)
  for (const failed of self.loads) {
    if (failed.id !== load.id || failed.flight === flight || !setsThrottle(self, failed)) continue
    if (asked === undefined || isBefore(asked, failed)) continue
    if (failed.endedAt! + retryAfterOf(failed.spec) <= load.begunAt || isDisturbed(self, load, failed)) continue
    violate(
      self,
      `P6: load #${load.n} of ${load.id} although #${failed.n} failed ${load.begunAt - failed.endedAt!} ms ago`
    )
  }
}

const setsThrottle = (self: World, load: Load): boolean => {
  const { exit, flight, spec } = load
  if (flight?.exit === undefined || exit === undefined || Exit.isSuccess(exit) || Exit.isSuccess(flight.exit)) {
    return false
  }
  // A failure that may be an answer of the origin causes no pause.
  const servesStale = flight.stale !== undefined && !mayBeAnswer(flight, spec) && !wasAnsweredBefore(self, load)
  return flight.storable && (flight.refresh || servesStale) && !Cause.hasInterrupts(flight.exit.cause)
}

/** An earlier failure was an answer: no stale value is served until a load succeeds, and so nothing pauses. */
const wasAnsweredBefore = (self: World, load: Load): boolean => {
  const earlier = self.loads.filter(({ ended, id }) => id === load.id && ended < load.n)
  const hasSucceeded = ({ exit, flight }: Load) =>
    exit !== undefined && Exit.isSuccess(exit) && flight?.storable === true
  return earlier.some((other) =>
    other.flight !== undefined && (mayBeAnswer(other.flight, other.spec) || other.answersCaller) &&
    !earlier.some((later) => later.ended > other.ended && hasSucceeded(later))
  )
}

/** Something happened to the id since, or another caller was already about to load then. */
const isDisturbed = (self: World, load: Load, failed: Load): boolean =>
  self.writes.some((write) => write.kind !== "tag" && write.done > failed.n && covers(write, load)) ||
  self.loads.some(({ ended, flight, id }) =>
    id === load.id && flight !== failed.flight && flight !== load.flight && flight?.policy.writes === true &&
    ended > failed.n
  ) ||
  // P6: until a load succeeds, as one does inside a transaction that is committed.
  self.committed.some(({ done, loaded }) =>
    done > failed.ended &&
    Array.from(loaded.keys()).some(({ exit, id }) => id === load.id && exit !== undefined && Exit.isSuccess(exit))
  ) ||
  [...self.reading].some((read) => read.id === load.id && isBefore(read, failed))

/** A load fails when its flight ends. */
const isBefore = (read: Read, failed: Load): boolean => read.begun < failed.ended || read.live.includes(failed)

/** P7: nothing starts after close; a caller that was waiting when it began may still be served. */
export const checkClosed = (self: World, load: Load): void => {
  if (self.closedAt !== undefined) return violate(self, `P7: load #${load.n} of ${load.id} after the layer was closed`)
  if (self.closeAskedAt === undefined || load.begunAt === self.closeAskedAt) return
  const reader = readerOf(self, load.flight!)
  if (reader !== undefined && reader.begunAt <= self.closeAskedAt) return
  violate(self, `P7: load #${load.n} of ${load.id} begun while the layer closes`)
}
