/** The flights that have started but not ended, whether or not they can be joined. */
import type { Flight, Running } from "../state.ts"

/** A linked list, because V8 keeps rebuilding a `Set` whose only element comes and goes. */
export class RunningList implements Running {
  private newest: Flight | undefined = undefined
  size = 0

  add(flight: Flight): void {
    const { newest } = this
    flight.olderRunning = newest
    if (newest !== undefined) newest.newerRunning = flight
    this.newest = flight
    this.size++
  }

  delete(flight: Flight): void {
    const { newerRunning, olderRunning } = flight
    if (newerRunning === undefined) this.newest = olderRunning
    else newerRunning.olderRunning = olderRunning
    if (olderRunning !== undefined) olderRunning.newerRunning = newerRunning
    flight.newerRunning = undefined
    flight.olderRunning = undefined
    this.size--
  }

  all(): ReadonlyArray<Flight> {
    const flights: Array<Flight> = []
    for (let flight = this.newest; flight !== undefined; flight = flight.olderRunning) flights.push(flight)
    return flights.reverse()
  }
}
