/** Starts the load of a flight, either directly or as one step of a flight with a store (`loadThroughStore.ts`). */
import { warnOfResource } from "#platform/engine/load/resource"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import { CacheClosed } from "../../../CacheError.ts"
import { withPrototype } from "../../effect.ts"
import { complete } from "../flight/complete.ts"
import { begin, beginLoading, nextAttempt } from "../flight/flight.ts"
import { isRenewed } from "../flight/result.ts"
import { moveToCurrent, nextStarter } from "../flight/takeOver.ts"
import type { Flight, Flights } from "../state.ts"
import { traced } from "../telemetry/spans.ts"
import { loadContext } from "./loadContext.ts"
import { inScope } from "./loadScope.ts"

export const launch = (self: Flights, flight: Flight, load: Effect.Effect<unknown, unknown, any>): void => {
  begin(flight)
  if (!self.isPrivate) self.running.add(flight)
  // The starter's context provides the services that the load needs, but their types are not known here.
  const inside = loadContext(flight) as Context.Context<any>
  const body = self.throughStore === undefined || !usesStore(flight)
    ? counted(flight, load)
    : self.throughStore(self, flight, load)
  // Every 32nd nesting level starts from the scheduler, because nested inline starts could overflow the stack.
  run(self, flight, inside, flight.depth % 32 === 0 ? Effect.andThen(Effect.yieldNow, body) : body)
}

const run = (
  self: Flights,
  flight: Flight,
  context: Context.Context<any>,
  body: Effect.Effect<unknown, unknown, any>
): void => {
  const child = Effect.runForkWith(context)(body)
  flight.fiber = child
  const exit = child.pollUnsafe()
  if (exit !== undefined) return end(self, flight, context, exit)
  child.addObserver((exit) => {
    // The load was restarted while its finalizers still ran.
    if (flight.fiber === child) end(self, flight, context, exit)
  })
  if (flight.abandoned) child.interruptUnsafe()
}

const end = (
  self: Flights,
  flight: Flight,
  context: Context.Context<any>,
  exit: Exit.Exit<unknown, unknown>
): void => {
  if (flight.restartedAt !== undefined) {
    flight.restartedAt = undefined
    // Otherwise, the load has ended in spite of its interruption.
    const gaveWay = Exit.isFailure(exit) && Cause.hasInterrupts(exit.cause)
    // Another load may have taken the place of this one meanwhile.
    if (gaveWay) moveToCurrent(self, flight)
    if (gaveWay && mayRunAgain(self, flight)) return runAgain(self, flight)
    // Callers that still wait were not interrupted themselves.
    if (gaveWay && self.closed) return complete(self, flight, Exit.die(new CacheClosed({ key: flight.id })))
  }
  const { conclude } = flight
  if (conclude === undefined || !isRenewed(flight)) return complete(self, flight, exit)
  flight.conclude = undefined
  run(self, flight, context, conclude(exit))
}

const mayRunAgain = (self: Flights, flight: Flight): boolean =>
  flight.phase === "Loading" && !flight.abandoned &&
  !self.closed && (flight.callers.size > 0 || flight.pinned && flight.storable)

/** Runs the load of a flight once more, as a new attempt (see `flight/patience.ts`). */
export const runAgain = (self: Flights, flight: Flight): void => {
  const { conclude, request, trace } = flight
  const by = nextStarter(self, flight)
  if (by !== undefined) {
    flight.starter = by.context
    flight.isOrphan = false
  }
  const load = flight.refresh ? request.refreshLoad?.(self, flight) ?? request.load : request.load
  trace?.end?.({ "cache.outcome": "restarted" })
  if (trace !== undefined) delete trace.end
  nextAttempt(flight, flight.starter.clock.currentTimeMillisUnsafe())
  flight.restartedAt = undefined
  flight.fiber = undefined
  const body = counted(flight, load)
  const inside = loadContext(flight) as Context.Context<any>
  run(self, flight, inside, conclude === undefined ? body : Effect.flatMap(Effect.exit(body), conclude))
}

const usesStore = (flight: Flight): boolean => flight.readsStore || flight.policy.writes

/** The load with its scope and span. It is a single object, because every miss allocates one. */
interface Counted extends Effect.Effect<unknown, unknown, any> {
  readonly flight: Flight
  readonly load: Effect.Effect<unknown, unknown, any>
}

const Counted = withPrototype<new(flight: Flight, load: Effect.Effect<unknown, unknown, any>) => Counted>(
  function(this: { flight: unknown; load: unknown }, flight: unknown, load: unknown) {
    this.flight = flight
    this.load = load
  },
  Effectable.Prototype<Counted>({
    label: "Load",
    evaluate(fiber): Effect.Effect<unknown, unknown, any> {
      const { flight, load } = this
      // The flight is abandoned, but not yet interrupted. Its load, which may ignore interruptions, must not begin.
      if (flight.abandoned) return Effect.interrupt
      flight.counters.loads++
      // The load may interrupt itself (`renewed`) before `run` has assigned `flight.fiber`.
      flight.fiber ??= fiber
      beginLoading(flight, flight.starter.clock.currentTimeMillisUnsafe())
      return inScope(fiber, traced(flight, load, fiber), warnOfResource, flight)
    }
  })
)

export const counted = (
  flight: Flight,
  load: Effect.Effect<unknown, unknown, any>
): Effect.Effect<unknown, unknown, any> => new Counted(flight, load)
