/** Starts a queued flight. */
import * as Effect from "effect/Effect"
import { CacheClosed } from "../../../CacheError.ts"
import { answerNow } from "./callers.ts"
import { limitUnattended } from "./ending.ts"
import type { Flight } from "./flight.ts"
import type { Flights } from "./flights.ts"
import { launch } from "./load.ts"
import { dropFlight } from "./refreshing.ts"
import { warnOfResource } from "./resource.ts"
import { retried } from "./retried.ts"

/** Starts a flight that was queued: a refresh, or one that another flight of its id, or the scheduler, held up. */
export const start = (self: Flights, flight: Flight): void => {
  if (self.closed) return refuse(self, flight)
  flight.request.batch?.rejoin(flight)
  if (!flight.refresh) return launch(self, flight, flight.request.load)
  launch(self, flight, retriedLoad(self, flight))
  limitUnattended(self, flight)
}

/** The cache was closed while it was queued. */
const refuse = (self: Flights, flight: Flight): void => {
  dropFlight(self, flight)
  for (const caller of flight.callers) answerNow(caller, Effect.die(new CacheClosed({ key: flight.id })))
}

/** The load of a refresh: retried when it fails. */
const retriedLoad = (self: Flights, flight: Flight): Effect.Effect<unknown, unknown, any> => {
  const { batch, load } = flight.request
  // a batch is retried as a whole
  if (batch?.options.retry !== undefined) return load
  return retried(flight, load, {
    schedule: self.refreshing.retry,
    onRelease: (exit) => warnOfResource(flight, exit)
  })
}
