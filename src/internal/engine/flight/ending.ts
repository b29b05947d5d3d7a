/** Ends flights without callers or past their time: removes them from the index, so that the next one may begin. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { Flight, Flights } from "../state.ts"
import { hasBegun, isToCome } from "./flight.ts"
import { dropFlight, leaveUnit } from "./refreshing.ts"
import { addEdge, removeEdge } from "./waitGraph.ts"
import { noteChange } from "./watches.ts"
import { abandon, startLater } from "./work.ts"

/** The flight queued behind takes its place. Returns whether the flight was joinable. */
export const unregister = (self: Flights, flight: Flight): boolean => {
  const wasJoinable = self.flights.get(flight.id) === flight
  if (wasJoinable) {
    self.flights.delete(flight)
    const next = flight.after?.find(isToCome)
    if (next !== undefined) self.flights.set(next)
  }
  return wasJoinable
}

export const startNext = (self: Flights, flight: Flight): void => {
  const { after } = flight
  if (after === undefined) return
  flight.after = undefined
  for (const next of after) {
    removeEdge(next.attempt, flight)
    startLater(self, next)
  }
}

export const startAfter = (before: Flight, flight: Flight): void => {
  // The other keys of its batch do not wait for it.
  flight.request.batch?.dropOut(flight)
  const after = before.after ??= []
  after.push(flight)
  addEdge(flight.attempt, before)
}

/** Makes the flights of an id unstorable and unjoinable. Their callers still get the results. */
export const detach = (self: Flights, id: string): void => {
  noteChange(self, id)
  // A flight queued behind the running one takes its place and is detached too.
  for (let flight = self.flights.get(id); flight !== undefined; flight = self.flights.get(id)) {
    flight.storable = false
    unregister(self, flight)
    // A new reader, here or elsewhere, must not wait for a result that is not stored.
    releaseLease(flight)
    // A queued refresh has nothing left to refresh.
    if (flight.phase === "Queued" && flight.callers.size === 0) dropFlight(self, flight)
    else leaveUnit(self, flight)
    startNext(self, flight)
  }
}

/** Makes a loading flight unjoinable: later readers wait for its end and ask the store. */
export const unshare = (self: Flights, flight: Flight): void => {
  unregister(self, flight)
  self.ending.set(flight.id, flight)
}

export const endIfUnneeded = (self: Flights, flight: Flight): void => {
  if (flight.callers.size > 0 || flight.exit !== undefined) return
  if (flight.pinned) return limitUnattended(self, flight)
  if (flight.phase === "Queued") return cancel(self, flight)
  flight.storable = false
  // Unregister before the interruption, in the same step: a new reader must not join a load that is ending.
  const isHeldUp = unregister(self, flight) || self.ending.get(flight.id) === flight
  // Hold before the interruption, because the flight may end in that step.
  if (isHeldUp && hasBegun(flight) && !isInterruptible(flight)) hold(self, flight)
  abandon(self, flight)
  if (self.ending.get(flight.id) === flight) return
  // Now, not at its end: the steps around a load may take long to end.
  releaseLease(flight)
  startNext(self, flight)
}

const cancel = (self: Flights, flight: Flight): void => {
  unregister(self, flight)
  // The flight before it may run for long and would retain it.
  for (const before of flight.attempt.waitsOn?.keys() ?? []) remove(before.after ?? [], flight)
  dropFlight(self, flight)
  startNext(self, flight)
}

const remove = (list: Array<Flight>, flight: Flight): void => {
  const place = list.indexOf(flight)
  if (place >= 0) list.splice(place, 1)
}

/** Whether an interruption ends the load now. Its finalizers may take time, but they load nothing. */
const isInterruptible = (flight: Flight): boolean => {
  const fiber = flight.request.batch?.fiberOf(flight) ?? flight.fiber
  // An internal field of a fiber. If it is missing, the id is held until the load has ended.
  return (fiber as { readonly interruptible?: boolean } | undefined)?.interruptible === true
}

/** Keeps the id and lease of an abandoned load that ignores its interruption, for a limited time: it may hang. */
const hold = (self: Flights, flight: Flight): void => {
  self.ending.set(flight.id, flight)
  flight.limit?.interruptUnsafe()
  flight.limit = after(flight, self.endingMillis, () => release(self, flight))
}

const release = (self: Flights, flight: Flight): void => {
  if (self.ending.get(flight.id) === flight) self.ending.delete(flight.id)
  releaseLease(flight)
  startNext(self, flight)
}

export const limitUnattended = (self: Flights, flight: Flight): void => {
  if (flight.limit !== undefined || flight.exit !== undefined) return
  flight.limit = after(flight, self.refreshing.timeoutMillis, () => {
    flight.limit = undefined
    flight.pinned = false
    leaveUnit(self, flight)
    // It has callers again and is like any other load from here on.
    if (flight.callers.size > 0 || flight.exit !== undefined) return
    flight.ranTooLong = true
    endIfUnneeded(self, flight)
  })
}

const after = (flight: Flight, millis: number, run: () => void) =>
  Effect.runForkWith(flight.starter.context)(Effect.andThen(Effect.sleep(millis), Effect.sync(run)))

/** Stops renewing. Without a commit, releases the lease, so that the next process can load, with a failure note. */
export const releaseLease = (flight: Flight, failure?: Exit.Failure<unknown, unknown>): void => {
  const { lease } = flight
  if (lease === undefined) return
  flight.lease = undefined
  lease.renewal?.interruptUnsafe()
  if (!lease.isStored) lease.release(flight, failure)
}
