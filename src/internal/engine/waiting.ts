import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import { LoadTimeout } from "../../CacheError.ts"
import { Load, LoadOrStale } from "../../Strategy.ts"
import { toMillis } from "../../Ttl.ts"
import type { Entry } from "./entry.ts"
import { abandon, addEdge, type Fault, type Flight, removeEdge, type Resume, type Waiter, Within } from "./flight.ts"
import { giveBack } from "./giveBack.ts"
import type { Engine } from "./model.ts"
import { detect, noteMiss, tell } from "./observe.ts"
import * as Policy from "./policy.ts"
import { makeRoom } from "./refresh.ts"
import type { Request } from "./request.ts"
import { decideAt, slide } from "./serve.ts"
import { strictly } from "./strict.ts"
import * as Tags from "./tags.ts"

export const nowOf = (fiber: Fiber.Fiber<any, any>): number => fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()

/** What every read takes from the context of its fiber. */
export interface Surroundings {
  readonly context: Context.Context<never>
  readonly policy: Policy.Policy
  readonly clock: Clock.Clock
  /** the flight that the fiber is a part of */
  readonly within: Flight | undefined
  readonly span: Tracer.AnySpan | undefined
}

/** Kept for the next read: many come from one context, and to look up a reference that is not set costs as much as a hit. */
export const surroundingsOf = (self: Engine, fiber: Fiber.Fiber<any, any>): Surroundings => {
  const last = self.surroundings
  return last?.context === fiber.context ? last : self.surroundings = {
    context: fiber.context,
    policy: fiber.getRef(Policy.Current),
    clock: fiber.getRef(Clock.Clock),
    within: fiber.getRef(Within),
    span: Context.getOrUndefined(fiber.context as Context.Context<never>, Tracer.ParentSpan)
  }
}

export interface Waiting {
  readonly flight: Flight
  readonly request: Request
  readonly stale: Entry | undefined
  /** another has started the flight */
  readonly joined: boolean
  readonly resume: Resume
}

/** A waiter that is also the effect of its own interruption: while a popular key loads there are thousands of them. */
class Caller extends Effectable.Class<void> implements Waiter {
  readonly engine: Engine
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

  constructor(engine: Engine, surroundings: Surroundings, waiting: Waiting) {
    super()
    this.engine = engine
    this.flight = waiting.flight
    this.request = waiting.request
    this.policy = surroundings.policy
    this.within = surroundings.within
    this.joinedAt = engine.tags.epoch
    this.since = isLimited(waiting.request) ? surroundings.clock.currentTimeMillisUnsafe() : 0
    this.stale = waiting.stale
    this.joined = waiting.joined
    this.resume = waiting.resume
    this.timers = noTimers
    this.impatient = false
    this.place = 0
  }

  override asEffect(): Effect.Effect<void> {
    return leave(this.engine, this)
  }
}

/** Counts a caller in: the flight lives at least as long as it waits. */
export const wait = (self: Engine, fiber: Fiber.Fiber<any, any>, waiting: Waiting): Caller => {
  const caller = new Caller(self, surroundingsOf(self, fiber), waiting)
  caller.flight.waiters.add(caller)
  addEdge(caller.within, caller.flight)
  return caller
}

export const isLimited = ({ options }: Request): boolean =>
  options.softTimeout !== undefined || options.timeout !== undefined

const noTimers: ReadonlyArray<Fiber.Fiber<unknown>> = []

/** Starts the caller's own limits, and says what its interruption does. */
export const untilAnswered = (
  self: Engine,
  fiber: Fiber.Fiber<any, any>,
  caller: Caller
): Effect.Effect<void> | void => {
  if (!caller.flight.waiters.has(caller)) return
  if (isLimited(caller.request)) startTimers(self, fiber, caller)
  return caller
}

const startTimers = (self: Engine, fiber: Fiber.Fiber<any, any>, waiter: Waiter): void => {
  const { softTimeout, timeout } = waiter.request.options
  const after = (millis: number, run: () => void): Fiber.Fiber<unknown> =>
    Effect.runForkWith(fiber.context)(Effect.andThen(Effect.sleep(millis), Effect.sync(run)))
  waiter.timers = [
    ...softTimeout === undefined ? [] : [after(toMillis(softTimeout), () => softlyTimedOut(self, fiber, waiter))],
    ...timeout === undefined ? [] : [after(toMillis(timeout), () => timedOut(self, fiber, waiter, toMillis(timeout)))]
  ]
}

export const depart = (waiter: Waiter): void => {
  const { flight, request, within } = waiter
  flight.waiters.delete(waiter)
  removeEdge(within, flight)
  // who does not wait for the store's answer has found nothing
  if (flight.looking) noteMiss(flight.engine, request, flight.id)
  stopTimers(waiter)
}

const stopTimers = (waiter: Waiter): void => {
  for (const timer of waiter.timers) timer.interruptUnsafe()
  waiter.timers = noTimers
}

/** with its last caller an unpinned load ends */
const release = (self: Engine, flight: Flight): void => {
  if (flight.waiters.size > 0 || flight.exit !== undefined) return
  if (flight.pinned) return limitUnattended(self, flight)
  flight.publishes = false
  // retired before it is interrupted, and both in this step: a new reader must not join a load that is ending
  retire(self, flight)
  abandon(self.loops, flight)
  // it may take its time to end, or never do so
  giveBack(self, flight)
}

/** What nobody waits for any more may run on, but not for ever: past the limit its id is free for another load. */
export const limitUnattended = (self: Engine, flight: Flight): void => {
  if (flight.limit !== undefined || flight.exit !== undefined) return
  flight.limit = Effect.runForkWith(flight.context)(
    Effect.andThen(
      Effect.sleep(self.refreshing.timeoutMillis),
      Effect.sync(() => {
        flight.limit = undefined
        flight.pinned = false
        // who waits for it now waits as for any other load
        if (flight.waiters.size > 0 || flight.exit !== undefined) return
        flight.overdue = true
        release(self, flight)
        makeRoom(self, flight)
      })
    )
  )
}

export const retire = (self: Engine, flight: Flight): void => {
  if (self.flights.get(flight.id) === flight) self.flights.delete(flight.id)
}

/** an interrupted caller that was the last waits for the load's finalizers, like any parent for its child */
const leave = (self: Engine, waiter: Waiter): Effect.Effect<void> => {
  const { flight } = waiter
  depart(waiter)
  release(self, flight)
  if (flight.waiters.size > 0 || flight.pinned || flight.exit !== undefined || flight.fiber === undefined) {
    return Effect.void
  }
  return Effect.callback((resume) => {
    if (flight.exit !== undefined) return resume(Effect.void)
    // resumed from the landing loop like every other
    flight.waiters.add({ ...waiter, within: undefined, policy: Policy.standard, resume: () => resume(Effect.void) })
  })
}

const softlyTimedOut = (self: Engine, fiber: Fiber.Fiber<any, any>, waiter: Waiter): void => {
  const stale = usableStale(self, waiter, nowOf(fiber))
  waiter.impatient = true
  if (stale !== undefined) serveStale(self, waiter, stale)
}

/** A stale value was found after some callers' patience had run out. */
export const satisfyImpatient = (self: Engine, flight: Flight, now: number): void => {
  for (const waiter of flight.waiters) {
    if (!waiter.impatient) continue
    const stale = usableStale(self, waiter, now)
    if (stale !== undefined) serveStale(self, waiter, stale)
  }
}

const serveStale = (self: Engine, waiter: Waiter, stale: Entry): void => {
  depart(waiter)
  waiter.flight.pinned = true
  release(self, waiter.flight)
  noteFallback(self, waiter, stale)
  waiter.resume(stale.exit)
}

const timedOut = (self: Engine, fiber: Fiber.Fiber<any, any>, waiter: Waiter, timeoutMillis: number): void => {
  const error = new LoadTimeout({ key: waiter.flight.id, timeoutMillis })
  depart(waiter)
  release(self, waiter.flight)
  waiter.resume(orStale(self, waiter, Exit.fail(error), nowOf(fiber)))
}

/** The store has failed a flight: a strict caller learns of it at once. */
export const failStrict = (self: Engine, flight: Flight, fault: Fault): void => {
  flight.fault = fault
  for (const waiter of flight.waiters) {
    if (!waiter.policy.strict) continue
    depart(waiter)
    waiter.resume(strictly(fault))
  }
  release(self, flight)
}

/** Gives a caller what its flight has brought. */
export const answer = (self: Engine, waiter: Waiter, now: number): void => {
  const { flight } = waiter
  removeEdge(waiter.within, flight)
  stopTimers(waiter)
  const exit = flight.exit!
  if (waiter.policy.strict && flight.fault !== undefined) return waiter.resume(strictly(flight.fault))
  if (waiter.joinedAt !== flight.bornAt && isOlder(self, flight)) return waiter.resume(again(waiter, now))
  if (flight.served && waiter.request !== flight.request && wantsLoad(waiter, now)) {
    return waiter.resume(again(waiter, now))
  }
  if (flight.served) {
    noteFound(self, waiter, now)
    return waiter.resume(exit)
  }
  if (flight.tainted && waiter.within !== undefined) waiter.within.tainted = true
  const outcome = orStale(self, waiter, exit, now)
  if (outcome === exit && waiter.policy.detector !== undefined) noteLoaded(waiter, exit, now)
  waiter.resume(outcome)
}

/** what a flight has found in the store, or has left in place because another process loads it */
const foundBy = ({ entry, stale }: Flight): Entry => (entry ?? stale)!

/** No load had to run. */
const noteFound = (self: Engine, { flight, policy, request, within }: Waiter, now: number): void => {
  const entry = foundBy(flight)
  entry.reads++
  if (flight.standsIn) entry.counters.stale++
  else entry.counters.storeHits++
  if (request.slides && policy.writes) slide(self, request, entry, now)
  if (self.watchers.events !== undefined) {
    tell(self, request.key, flight.id, flight.standsIn ? { _tag: "Stale" } : { _tag: "Hit", source: "store" })
  }
  const isStale = flight.standsIn || flight.tainted
  if (isStale && within !== undefined) within.tainted = true
  if (policy.detector !== undefined) {
    detect(policy, request, flight.id, { source: isStale ? "stale" : "store", entry, now })
  }
}

const noteLoaded = (
  { flight, joined, policy, request }: Waiter,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): void => {
  if (Exit.hasInterrupts(exit)) return
  const entry = flight.publishes && flight.policy.writes ? flight.entry : undefined
  detect(policy, request, flight.id, { source: joined ? "joined" : "load", entry, now })
}

/** A stale value stands in for what a caller waited for. */
const noteFallback = (self: Engine, { flight, policy, request, within }: Waiter, stale: Entry): void => {
  stale.counters.stale++
  stale.reads++
  if (within !== undefined) within.tainted = true
  if (self.watchers.events !== undefined) tell(self, request.key, flight.id, { _tag: "Stale" })
  if (policy.detector === undefined) return
  const now = Context.get(flight.context, Clock.Clock).currentTimeMillisUnsafe()
  detect(policy, request, flight.id, { source: "fallback", entry: stale, now })
}

/** what the store had is enough for who started the flight, but this caller's own strategy would have loaded */
const wantsLoad = ({ flight, policy, request }: Waiter, now: number): boolean => {
  if (!policy.readsStore) return true
  const decision = decideAt(request, foundBy(flight), now, () => 0)
  return decision === Load || decision === LoadOrStale
}

const again = (waiter: Waiter, now: number): Request => shortened(waiter.request, now - waiter.since)

/** the same request, after a part of the caller's own limits has passed */
export const shortened = (request: Request, millis: number): Request => {
  if (!isLimited(request)) return request
  const { options } = request
  const left = (limit: Duration.Input): number => Math.max(0, toMillis(limit) - millis)
  const value = {
    ...options,
    ...options.timeout === undefined ? {} : { timeout: left(options.timeout) },
    ...options.softTimeout === undefined ? {} : { softTimeout: left(options.softTimeout) }
  }
  return Object.create(request, { options: { value } }) as Request
}

/** a tag that was known only after the load was invalidated meanwhile: who came after that must not see the result */
const isOlder = (self: Engine, flight: Flight): boolean =>
  flight.entry === undefined
    ? Exit.isSuccess(flight.exit!) &&
      (typeof flight.request.options.tags === "function" || flight.annotations?.tags !== undefined || flight.renewed)
    : Tags.movedSince(self.tags, flight.entry.tags, flight.bornAt)

/** the outcome of a load, or the stale value where that may stand in for it */
const orStale = (
  self: Engine,
  waiter: Waiter,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): Effect.Effect<unknown, unknown> => {
  if (Exit.isSuccess(exit) || waiter.flight.served || Cause.hasInterrupts(exit.cause)) return exit
  const fallbackWhen = waiter.request.options.fallbackWhen ?? failedTyped
  try {
    const stale = usableStale(self, waiter, now)
    if (stale === undefined || !fallbackWhen(exit.cause)) return exit
    noteFallback(self, waiter, stale)
    return stale.exit
  } catch (defect) {
    // a function of this caller's: the others are answered still
    return Effect.die(defect)
  }
}

export const failedTyped = (cause: Cause.Cause<unknown>): boolean =>
  Cause.hasFails(cause) && !cause.reasons.some(Cause.isDieReason)

/** P6: only inside its ttl, and only where the caller's own strategy would fall back on it */
const usableStale = (self: Engine, waiter: Waiter, now: number): Entry | undefined => {
  if (!waiter.policy.readsMemory) return undefined
  const stale = waiter.stale ?? waiter.flight.stale
  if (stale === undefined || now >= stale.expiresAt) return undefined
  if (Tags.changedSince(self.tags, stale.tags, stale.checkedAt)) return undefined
  return decideAt(waiter.request, stale, now, () => 0) === LoadOrStale ? stale : undefined
}
