/** How a refresh that has its turn begins: its load, tried again where it fails, and ended where it hangs. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schedule from "effect/Schedule"
import { limitUnattended } from "./callers.ts"
import { failedTyped } from "./failures.ts"
import type { Flight } from "./flight.ts"
import type { Flights } from "./flights.ts"
import { launch } from "./load.ts"

export const startRefresh = (self: Flights, flight: Flight): void => {
  const { batch, load } = flight.request
  // what one try has said of its result is nothing to the next
  const anew = Effect.suspend(() => {
    flight.annotations = undefined
    return load
  })
  // a batch is tried again as a whole
  launch(self, flight, batch?.options.retries === true ? load : retried(anew, self.refreshing.retry))
  limitUnattended(self, flight)
}

/** As `Effect.retry`, which makes something else of a failure with more than one reason. Only what is typed is tried again. */
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
