/** The callers of a flight: how each waits, gives up, or is answered. */
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { LoadTimeout } from "../../../CacheError.ts"
import { toMillis } from "../../../Ttl.ts"
import type { Entry } from "../memory/entry.ts"
import type { Fault } from "../storeTier/storeTier.ts"
import { strictly } from "../storeTier/strict.ts"
import { noteMiss } from "../telemetry/events.ts"
import * as Policy from "./callPolicy.ts"
import { nowOf, type ReadContext, readContextOf } from "./context.ts"
import type { Caller, Flight, Resume } from "./flight.ts"
import type { Flights } from "./flights.ts"
import { abandon } from "./loops.ts"
import {
  isLimited,
  isOlder,
  noteFallback,
  noteFound,
  noteLoaded,
  orStale,
  retryRead,
  usableStale,
  wantsLoad
} from "./outcome.ts"
import { makeRoom } from "./refreshQueue.ts"
import { releaseLease } from "./releaseLease.ts"
import type { Request } from "./request.ts"
import { addEdge, removeEdge } from "./waitGraph.ts"

interface Waiting {
  readonly flight: Flight
  readonly request: Request
  readonly stale: Entry | undefined
  /** another has started the flight */
  readonly joined: boolean
  readonly resume: Resume
}

/** A waiter that is also the effect of its own interruption: while a popular key loads there are thousands of them. */
class CallerEffect extends Effectable.Class<void> implements Caller {
  readonly engine: Flights
  readonly flight: Flight
  readonly request: Request
  readonly policy: Policy.Policy
  readonly within: Flight | undefined
  readonly joinedAt: number
  readonly since: number
  readonly stale: Entry | undefined
  readonly joined: boolean
  readonly resume: Resume
  timers: ReadonlyArray<Fiber.Fiber<unknown>>
  impatient: boolean
  place: number

  constructor(engine: Flights, surroundings: ReadContext, waiting: Waiting) {
    super()
    this.engine = engine
    this.flight = waiting.flight
    this.request = waiting.request
    this.policy = surroundings.policy
    this.within = surroundings.within
    this.joinedAt = engine.tagEpochs.epoch
    this.since = isLimited(waiting.request) ? surroundings.clock.currentTimeMillisUnsafe() : 0
    this.stale = waiting.stale
    this.joined = waiting.joined
    this.resume = waiting.resume
    this.timers = noTimers
    this.impatient = false
    this.place = 0
  }

  override asEffect(): Effect.Effect<void> {
    return interrupted(this.engine, this)
  }
}

/** Counts a caller in: the flight lives at least as long as it waits. */
export const wait = (self: Flights, fiber: Fiber.Fiber<any, any>, waiting: Waiting): CallerEffect => {
  const caller = new CallerEffect(self, readContextOf(self, fiber), waiting)
  caller.flight.callers.add(caller)
  addEdge(caller.within, caller.flight)
  return caller
}

const noTimers: ReadonlyArray<Fiber.Fiber<unknown>> = []

/** Starts the caller's own limits, and says what its interruption does. */
export const untilAnswered = (
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  caller: CallerEffect
): Effect.Effect<void> | void => {
  if (!caller.flight.callers.has(caller)) return
  if (isLimited(caller.request)) startTimers(self, fiber, caller)
  return caller
}

const startTimers = (self: Flights, fiber: Fiber.Fiber<any, any>, waiter: Caller): void => {
  const { softTimeout, timeout } = waiter.request.options
  const after = (millis: number, run: () => void): Fiber.Fiber<unknown> =>
    Effect.runForkWith(fiber.context)(Effect.andThen(Effect.sleep(millis), Effect.sync(run)))
  waiter.timers = [
    ...softTimeout === undefined ? [] : [after(toMillis(softTimeout), () => softlyTimedOut(self, fiber, waiter))],
    ...timeout === undefined ? [] : [after(toMillis(timeout), () => timedOut(self, fiber, waiter, toMillis(timeout)))]
  ]
}

export const removeCaller = (waiter: Caller): void => {
  const { flight, request, within } = waiter
  flight.callers.delete(waiter)
  removeEdge(within, flight)
  // who does not wait for the store's answer has found nothing
  if (flight.askingStore) noteMiss(flight.engine, request.key, flight.id)
  stopTimers(waiter)
}

const stopTimers = (waiter: Caller): void => {
  for (const timer of waiter.timers) timer.interruptUnsafe()
  waiter.timers = noTimers
}

/** with its last caller an unpinned load ends */
const stopIfUnattended = (self: Flights, flight: Flight): void => {
  if (flight.callers.size > 0 || flight.exit !== undefined) return
  if (flight.pinned) return limitUnattended(self, flight)
  flight.storable = false
  // retired before it is interrupted, and both in this step: a new reader must not join a load that is ending
  unregister(self, flight)
  abandon(self.loops, flight)
  // it may take its time to end, or never do so
  releaseLease(flight)
}

/** What nobody waits for any more may run on, but not for ever: past the limit its id is free for another load. */
export const limitUnattended = (self: Flights, flight: Flight): void => {
  if (flight.unattendedLimit !== undefined || flight.exit !== undefined) return
  flight.unattendedLimit = Effect.runForkWith(flight.context)(
    Effect.andThen(
      Effect.sleep(self.refreshing.timeoutMillis),
      Effect.sync(() => {
        flight.unattendedLimit = undefined
        flight.pinned = false
        // who waits for it now waits as for any other load
        if (flight.callers.size > 0 || flight.exit !== undefined) return
        flight.timedOutUnattended = true
        stopIfUnattended(self, flight)
        makeRoom(self, flight)
      })
    )
  )
}

export const unregister = (self: Flights, flight: Flight): void => {
  if (self.flights.get(flight.id) === flight) self.flights.delete(flight.id)
}

/** an interrupted caller that was the last waits for the load's finalizers, like any parent for its child */
const interrupted = (self: Flights, waiter: Caller): Effect.Effect<void> => {
  const { flight } = waiter
  removeCaller(waiter)
  stopIfUnattended(self, flight)
  if (flight.callers.size > 0 || flight.pinned || flight.exit !== undefined || flight.fiber === undefined) {
    return Effect.void
  }
  return Effect.callback((resume) => {
    if (flight.exit !== undefined) return resume(Effect.void)
    // resumed from the landing loop like every other
    flight.callers.add({ ...waiter, within: undefined, policy: Policy.standard, resume: () => resume(Effect.void) })
  })
}

const softlyTimedOut = (self: Flights, fiber: Fiber.Fiber<any, any>, waiter: Caller): void => {
  const stale = usableStale(self, waiter, nowOf(fiber))
  waiter.impatient = true
  if (stale !== undefined) serveStale(self, waiter, stale)
}

/** A stale value was found after some callers' patience had run out. */
export const satisfyImpatient = (self: Flights, flight: Flight, now: number): void => {
  for (const waiter of flight.callers) {
    if (!waiter.impatient) continue
    const stale = usableStale(self, waiter, now)
    if (stale !== undefined) serveStale(self, waiter, stale)
  }
}

const serveStale = (self: Flights, waiter: Caller, stale: Entry): void => {
  removeCaller(waiter)
  waiter.flight.pinned = true
  stopIfUnattended(self, waiter.flight)
  noteFallback(self, waiter, stale)
  waiter.resume(stale.exit)
}

const timedOut = (self: Flights, fiber: Fiber.Fiber<any, any>, waiter: Caller, timeoutMillis: number): void => {
  const error = new LoadTimeout({ key: waiter.flight.id, timeoutMillis })
  removeCaller(waiter)
  stopIfUnattended(self, waiter.flight)
  waiter.resume(orStale(self, waiter, Exit.fail(error), nowOf(fiber)))
}

/** The store has failed a flight: a strict caller learns of it at once. */
export const failStrict = (self: Flights, flight: Flight, fault: Fault): void => {
  flight.fault = fault
  for (const waiter of flight.callers) {
    if (!waiter.policy.strict) continue
    removeCaller(waiter)
    waiter.resume(strictly(fault))
  }
  stopIfUnattended(self, flight)
}

/** Gives a caller what its flight has brought. */
export const respond = (self: Flights, waiter: Caller, now: number): void => {
  const { flight } = waiter
  removeEdge(waiter.within, flight)
  stopTimers(waiter)
  const exit = flight.exit!
  if (waiter.policy.strict && flight.fault !== undefined) return waiter.resume(strictly(flight.fault))
  if (waiter.joinedAt !== flight.bornAt && isOlder(self, flight)) return waiter.resume(retryRead(waiter, now))
  if (flight.served && waiter.request !== flight.request && wantsLoad(waiter, now)) {
    return waiter.resume(retryRead(waiter, now))
  }
  if (flight.served) {
    noteFound(self, waiter, now)
    return waiter.resume(exit)
  }
  if (flight.derivedFromStale && waiter.within !== undefined) waiter.within.derivedFromStale = true
  const outcome = orStale(self, waiter, exit, now)
  if (outcome === exit && waiter.policy.detector !== undefined) noteLoaded(waiter, exit, now)
  waiter.resume(outcome)
}
