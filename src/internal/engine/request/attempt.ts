/** One try of a load: what the code inside it may touch. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Attempt } from "../state.ts"

export const makeAttempt = (id: string): Attempt => ({
  id,
  flight: undefined,
  startedAt: undefined,
  clears: 0,
  derivedFromStale: false,
  recorder: undefined,
  dependencies: undefined,
  renewed: false,
  previous: undefined,
  annotations: undefined,
  waitsOn: undefined
})

/** Ends a try: what it has found out stays, what it holds is let go. */
export const endAttempt = (self: Attempt): void => {
  self.flight = undefined
  self.waitsOn = undefined
}

/** The try of a load in which the present fiber runs, or ran: see `flight`. */
export const Within = Context.Reference<Attempt | undefined>("effect-cached/Within", { defaultValue: () => undefined })

/** The try of a load that an effect inside it does not belong to: it bypasses the cache, or is the call of a batch. */
export const Aside = Context.Reference<Attempt | undefined>("effect-cached/Aside", { defaultValue: () => undefined })

/** The try of a load that the present fiber is: as `Within`, but `undefined` in an effect that is none of it. */
export const loadingOf = (context: Context.Context<never>): Attempt | undefined => {
  const within = Context.get(context, Within)
  return within === undefined || Context.get(context, Aside) === within ? undefined : within
}

/** An effect that is no part of the load around it. */
export const aside = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => Effect.provideService(self, Aside, fiber.getRef(Within)))
