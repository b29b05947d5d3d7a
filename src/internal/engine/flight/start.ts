/** Starts a queued flight. */
import type * as Effect from "effect/Effect"
import { limitUnattended } from "./ending.ts"
import type { Flight } from "./flight.ts"
import type { Flights } from "./flights.ts"
import { launch } from "./load.ts"
import { retried } from "./retried.ts"

/** Starts a flight that was queued: a refresh, or one that another flight of its id, or the scheduler, held up. */
export const start = (self: Flights, flight: Flight): void => {
  flight.request.batch?.rejoin(flight)
  if (!flight.refresh) return launch(self, flight, flight.request.load)
  launch(self, flight, retriedLoad(self, flight))
  limitUnattended(self, flight)
}

/** The load of a refresh: retried when it fails. */
const retriedLoad = (self: Flights, flight: Flight): Effect.Effect<unknown, unknown, any> => {
  const { batch, load } = flight.request
  // a batch is retried as a whole
  return batch?.options.retry === undefined ? retried(flight, load, self.refreshing.retry) : load
}
