/** Starts a queued flight: a refresh, or a flight that waited for the scheduler or for another flight of its id. */
import * as Effect from "effect/Effect"
import { CacheClosed } from "../../../CacheError.ts"
import { answerNow } from "../flight/callers.ts"
import { limitUnattended } from "../flight/ending.ts"
import { dropFlight } from "../flight/refreshing.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import type { Flight, Flights } from "../state.ts"
import { launch } from "./load.ts"

export const start = (self: Flights, flight: Flight): void => {
  if (self.closed) return refuse(self, flight)
  // The load begins now, so it sees all changes made while the flight was queued.
  flight.bornAt = TagEpochs.epochNow(self.tagEpochs)
  flight.request.batch?.rejoin(flight)
  if (!flight.refresh) return launch(self, flight, flight.request.load)
  launch(self, flight, flight.request.refreshLoad?.(self, flight) ?? flight.request.load)
  limitUnattended(self, flight)
}

const refuse = (self: Flights, flight: Flight): void => {
  dropFlight(self, flight)
  for (const caller of flight.callers) answerNow(caller, Effect.die(new CacheClosed({ key: flight.id })))
}
