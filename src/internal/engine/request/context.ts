/** What a read needs of its fiber's context. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import { openTransaction } from "../../sql/sqlTransaction.ts"
import type { Attempt, Flights, ReadContext } from "../state.ts"
import { debug } from "../telemetry/log.ts"
import { Within } from "./attempt.ts"
import * as Policy from "./callPolicy.ts"

export const nowOf = (fiber: Fiber.Fiber<any, any>): number => fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()

/** Of a flight that has ended. */
export const noContext: ReadContext = {
  context: Context.empty(),
  policy: Policy.standard,
  clock: Context.get(Context.empty(), Clock.Clock),
  within: undefined,
  span: undefined,
  shared: undefined
}

/**
 * Inside an open SQL transaction every read bypasses the cache: what the transaction has changed is not cached yet, and
 * others must not get what may be rolled back.
 */
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

/**
 * Kept for the next read: many have the same context, and a look-up of a reference that is not set costs a hit's time.
 * Only until the end of this turn of the event loop, or a program that waits would keep its last reader's context.
 */
export const readContextOf = (self: Flights, fiber: Fiber.Fiber<any, any>): ReadContext => {
  const last = self.lastReadContext
  return last !== undefined && last.context === fiber.context ? last : renew(self, fiber)
}

// apart, so that a hit has the few instructions before it inlined
const renew = (self: Flights, fiber: Fiber.Fiber<any, any>): ReadContext => {
  // before it is asked whether this is the first read of the turn: whoever listens to what the look removes may read
  if (self.lastReadContext === undefined) self.tagEpochs.lookIfLate?.()
  // the turn of a private reader may not come to its end
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
