/** Makes a flight neither storable nor joinable. */
import type { Flights } from "./flights.ts"
import { makeRoom } from "./refreshQueue.ts"
import { releaseLease } from "./releaseLease.ts"

/** The flight of an id is no longer storable, and nobody joins it any more. Its callers still get its result. */
export const detach = (self: Flights, id: string): void => {
  const flight = self.flights.get(id)
  if (flight === undefined) return
  flight.storable = false
  self.flights.delete(id)
  // a new reader, here or elsewhere, must not wait for a result that is not stored
  releaseLease(flight)
  // a queued refresh has nothing to refresh any more
  if (flight.queued && flight.callers.size === 0) {
    self.refreshing.queue.delete(flight)
    flight.request.batch?.dropOut(flight)
    makeRoom(self, flight)
  }
}
