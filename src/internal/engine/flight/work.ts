/**
 * The work loop answers callers, interrupts abandoned flights and starts flights. There is only one loop, because
 * nested loads would otherwise nest run loops without limit. After a limited number of jobs, the scheduler continues
 * the loop, because a chain of loads that end at once would otherwise block all other fibers and timers.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scheduler from "effect/Scheduler"
import { jobsOfTurn } from "../../defaults/bounds.ts"
import { Behind, Fifo } from "../../fifo.ts"
import { lastingDispatcher } from "../../time/lastingDispatcher.ts"
import type { Caller, Flight, Flights, Work, WorkActions } from "../state.ts"

export const makeWork = (actions: WorkActions, context: Context.Context<never>): Work => ({
  ...actions,
  ended: new Fifo(),
  starting: new Fifo(),
  dispatcher: lastingDispatcher(Context.get(context, Scheduler.Scheduler)),
  isWorking: false,
  isScheduled: false
})

/** Answers the callers of an ended flight. While another flight's callers are being answered, queues the flight. */
export const answerAll = (self: Flights, flight: Flight): void => {
  self.work.ended.push(flight)
  workInline(self)
}

/** Like `answerAll`, for callers that do not wait for the write of the result (`waitForWrite: false`). */
export const answerBehind = (self: Flights, flight: Flight): void => {
  if (flight.callers.size === 0) return
  self.work.ended.push(new Behind(flight.callers))
  workInline(self)
}

export const answerIfBehind = (self: Flights, caller: Caller): void => {
  if (!self.storeReads!.isBehind(self, caller)) return
  self.work.ended.push(new Behind([caller]))
  workInline(self)
}

export const abandon = (self: Flights, flight: Flight): void => {
  flight.abandoned = true
  if (flight.fiber === undefined) return
  self.work.ended.push(flight)
  workInline(self)
}

export const startLater = (
  self: Flights,
  flight: Flight,
  dispatcher: Scheduler.SchedulerDispatcher = self.work.dispatcher
): void => {
  self.work.starting.push(flight)
  schedule(self, dispatcher)
}

const workInline = (self: Flights): void => {
  // Earlier work that waits for the scheduler must be done first.
  if (self.work.isWorking || self.work.ended.size > 1) return
  work(self, endNext)
}

const schedule = (self: Flights, dispatcher: Scheduler.SchedulerDispatcher): void => {
  if (self.work.isScheduled) return
  self.work.isScheduled = true
  dispatcher.scheduleTask(() => {
    self.work.isScheduled = false
    work(self, next)
  }, 0)
}

const work = (self: Flights, job: (self: Flights) => boolean): void => {
  const { work } = self
  if (work.isWorking) return
  work.isWorking = true
  // For a private reader, a later turn may belong to another request or never come, so all jobs run in this turn.
  let left = self.isPrivate ? Infinity : jobsOfTurn
  try {
    while (left > 0 && job(self)) left--
  } finally {
    work.isWorking = false
  }
  if (work.ended.size > 0 || work.starting.size > 0) schedule(self, work.dispatcher)
}

const next = (self: Flights): boolean => endNext(self) || startNext(self)

const endNext = (self: Flights): boolean => {
  const { ended } = self.work
  for (let flight = ended.peek(); flight !== undefined; flight = ended.peek()) {
    if (flight instanceof Behind) {
      if (answerNextOf(self, flight)) return true
      ended.shift()
      continue
    }
    if (flight.exit === undefined) {
      ended.shift()
      flight.fiber?.interruptUnsafe()
      return true
    }
    const caller = flight.callers.next()
    if (caller !== undefined) {
      respond(self, caller)
      return true
    }
    ended.shift()
    flight.callers.clear()
  }
  return false
}

const answerNextOf = (self: Flights, { callers }: Behind<Caller>): boolean => {
  for (let step = callers.next(); step.done !== true; step = callers.next()) {
    const caller = step.value
    const { flight } = caller
    if (!flight.callers.has(caller) || !self.storeReads!.isBehind(self, caller)) continue
    flight.callers.delete(caller)
    respond(self, caller)
    return true
  }
  return false
}

const respond = (self: Flights, caller: Caller): void => {
  try {
    self.work.respond(self, caller)
  } catch (defect) {
    // The caller's strategy threw. The exception fails only this caller.
    caller.resume(Effect.die(defect))
  }
}

const startNext = (self: Flights): boolean => {
  const flight = self.work.starting.shift()
  if (flight === undefined) return false
  // A caller that joined may already have started the flight, or the flight may have been dropped.
  if (flight.phase === "Queued") self.work.start(self, flight)
  return true
}
