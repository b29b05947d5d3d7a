/**
 * Runs background refreshes. A unit is one flight, or all flights of a batch. At most `concurrency` units run at once.
 * The most recently requested unit starts first, because recently read entries are the likeliest to be read again.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { SchedulerDispatcher } from "effect/Scheduler"
import { queuedRefreshes } from "../../defaults/bounds.ts"
import type { Entry } from "../memory/entry.ts"
import * as Policy from "../request/callPolicy.ts"
import { holdOff, isThrottled } from "../request/throttle.ts"
import type { Flight, Flights, ReadContext, Request, Unit } from "../state.ts"
import * as Job from "../telemetry/job.ts"
import { tellRefresh } from "../telemetry/tell.ts"
import { makeFlight } from "./flight.ts"
import { isKeptAlive, keepAlive } from "./waitUntil.ts"
import { startLater } from "./work.ts"

export const makeUnit = (): Unit => ({ flights: new Set(), isPromoted: false })

interface RefreshOptions {
  readonly starter: ReadContext
  readonly request: Request
  readonly id: string
  readonly entry: Entry
  readonly mutations: number
  readonly now: number
}

/** Starts the refresh of an entry from the scheduler, so that the read that requested the refresh does not wait. */
export const refresh = (self: Flights, options: RefreshOptions, fiber?: Fiber.Fiber<any, any>): void => {
  const unit = makeUnit()
  enqueue(self, options, unit)
  offer(self, unit, fiber?.currentDispatcher)
}

/** Adds a refresh to a unit, unless the id is loading, pauses after a failure, or may have changed since the read. */
export const enqueue = (self: Flights, options: RefreshOptions, unit: Unit): void => {
  const { entry, id, mutations, now, request, starter } = options
  const running = self.flights.get(id)
  if (running !== undefined) return askedAgain(self, running)
  if (self.closed || mutations !== self.mutations || self.ending.has(id) || !isKeptAlive(self, starter)) return
  if (isThrottled(self, request, id, now)) return
  const flight = makeFlight(self, {
    id,
    request,
    starter,
    policy: Policy.standard,
    parent: undefined,
    refresh: true,
    readsStore: false,
    stale: entry,
    rejectedWriteId: entry.writeId
  })
  flight.unit = unit
  Job.note(starter.context, "refreshes", 1)
  unit.flights.add(flight)
  if (!self.isPrivate) self.flights.set(flight)
  tellRefresh(self, flight)
}

const askedAgain = ({ refreshing: { queue } }: Flights, { unit }: Flight): void => {
  if (unit !== undefined && queue.delete(unit)) queue.add(unit)
}

/** Queues a unit. If the queue is full, drops its oldest unit. Later reads can request the dropped refreshes again. */
export const offer = (self: Flights, unit: Unit, dispatcher?: SchedulerDispatcher): void => {
  if (unit.flights.size === 0) return
  if (self.isPrivate) return handOver(self, unit)
  // The caller must not wait for a slot: its flight may need the others of the unit, as in a bulk call.
  if (unit.isPromoted) {
    for (const flight of unit.flights) startLater(self, flight, dispatcher)
    return
  }
  const { queue } = self.refreshing
  queue.add(unit)
  takeSlots(self, dispatcher)
  if (queue.size <= queuedRefreshes) return
  const [oldest] = queue
  drop(self, oldest!)
}

/** Hands a private reader's unit to the platform. No slot is taken, because a cancelled request would not free it. */
const handOver = (self: Flights, unit: Unit): void => {
  const flights = Array.from(unit.flights)
  const { starter } = flights[0]!
  const now = self.time.now(starter.clock)
  for (const { id } of flights) holdOff(self, id, now, self.refreshing.timeoutMillis)
  // The refresh must not start inside the read that requested it.
  const begin = Effect.andThen(Effect.yieldNow, Effect.sync(() => startAll(self, flights)))
  if (keepAlive(self, starter, flights, begin)) return
  for (const { id } of flights) self.retryAt.delete(id)
  drop(self, unit)
}

const takeSlots = (self: Flights, dispatcher?: SchedulerDispatcher): void => {
  const { concurrency, queue, running } = self.refreshing
  while (running.size < concurrency && queue.size > 0) {
    const unit = newestOf(queue)
    queue.delete(unit)
    running.add(unit)
    for (const flight of unit.flights) startLater(self, flight, dispatcher)
  }
}

const newestOf = (queue: ReadonlySet<Unit>): Unit => {
  let newest: Unit | undefined
  for (const unit of queue) newest = unit
  return newest!
}

/** Dequeues a refresh that a caller has joined. Returns the flights of its unit, which then start without a slot. */
export const promote = (self: Flights, { unit }: Flight): Iterable<Flight> => {
  if (unit === undefined) return []
  unit.isPromoted = true
  self.refreshing.queue.delete(unit)
  return Array.from(unit.flights)
}

export const startAll = (self: Flights, flights: Iterable<Flight>): void => {
  for (const flight of flights) if (flight.phase === "Queued") self.work.start(self, flight)
}

/** Removes a flight from its unit, after the flight has ended, has run too long or has become unjoinable. */
export const leaveUnit = (self: Flights, flight: Flight): void => {
  const { unit } = flight
  if (unit === undefined) return
  flight.unit = undefined
  Job.note(flight.starter.context, "refreshes", -1)
  unit.flights.delete(flight)
  if (unit.flights.size === 0) freeSlot(self, unit)
}

/** Frees a unit's slot, or removes the unit from the queue. Only this function frees slots. */
const freeSlot = (self: Flights, unit: Unit): void => {
  const { queue, running } = self.refreshing
  queue.delete(unit)
  if (running.delete(unit)) takeSlots(self)
}

export const forgetRefresh = (self: Flights, entry: Entry): void => {
  if (self.refreshing.queue.size === 0) return
  const flight = self.flights.get(entry.id)
  if (flight?.unit === undefined || flight.stale !== entry || !self.refreshing.queue.has(flight.unit)) return
  dropFlight(self, flight)
}

const drop = (self: Flights, unit: Unit): void => {
  for (const flight of unit.flights) dropFlight(self, flight)
}

export const dropFlight = (self: Flights, flight: Flight): void => {
  flight.phase = "Ended"
  flight.limit?.interruptUnsafe()
  self.flights.delete(flight)
  flight.request.batch?.drop(flight, self.work.dispatcher)
  leaveUnit(self, flight)
}
