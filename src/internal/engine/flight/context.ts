/** What a read needs of its fiber's context. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import * as Policy from "./callPolicy.ts"
import { type Flight, Within } from "./flight.ts"
import type { Flights } from "./flights.ts"

export const nowOf = (fiber: Fiber.Fiber<any, any>): number => fiber.getRef(Clock.Clock).currentTimeMillisUnsafe()

/** What a read needs of its fiber's context. */
export interface ReadContext {
  readonly context: Context.Context<never>
  readonly policy: Policy.Policy
  readonly clock: Clock.Clock
  /** the flight in whose load the fiber runs */
  readonly within: Flight | undefined
  readonly span: Tracer.AnySpan | undefined
}

/**
 * Kept for the next read: many have the same context, and a look-up of a reference that is not set costs a hit's time.
 */
export const readContextOf = (self: Flights, fiber: Fiber.Fiber<any, any>): ReadContext => {
  const last = self.lastReadContext
  return last?.context === fiber.context ? last : self.lastReadContext = {
    context: fiber.context,
    policy: fiber.getRef(Policy.Current),
    clock: fiber.getRef(Clock.Clock),
    within: fiber.getRef(Within),
    span: Context.getOrUndefined(fiber.context as Context.Context<never>, Tracer.ParentSpan)
  }
}
