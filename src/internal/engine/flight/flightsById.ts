/** The index of joinable flights by id. */
import type { Flight, FlightsById, StubIndex } from "../state.ts"

/** Keeps the newest flight outside the map, because V8 keeps rebuilding a `Map` whose only element comes and goes. */
export class FlightIndex implements FlightsById {
  private newest: Flight | undefined = undefined
  private readonly others = new Map<string, Flight>()
  declare stubs: StubIndex | undefined

  get(id: string, asking?: object): Flight | undefined {
    const { newest } = this
    if (newest !== undefined && newest.id === id) return newest
    return (this.others.size === 0 ? undefined : this.others.get(id)) ?? this.stubs?.toFlight(id, asking)
  }

  has(id: string, asking?: object): boolean {
    return this.get(id, asking) !== undefined
  }

  set(flight: Flight): void {
    const { newest, others } = this
    if (newest !== undefined && newest.id !== flight.id) others.set(newest.id, newest)
    if (others.size > 0) others.delete(flight.id)
    this.newest = flight
  }

  delete(flight: Flight): void {
    if (this.newest === flight) this.newest = undefined
    else if (this.others.size > 0 && this.others.get(flight.id) === flight) this.others.delete(flight.id)
  }

  all(): ReadonlyArray<Flight> {
    const others = Array.from(this.others.values())
    return this.newest === undefined ? others : [...others, this.newest]
  }
}
