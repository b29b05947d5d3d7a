/** One try of a load: what the code inside it may touch. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Ttl from "../../../Ttl.ts"
import type { Dependencies } from "../derived/dependencies.ts"
import type { Recorder } from "../derived/recorder.ts"
import type { Flight } from "../flight/flight.ts"
import type { Entry } from "../memory/entry.ts"

/** What a load says about its result beside the result. */
export interface Annotations {
  readonly tags?: ReadonlyArray<string> | undefined
  readonly ttl?: Ttl.Input | undefined
  readonly softTtl?: Ttl.Input | undefined
  readonly etag?: string | undefined
}

/** One try of a load. A second try is another one, and inherits nothing. */
export interface Attempt {
  readonly id: string
  /** `undefined` once the try has ended: fibers that outlive it are not inside the load, and do not keep the flight */
  flight: Flight | undefined
  /** when the load began, in epoch milliseconds; `undefined` until then */
  startedAt: number | undefined
  /** when the call ended that loaded it among others: its flight ends in its turn. Only of such a call */
  endedAt?: number
  /** how often memory had been cleared then, because changes could not be read */
  clears: number
  /** it read a stale value of another cached effect: its result is not stored */
  derivedFromStale: boolean
  /** what caches served inside it; `undefined` until one does */
  recorder: Recorder | undefined
  /** what it has read through the cache, where its result takes that over; `undefined` until it reads */
  dependencies: Dependencies | undefined
  /** it declared the previous value still valid, which ends it */
  renewed: boolean
  /** the previous value, once it has asked for it */
  previous: Entry | undefined
  /** what it says about its result */
  annotations: Annotations | undefined
  /** the edges of the wait graph: the flights that it waits for now, and how many times each */
  waitsOn: Map<Flight, number> | undefined
}

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
