/** Flights by id. */
import type { Flight, FlightsById } from "../state.ts"

/**
 * The flights that can be joined, by id. Most loads begin when no other runs, and a `Map` that gets and loses one
 * element again and again makes itself anew each few times: the newest flight is kept beside it.
 */
export class FlightIndex implements FlightsById {
  private newest: Flight | undefined = undefined
  private readonly others = new Map<string, Flight>()

  get size(): number {
    return this.others.size + (this.newest === undefined ? 0 : 1)
  }

  get(id: string): Flight | undefined {
    const { newest } = this
    if (newest !== undefined && newest.id === id) return newest
    return this.others.size === 0 ? undefined : this.others.get(id)
  }

  has(id: string): boolean {
    return this.get(id) !== undefined
  }

  /** The flight takes the place of an older one of its id. */
  set(flight: Flight): void {
    const { newest, others } = this
    if (newest !== undefined && newest.id !== flight.id) others.set(newest.id, newest)
    if (others.size > 0) others.delete(flight.id)
    this.newest = flight
  }

  /** Removes a flight, unless another one has taken its place. */
  delete(flight: Flight): void {
    if (this.newest === flight) this.newest = undefined
    else if (this.others.size > 0 && this.others.get(flight.id) === flight) this.others.delete(flight.id)
  }

  /** A list, because those who walk it may end flights. */
  all(): ReadonlyArray<Flight> {
    const others = Array.from(this.others.values())
    return this.newest === undefined ? others : [...others, this.newest]
  }
}
