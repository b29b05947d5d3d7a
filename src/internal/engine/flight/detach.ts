/** Ends that a flight can be joined or stored. */
import type { Flights } from "./flights.ts"
import { makeRoom } from "./refreshQueue.ts"
import { releaseLease } from "./releaseLease.ts"

/** Its result is stored nowhere and nobody joins it any more; those who wait get it still. */
export const detach = (self: Flights, id: string): void => {
  const flight = self.flights.get(id)
  if (flight === undefined) return
  flight.storable = false
  self.flights.delete(id)
  // who comes now must not wait for what nobody will get
  releaseLease(flight)
  // a refresh that has not begun, for what is no longer there
  if (flight.queued && flight.callers.size === 0) {
    self.refreshing.queue.delete(flight)
    flight.request.batch?.leave(flight)
    makeRoom(self, flight)
  }
}
