/** Moves the callers of a flight to a new flight of the same id. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { isRefusal } from "../request/strict.ts"
import type { Caller, Flight, Flights, ReadContext, Request } from "../state.ts"
import { linkTo } from "../telemetry/spans.ts"
import { detachOne, endIfUnneeded } from "./ending.ts"
import { hasBegun, makeFlight } from "./flight.ts"
import { addEdge, removeEdge } from "./waitGraph.ts"
import { startLater } from "./work.ts"

interface By {
  readonly request: Request
  readonly starter: ReadContext
  readonly parent: Flight | undefined
}

/**
 * Starts a flight in place of another, and moves the callers to it. A key thereby leaves the call of its batch, and
 * joins the next one. Consumers that have received elements of a run stay with the run, which is not stored.
 */
export const takeOver = (self: Flights, flight: Flight, { parent, request, starter }: By): Flight => {
  const { id, policy, protectedUntil, refresh, rejectedWriteId, stale } = flight
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
  next.restarts = flight.restarts
  next.isOrphan = flight.isOrphan
  detachOne(self, flight)
  flight.pinned = false
  self.flights.set(next)
  for (const caller of Array.from(flight.callers)) if (mayMove(caller)) move(caller, next)
  // All keys of a batch that are loaded again in this turn share one call.
  request.batch?.rejoin(next)
  startLater(self, next)
  endIfUnneeded(self, flight)
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
  followerOf(flight) !== undefined

const followerOf = (flight: Flight): Caller | undefined => {
  for (const caller of flight.callers) if (mayMove(caller)) return caller
  return undefined
}

/** Loads once more, in the context of a caller that waits. */
export const loadForFollowers = (self: Flights, flight: Flight): void => {
  const { context, request, within } = followerOf(flight)!
  const next = takeOver(self, flight, { request, starter: context, parent: within?.flight })
  next.isOrphan = undefined
}
