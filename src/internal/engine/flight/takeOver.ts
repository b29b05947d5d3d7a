/** Moves the callers of a flight to another flight of the same id. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { declaredTags } from "../request/requestTags.ts"
import { thrownBy } from "../request/rules.ts"
import { isRefusal } from "../request/strict.ts"
import type { Caller, Flight, Flights, Policy, ReadContext, Request } from "../state.ts"
import { linkTo } from "../telemetry/spans.ts"
import { detachOne, endIfUnneeded } from "./ending.ts"
import { hasBegun, isToCome, makeFlight } from "./flight.ts"
import { addEdge, reaches, removeEdge } from "./waitGraph.ts"
import { startLater } from "./work.ts"

interface By {
  readonly request: Request
  readonly starter: ReadContext
  readonly parent: Flight | undefined
  readonly isOrphan: boolean | undefined
}

/**
 * Moves the callers of a flight to the one that is queued behind it, or to a new one. A key thereby leaves the call of
 * its batch, and joins the next one. Consumers that have received elements of a run stay with it, and it is not stored.
 */
export const takeOver = (self: Flights, flight: Flight, by: By): void => {
  const next = flight.after?.find(isToCome) ?? successor(self, flight, by)
  detachOne(self, flight)
  flight.pinned = false
  self.flights.set(next)
  moveAll(flight, next)
  startLater(self, next)
  endIfUnneeded(self, flight)
}

/** Moves the callers of a detached flight to the flight that has taken its place, if there is one. */
export const moveToCurrent = (self: Flights, flight: Flight): void => {
  const current = self.flights.get(flight.id)
  if (!flight.storable && current?.storable === true) moveAll(flight, current)
}

const moveAll = (flight: Flight, next: Flight): void => {
  for (const caller of Array.from(flight.callers)) {
    const around = caller.within?.flight
    const closesCycle = around !== undefined && reaches(next, around)
    if (mayMove(caller) && !closesCycle) move(caller, next)
  }
}

const successor = (
  self: Flights,
  { id, policy, protectedUntil, refresh, rejectedWriteId, restarts, stale }: Flight,
  { isOrphan, parent, request, starter }: By
): Flight => {
  const next = makeFlight(self, {
    id,
    request,
    policy,
    refresh,
    rejectedWriteId,
    readsStore: false,
    parent,
    stale,
    protectedUntil,
    starter
  })
  next.restarts = restarts
  next.isOrphan = isOrphan
  // All keys of a batch that are loaded again in this turn share one call.
  request.batch?.rejoin(next)
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

/**
 * Whether a load has failed after its starter had left, which may be the reason: the services of the starter may have
 * been closed. Such a failure answers no caller (P3): the load runs once more, for one that waits.
 */
export const isOrphaned = (self: Flights, flight: Flight, exit: Exit.Exit<unknown, unknown>): boolean =>
  flight.isOrphan === true && Exit.isFailure(exit) && !Cause.hasInterrupts(exit.cause) && !isRefusal(exit) &&
  hasBegun(flight) &&
  flight.found === undefined && !flight.refresh && flight.storable && flight.policy.writes && !self.closed &&
  followerOf(self, flight) !== undefined

/** Whether a caller's own load may be stored. The options and tags of a caller that joined have not been checked. */
export const mayLoad = (self: Flights, policy: Policy, request: Request): boolean =>
  policy.writes && thrownBy(declaredTags, self, request) === undefined

const followerOf = (self: Flights, flight: Flight): Caller | undefined => {
  for (const caller of flight.callers) {
    if (mayMove(caller) && mayLoad(self, caller.policy, caller.request)) return caller
  }
  return undefined
}

/** Loads once more, in the context of a caller that waits. */
export const loadForFollowers = (self: Flights, flight: Flight): void => {
  const { context: starter, request, within } = followerOf(self, flight)!
  takeOver(self, flight, { request, starter, parent: within?.flight, isOrphan: undefined })
}
