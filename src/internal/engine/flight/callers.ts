/** How each caller of a flight waits, times out, is interrupted, and is answered. */
import { noteCaller } from "#platform/engine/derived/dependencies"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Tracer from "effect/Tracer"
import { LoadTimeout } from "../../../CacheError.ts"
import { writesBehind } from "../../defaults/bounds.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import { recordLoaded } from "../derived/recorder.ts"
import type { Entry } from "../memory/entry.ts"
import * as Policy from "../request/callPolicy.ts"
import { noContext, readContextOf, wallNow } from "../request/context.ts"
import { optionOf, rulesOf } from "../request/rules.ts"
import { strictly } from "../request/strict.ts"
import type { Attempt, Caller, Flight, Flights, ReadContext, Request, Resume } from "../state.ts"
import { type Fault, isFar } from "../storeTier/storeTier.ts"
import * as Job from "../telemetry/job.ts"
import { tellMiss } from "../telemetry/tell.ts"
import { endIfUnneeded } from "./ending.ts"
import { isAskingStore, isDerivedFromStale } from "./flight.ts"
import { isOlder, noteFallback, noteLoaded, orStale, retryRead, staleOrDefect } from "./outcome.ts"
import { restartIfOutlasted } from "./patience.ts"
import { addEdge, removeEdge } from "./waitGraph.ts"
import { keepAlive } from "./waitUntil.ts"

interface Waiting {
  readonly flight: Flight
  readonly request: Request
  /** Computed once per request, because V8 is slow to read option objects, which have many different shapes. */
  readonly hasTimeouts: boolean
  readonly stale: Entry | undefined
  readonly joined: boolean
  readonly resume: Resume
}

/** Moves a flight from `AskingStore` to `AwaitingLease`: the store has no entry that the flight can use. */
export const missed = (self: Flights, flight: Flight): void => {
  if (flight.phase !== "AskingStore") return
  flight.phase = "AwaitingLease"
  // The loop uses a copy of the callers, because a listener that is notified of a miss may add a caller.
  for (const { request } of Array.from(flight.callers)) tellMiss(self, request.key, flight.id)
}

const noTimers: ReadonlyArray<Fiber.Fiber<unknown>> = []

/** A caller, which is also the effect that runs if the caller is interrupted. This saves one object per caller. */
class CallerEffect extends Effectable.Class<void> implements Caller {
  readonly engine: Flights
  flight: Flight
  readonly request: Request
  readonly policy: Policy.Policy
  readonly context: ReadContext
  readonly within: Attempt | undefined
  joinedAt: number
  readonly since: number | undefined
  readonly span: Tracer.AnySpan | undefined
  readonly stale: Entry | undefined
  readonly joined: boolean
  declare isEarly?: boolean
  readonly resume: Resume
  timers: ReadonlyArray<Fiber.Fiber<unknown>>
  pastSoftTimeout: boolean
  place: number

  /** Keeps one instance alive, because V8 discards a class's shape and optimized code with its last instance. */
  static readonly one = new CallerEffect({ tagEpochs: { epoch: 0 }, readDefaults: {} } as Flights, noContext, {
    flight: undefined as never,
    request: { options: {} } as Request,
    hasTimeouts: false,
    stale: undefined,
    joined: false,
    resume: () => {}
  })

  constructor(engine: Flights, context: ReadContext, waiting: Waiting) {
    super()
    this.engine = engine
    this.flight = waiting.flight
    this.request = waiting.request
    this.policy = context.policy
    this.context = context
    this.within = context.within
    this.joinedAt = engine.tagEpochs.epoch
    this.span = context.span
    this.since = waiting.hasTimeouts || context.span !== undefined ? monotonicMillis(context.clock) : undefined
    this.stale = waiting.stale
    this.joined = waiting.joined
    this.resume = waiting.resume
    this.timers = noTimers
    this.pastSoftTimeout = false
    this.place = 0
  }

  override asEffect(): Effect.Effect<void> {
    return interrupted(this.engine, this)
  }
}

/** Adds a caller to a flight. The flight keeps running while the caller waits. */
export const wait = (self: Flights, fiber: Fiber.Fiber<any, any>, waiting: Waiting): CallerEffect => {
  const caller = new CallerEffect(self, readContextOf(self, fiber), waiting)
  caller.flight.callers.add(caller)
  addEdge(caller.within, caller.flight)
  noteCaller(self, caller)
  waiting.request.followed?.(caller.flight.request)
  return caller
}

export const interruptible = (
  self: Flights,
  fiber: Fiber.Fiber<any, any>,
  caller: CallerEffect
): Effect.Effect<void> | void => {
  if (!caller.flight.callers.has(caller)) return
  if (caller.since !== undefined) startTimers(self, fiber, caller)
  return caller
}

const startTimers = (self: Flights, fiber: Fiber.Fiber<any, any>, caller: Caller): void => {
  const { softTimeoutMillis, timeoutMillis } = rulesOf(self, caller.request)
  const after = (millis: number, run: () => void): Fiber.Fiber<unknown> =>
    Effect.runForkWith(fiber.context)(Effect.andThen(Effect.sleep(millis), Effect.sync(run)))
  caller.timers = [
    ...softTimeoutMillis === undefined ? [] : [after(softTimeoutMillis, () => softlyTimedOut(self, fiber, caller))],
    ...timeoutMillis === undefined ? [] : [after(timeoutMillis, () => timedOut(self, fiber, caller, timeoutMillis))]
  ]
}

const removeCaller = (caller: Caller): void => {
  const { context, flight, joined, request, within } = caller
  flight.callers.delete(caller)
  removeEdge(within, flight)
  // The caller that started the flight, or whose services its load has since it runs again.
  if (!joined || context === flight.starter) flight.isOrphan = true
  // A caller that leaves before the store has answered counts as a miss.
  if (isAskingStore(flight)) tellMiss(flight.engine, request.key, flight.id)
  stopTimers(caller)
}

const stopTimers = (caller: Caller): void => {
  if (caller.timers === noTimers) return
  for (const timer of caller.timers) timer.interruptUnsafe()
  caller.timers = noTimers
}

/** Removes an interrupted caller. The last caller waits for the load's finalizers, as a parent waits for its child. */
const interrupted = (self: Flights, caller: Caller): Effect.Effect<void> => {
  const { flight } = caller
  removeCaller(caller)
  endIfUnneeded(self, flight)
  if (flight.callers.size > 0 || flight.pinned || flight.exit !== undefined || flight.fiber === undefined) {
    return Effect.void
  }
  return Effect.callback((resume) => {
    if (flight.exit !== undefined) return resume(Effect.void)
    // The caller is added again, so that `respond` resumes it at the flight's end like any other caller.
    flight.callers.add({ ...caller, within: undefined, policy: Policy.standard, resume: () => resume(Effect.void) })
  })
}

const softlyTimedOut = (self: Flights, fiber: Fiber.Fiber<any, any>, caller: Caller): void => {
  caller.pastSoftTimeout = true
  serveIfStale(self, caller, wallNow(self, fiber))
}

export const serveStaleToLate = (self: Flights, flight: Flight, now: number): void => {
  for (const caller of flight.callers) {
    if (caller.pastSoftTimeout) serveIfStale(self, caller, now)
  }
}

const serveIfStale = (self: Flights, caller: Caller, now: number): void => {
  const stale = staleOrDefect(self, caller, now)
  if (stale === undefined) return
  if (!Exit.isExit(stale)) return serveStale(self, caller, { stale, now })
  removeCaller(caller)
  endIfUnneeded(self, caller.flight)
  caller.resume(stale)
}

const serveStale = (
  self: Flights,
  caller: Caller,
  { now, stale }: { readonly now: number; readonly stale: Entry }
): void => {
  removeCaller(caller)
  const { flight } = caller
  flight.pinned = !self.isPrivate || flight.pinned || keepAlive(self, flight.starter, [flight])
  endIfUnneeded(self, flight)
  noteFallback(self, caller, { stale, now })
  caller.resume(stale.exit)
}

const timedOut = (self: Flights, fiber: Fiber.Fiber<any, any>, caller: Caller, timeoutMillis: number): void => {
  const error = new LoadTimeout({ key: caller.flight.id, timeoutMillis })
  removeCaller(caller)
  if (caller.flight.callers.size > 0) restartIfOutlasted(self, caller.flight, caller.request, wallNow(self, fiber))
  endIfUnneeded(self, caller.flight)
  caller.resume(orStale(self, caller, Exit.fail(error), wallNow(self, fiber)))
}

const leaveBehind = (self: Flights, flight: Flight): void => {
  if (!flight.isBehind) self.behind++
  flight.isBehind = true
  endIfUnneeded(self, flight)
}

export const answerNow = (caller: Caller, answer: Effect.Effect<unknown, unknown>): void => {
  removeCaller(caller)
  caller.resume(answer)
}

export const failStrict = (self: Flights, flight: Flight, fault: Fault): void => {
  flight.fault = fault
  for (const caller of flight.callers) {
    if (caller.policy.strict) answerNow(caller, strictly(fault))
  }
  endIfUnneeded(self, flight)
}

/** Whether a caller may get the value before it is stored. The number of flights with such callers is limited. */
export const isBehind = (self: Flights, caller: Caller): boolean => {
  const { flight, policy, request } = caller
  // A private flight's callers wait, because the platform could cancel the write once their request has finished.
  return flight.loaded !== undefined && !policy.strict && !self.isPrivate &&
    Context.get(caller.context.context, Job.Current) === undefined &&
    !(optionOf(self, request, "waitForWrite") ?? waitsByDefault(self, caller)) &&
    (flight.isBehind || self.behind < writesBehind) && !mustReadAgain(self, caller)
}

/** Callers wait for near stores, for a stream's pages, and for a version that a derived entry needs from the write. */
const waitsByDefault = ({ storeTier }: Flights, { request, within }: Caller): boolean =>
  !isFar(storeTier!) || within?.dependencies !== undefined || request.followed !== undefined

/** Whether a caller must read again, because it joined after an invalidation that the loaded value may predate. */
const mustReadAgain = (self: Flights, caller: Caller): boolean =>
  caller.joinedAt > caller.flight.bornAt && isOlder(self, caller)

export const respond = (self: Flights, caller: Caller): void => {
  const { flight } = caller
  removeEdge(caller.within, flight)
  stopTimers(caller)
  if (flight.exit === undefined) leaveBehind(self, flight)
  const exit = flight.exit ?? flight.loaded!
  const now = flight.endedAt
  if (caller.policy.strict && flight.fault !== undefined) return caller.resume(strictly(flight.fault))
  if (mustReadAgain(self, caller)) return caller.resume(retryRead(caller))
  if (flight.found !== undefined) {
    return caller.resume(self.storeReads!.foundOrRetry(self, caller, flight.found))
  }
  if (caller.within !== undefined) {
    recordLoaded(caller.within, flight)
    if (isDerivedFromStale(flight)) caller.within.fromStale = true
  }
  const outcome = orStale(self, caller, exit, now)
  if (outcome === exit) noteLoaded(caller, exit, now)
  caller.resume(outcome)
}
