/** Moves the callers of a flight to another flight of the same id. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { declaredTags } from "../request/requestTags.ts"
import { thrownBy } from "../request/rules.ts"
import { isRefusal } from "../request/strict.ts"
import type { Caller, Flight, Flights } from "../state.ts"
import { linkTo } from "../telemetry/spans.ts"
import { detachOne, endIfUnneeded } from "./ending.ts"
import { hasBegun, isToCome, makeFlight } from "./flight.ts"
import { servesStale } from "./outcome.ts"
import { addEdge, reaches, removeEdge } from "./waitGraph.ts"
import { startLater } from "./work.ts"

/**
 * Moves the callers of a flight to the one that is queued behind it, or to a new one, which loads for `by` if given. A
 * key thereby leaves the call of its batch, and joins the next one. Consumers that have received elements of a run stay
 * with it, and it is not stored.
 */
export const takeOver = (self: Flights, flight: Flight, by: Caller | undefined): void => {
  const next = flight.after?.find(isToCome) ?? successor(self, flight, by)
  detachOne(self, flight)
  flight.pinned = false
  self.flights.set(next)
  moveAll(flight, next)
  startLater(self, next)
  endIfUnneeded(self, flight)
}

/**
 * Moves the callers of a detached flight to the flight that has taken its place, if there is one. The callers of an
 * abandoned flight have already left, and wait only for its finalizers.
 */
export const moveToCurrent = (self: Flights, flight: Flight): void => {
  const current = self.flights.get(flight.id)
  if (!flight.storable && !flight.abandoned && current?.storable === true) moveAll(flight, current)
}

const moveAll = (flight: Flight, next: Flight): void => {
  for (const caller of Array.from(flight.callers)) {
    const around = caller.within?.flight
    const closesCycle = around !== undefined && reaches(next, around)
    if (mayMove(caller) && !closesCycle) move(caller, next)
  }
}

const successor = (self: Flights, flight: Flight, by: Caller | undefined): Flight => {
  const { id, policy, protectedUntil, refresh, rejectedWriteId, stale } = flight
  const next = makeFlight(self, {
    id,
    request: by?.request ?? flight.request,
    policy,
    refresh: by === undefined && refresh,
    rejectedWriteId,
    readsStore: false,
    parent: by === undefined ? flight.parent : by.within?.flight,
    stale,
    protectedUntil,
    starter: by?.context ?? flight.starter
  })
  next.restarts = flight.restarts
  next.hasRerun = flight.hasRerun
  next.isOrphan = by === undefined && flight.isOrphan
  // All keys of a batch that are loaded again in this turn share one call.
  next.request.batch?.rejoin(next)
  return next
}

const mayMove = ({ request }: Caller): boolean => request.hasBegun?.() !== true

const move = (caller: Caller, next: Flight): void => {
  const { flight, request, span, within } = caller
  flight.callers.delete(caller)
  removeEdge(within, flight)
  caller.flight = next
  next.callers.add(caller)
  addEdge(within, next)
  request.followed?.(next.request)
  if (span !== undefined) linkTo(next, span)
}

/** Whether the services of a load may have been closed: the caller that brought them has left, or never waited. */
const isAdrift = (flight: Flight | undefined): boolean => {
  for (let one = flight; one !== undefined; one = one.parent) if (one.isOrphan || one.refresh) return true
  return false
}

/**
 * Whether a load has failed after its starter had left, which may be the reason: the services of the starter may have
 * been closed. Such a failure answers no caller (P3): the load runs once more, for one that waits. Not if callers get a
 * stale value: they need no other load.
 */
export const isOrphaned = (
  self: Flights,
  flight: Flight,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): boolean =>
  Exit.isFailure(exit) && !flight.hasRerun && !Cause.hasInterrupts(exit.cause) && !isRefusal(exit) &&
  hasBegun(flight) && flight.found === undefined && flight.storable && flight.policy.writes && !self.closed &&
  !servesStale(self, flight, exit, now) && nextStarter(self, flight) !== undefined

/**
 * The caller in whose context a load runs next: the newest one, which stays longest. `undefined`: in that of its
 * starter, which is still there.
 */
export const nextStarter = (self: Flights, flight: Flight): Caller | undefined => {
  if (!isAdrift(flight)) return undefined
  let next: Caller | undefined
  for (const caller of flight.callers) if (!isAdrift(caller.within?.flight) && mayStart(self, caller)) next = caller
  return next
}

/** Whether a caller's own load may be stored. The options and tags of a caller that joined have not been checked. */
export const mayStart = (self: Flights, caller: Caller): boolean =>
  mayMove(caller) && caller.policy.writes && thrownBy(declaredTags, self, caller.request) === undefined

/** Loads once more, in the context of a caller that waits. */
export const loadForFollowers = (self: Flights, flight: Flight): void => {
  flight.hasRerun = true
  takeOver(self, flight, nextStarter(self, flight))
}
