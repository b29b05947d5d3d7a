/** Ends flights that have no callers left or exceed their time limit, and starts the next flight of the same id. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { rulesOf } from "../request/rules.ts"
import { holdOff } from "../request/throttle.ts"
import type { Flight, Flights } from "../state.ts"
import * as Job from "../telemetry/job.ts"
import { hasBegun, isToCome } from "./flight.ts"
import { dropFlight, leaveUnit } from "./refreshing.ts"
import { addEdge, removeEdge } from "./waitGraph.ts"
import { isStorable, noteChange } from "./watches.ts"
import { abandon, startLater } from "./work.ts"

/** Removes a flight from the index, and adds the next queued flight. Returns whether the flight was in the index. */
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
  // The other flights of a batch do not wait for a queued flight.
  flight.request.batch?.dropOut(flight)
  const after = before.after ??= []
  after.push(flight)
  addEdge(flight.attempt, before)
}

/** Keeps an id's flights from storing their results and from being joined. Current callers still get answers. */
export const detach = (self: Flights, id: string): void => {
  noteChange(self, id)
  // After a running flight is unregistered, the flight queued behind it takes its place and is also detached.
  for (let flight = self.flights.get(id); flight !== undefined; flight = self.flights.get(id)) detachOne(self, flight)
}

/** Like `detach`, for an invalidation: a flight that has asked nothing yet, and has callers, will see the change. */
export const detachBegun = (self: Flights, id: string, mode: "hard" | "soft"): void => {
  noteChange(self, id)
  for (let flight = self.flights.get(id); flight !== undefined; flight = self.flights.get(id)) {
    if (flight.phase === "Queued" && flight.callers.size > 0) {
      if (mode === "hard") flight.stale = undefined
      return
    }
    detachOne(self, flight)
  }
}

/** Like `detach`, but the flight queued behind this one, which sees all changes, can be joined in its place. */
export const detachOne = (self: Flights, flight: Flight): void => {
  flight.storable = false
  unregister(self, flight)
  // The lease is released, because no process need wait for a result that will not be stored.
  releaseLease(flight)
  // A queued refresh without callers is dropped, because its entry was invalidated.
  if (flight.phase === "Queued" && flight.callers.size === 0) dropFlight(self, flight)
  else leaveUnit(self, flight)
  startNext(self, flight)
}

export const endIfUnneeded = (self: Flights, flight: Flight): void => {
  if (flight.callers.size > 0 || flight.exit !== undefined) return
  if (flight.pinned) return limitUnattended(self, flight)
  if (flight.phase === "Queued") return cancel(self, flight)
  flight.storable = false
  // The flight is unregistered and interrupted in one step, so that no new reader joins a load that is ending.
  const wasJoinable = unregister(self, flight)
  // `hold` must run before the interruption, because the interruption may end the flight synchronously.
  // The finalizers of a load that was interrupted to run again load nothing.
  const isEnding = flight.restartedAt !== undefined
  if (wasJoinable && hasBegun(flight) && !isEnding && !isInterruptible(fiberOf(flight))) hold(self, flight)
  abandon(self, flight)
  // The lease is released before the flight ends, because the finalizers of the load may take a long time.
  if (self.ending.get(flight.id) !== flight) release(self, flight)
}

const cancel = (self: Flights, flight: Flight): void => {
  unregister(self, flight)
  // The flight that this one waits for may run for a long time, and must not keep the cancelled flight in its list.
  for (const before of flight.attempt.waitsOn?.keys() ?? []) remove(before.after ?? [], flight)
  dropFlight(self, flight)
  startNext(self, flight)
}

const remove = (list: Array<Flight>, flight: Flight): void => {
  const place = list.indexOf(flight)
  if (place >= 0) list.splice(place, 1)
}

export const fiberOf = (flight: Flight): {} | undefined => flight.request.batch?.fiberOf(flight) ?? flight.fiber

/** Whether an interruption stops the load at once. Finalizers may still take time, but they load nothing. */
export const isInterruptible = (fiber: {} | undefined): boolean =>
  // `interruptible` is an internal field of a fiber. If the field is missing, the load counts as uninterruptible.
  (fiber as { readonly interruptible?: boolean } | undefined)?.interruptible === true

/** Holds the id and lease while an abandoned load ignores its interruption, but not forever: the load may hang. */
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
  if (flight.exit !== undefined) return
  flight.limit ??= after(flight, self.refreshing.timeoutMillis, () => {
    flight.limit = undefined
    if (flight.phase === "Storing" && Job.isWaiting(flight.starter.context)) return limitUnattended(self, flight)
    flight.pinned = false
    leaveUnit(self, flight)
    if (flight.exit !== undefined) return
    if (flight.callers.size > 0) {
      return self.work.restartIfOutlasted(self, flight, undefined, self.time.now(flight.starter.clock))
    }
    flight.ranTooLong = true
    // The pause begins now and not when the flight has ended, so that later changes of the id end the pause.
    if (isStorable(self, flight)) {
      const now = self.time.now(flight.starter.clock)
      holdOff(self, flight.id, now, rulesOf(self, flight.request).retryAfterMillis)
    }
    endIfUnneeded(self, flight)
  })
}

const after = (flight: Flight, millis: number, run: () => void) =>
  Effect.runForkWith(flight.starter.context)(Effect.andThen(Effect.sleep(millis), Effect.sync(run)))

/** Stops renewing a flight's lease. Releases the lease, with a note of `failure`, unless the commit has ended it. */
export const releaseLease = (flight: Flight, failure?: Exit.Failure<unknown, unknown>): void => {
  const { lease } = flight
  if (lease === undefined) return
  flight.lease = undefined
  lease.renewal?.interruptUnsafe()
  if (!lease.isStored) lease.release(flight, failure)
}
