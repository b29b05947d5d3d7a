/** The state of one attempt at a load, and how code inside the load finds it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { Attempt } from "../state.ts"

export const makeAttempt = (id: string): Attempt => ({
  id,
  flight: undefined,
  startedAt: undefined,
  beganAt: Infinity,
  aliveAt: Infinity,
  fromStale: false,
  recorder: undefined,
  dependencies: undefined,
  renewed: false,
  previous: undefined,
  annotations: undefined,
  waitsOn: undefined
})

export const endAttempt = (self: Attempt): void => {
  self.flight = undefined
  self.waitsOn = undefined
}

/** The attempt at a load in which the current fiber runs. Its `flight` is `undefined` once the attempt has ended. */
export const Within = Context.Reference<Attempt | undefined>("effect-cached/Within", { defaultValue: () => undefined })

/** The attempt around effects that run in a load but do not count as part of it, such as batch calls. */
export const Aside = Context.Reference<Attempt | undefined>("effect-cached/Aside", { defaultValue: () => undefined })

/** The attempt at a load that the current fiber counts as part of: like `Within`, but `undefined` inside `aside`. */
export const loadingOf = (context: Context.Context<never>): Attempt | undefined => {
  const within = Context.get(context, Within)
  return Context.get(context, Aside) === within ? undefined : within
}

export const aside = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => Effect.provideService(self, Aside, fiber.getRef(Within)))
