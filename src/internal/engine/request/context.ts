/** Extracts what a read needs from the context of its fiber. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import { openTransaction } from "../../sql/sqlTransaction.ts"
import type { Attempt, Flights, ReadContext, Request } from "../state.ts"
import { debug } from "../telemetry/log.ts"
import type { Telemetry } from "../telemetry/telemetry.ts"
import { Within } from "./attempt.ts"
import * as Policy from "./callPolicy.ts"

/** The time of a reader by the wall clock. */
export const wallNow = ({ time }: Pick<Telemetry, "time">, fiber: Fiber.Fiber<any, any>): number =>
  time.now(fiber.getRef(Clock.Clock))

/** Replaces the context of an ended flight, so that the flight does not keep the context's services alive. */
export const noContext: ReadContext = {
  context: Context.empty(),
  policy: Policy.standard,
  clock: Context.get(Context.empty(), Clock.Clock),
  within: undefined,
  span: undefined,
  shared: undefined
}

/** The reading fiber's policy. An open SQL transaction bypasses the cache, because its changes may be rolled back. */
const policyOf = (self: Flights, fiber: Fiber.Fiber<any, any>, within: Attempt | undefined): Policy.Policy => {
  const current = fiber.getRef(Policy.Current)
  const policy = within !== undefined && current === Policy.standard ? Policy.insideLoad : current
  const transaction = openTransaction(fiber.context as Context.Context<never>)
  if (transaction === undefined) return policy
  if (!self.transactions.has(transaction)) {
    self.transactions.add(transaction)
    debug(self, "Reads inside an open SQL transaction bypass the cache (logged once a transaction)")
  }
  return Policy.bypassing(policy)
}

/** The reading fiber's context, cached until the end of the turn, because extracting it costs as much as a hit. */
export const readContextOf = (self: Flights, fiber: Fiber.Fiber<any, any>): ReadContext => {
  const last = self.lastReadContext
  return last !== undefined && last.context === fiber.context ? last : renew(self, fiber)
}

// A separate function, so that V8 inlines the few instructions of the fast path.
const renew = (self: Flights, fiber: Fiber.Fiber<any, any>): ReadContext => {
  // Applies other processes' changes first, because that may call removal listeners, which may set `lastReadContext`.
  if (self.lastReadContext === undefined) self.tagEpochs.lookIfLate?.()
  // The context is not cached for private readers: the platform may cancel the task that clears it.
  if (self.isPrivate) return contextOf(self, fiber)
  if (self.lastReadContext === undefined) fiber.currentDispatcher.scheduleTask(self.forgetReadContext, 0)
  return self.lastReadContext = contextOf(self, fiber)
}

const contextOf = (self: Flights, fiber: Fiber.Fiber<any, any>): ReadContext => {
  const within = fiber.getRef(Within)
  return {
    context: fiber.context,
    policy: policyOf(self, fiber, within),
    clock: fiber.getRef(Clock.Clock),
    within,
    span: Context.getOrUndefined(fiber.context as Context.Context<never>, Tracer.ParentSpan),
    shared: undefined
  }
}

/** Runs a step of a read outside of the flight with the services that its request has captured. */
export const provided = <A, E, R>(
  { provide }: Pick<Request, "provide">,
  step: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> => provide === undefined ? step : Effect.updateContext(step, provide)
