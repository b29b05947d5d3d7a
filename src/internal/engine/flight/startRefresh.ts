/** Starts a refresh from the queue: its load is retried when it fails, and interrupted when it takes too long. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schedule from "effect/Schedule"
import { limitUnattended } from "./callers.ts"
import { failedTyped } from "./failures.ts"
import type { Flight } from "./flight.ts"
import type { Flights } from "./flights.ts"
import { launch } from "./load.ts"

/** Starts the flight of a refresh. */
export const startRefresh = (self: Flights, flight: Flight): void => {
  const { batch, load } = flight.request
  // what one attempt says about its result is not for the next attempt
  const attempt = Effect.suspend(() => {
    flight.annotations = undefined
    return load
  })
  // a batch is retried as a whole
  launch(self, flight, batch?.options.retries === true ? load : retried(attempt, self.refreshing.retry))
  limitUnattended(self, flight)
}

/** Retries typed failures. As `Effect.retry`, which does not keep a cause with more than one reason as it is. */
export const retried = <A>(
  load: Effect.Effect<A, unknown, any>,
  schedule: Schedule.Schedule<unknown, unknown>
): Effect.Effect<A, unknown, any> =>
  Effect.suspend(() => {
    let last: Exit.Exit<A, unknown> = Exit.die("not tried")
    const once = Effect.flatMap(Effect.exit(Effect.scoped(load)), (exit) => {
      last = exit
      return Exit.isFailure(exit) && failedTyped(exit.cause) ? Effect.fail(Cause.squash(exit.cause)) : Effect.void
    })
    return Effect.flatMap(Effect.exit(Effect.retry(once, schedule)), () => last)
  })
