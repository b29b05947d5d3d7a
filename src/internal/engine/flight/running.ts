/** The flights that have started but not ended, whether or not they can be joined. */
import type { Flight, Running } from "../state.ts"

/** A linked list, because V8 keeps rebuilding a `Set` whose only element comes and goes. */
export class RunningList implements Running {
  private newest: Flight | undefined = undefined
  size = 0

  add(flight: Flight): void {
    const { newest } = this
    flight.older = newest
    if (newest !== undefined) newest.newer = flight
    this.newest = flight
    this.size++
  }

  delete(flight: Flight): void {
    const { newer, older } = flight
    if (newer === undefined) this.newest = older
    else newer.older = older
    if (older !== undefined) older.newer = newer
    flight.newer = undefined
    flight.older = undefined
    this.size--
  }

  all(): ReadonlyArray<Flight> {
    const flights: Array<Flight> = []
    for (let flight = this.newest; flight !== undefined; flight = flight.older) flights.push(flight)
    return flights.reverse()
  }
}
