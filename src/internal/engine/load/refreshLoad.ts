/** The load of a refresh. This file is not bundled with combinators whose strategy never refreshes. */
import { warnOfResource } from "#platform/engine/load/resource"
import type * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { refreshRetries } from "../../defaults/options.ts"
import type { Flight, Flights } from "../state.ts"
import { retried } from "./retried.ts"

const standard: Schedule.Schedule<unknown, unknown> = Schedule.exponential(refreshRetries.firstMillis).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: refreshRetries.times })
)

export const retryOf = ({ refreshing }: Flights): Schedule.Schedule<unknown, unknown> => refreshing.retry ?? standard

export const refreshLoad = (self: Flights, flight: Flight): Effect.Effect<unknown, unknown, any> => {
  const { batch, load } = flight.request
  // A batch with a retry of its own is retried as a whole.
  if (batch?.options.retry !== undefined) return load
  return retried(flight, load, {
    schedule: retryOf(self),
    onRelease: (exit) => warnOfResource(flight, exit)
  })
}
