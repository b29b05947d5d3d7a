/** The index of joinable flights by id. */
import type { Flight, FlightsById, Ticket, TicketsById } from "../state.ts"

/** Keeps the newest flight outside the map, because V8 keeps rebuilding a `Map` whose only element comes and goes. */
export class FlightIndex implements FlightsById {
  private newest: Flight | undefined = undefined
  private readonly others = new Map<string, Flight>()
  /** The keys of bulk calls that have no flights yet. */
  readonly tickets = new Set<TicketsById>()

  get size(): number {
    return this.others.size + (this.newest === undefined ? 0 : 1)
  }

  get(id: string): Flight | undefined {
    const { newest } = this
    if (newest !== undefined && newest.id === id) return newest
    const other = this.others.size === 0 ? undefined : this.others.get(id)
    return other === undefined && this.tickets.size > 0 ? this.ticketOf(id)?.board() : other
  }

  has(id: string): boolean {
    return this.tickets.size > 0 && this.ticketOf(id) !== undefined || this.get(id) !== undefined
  }

  private ticketOf(id: string): Ticket | undefined {
    for (const tickets of this.tickets) {
      const ticket = tickets.get(id)
      if (ticket?.isOpen === true) return ticket
    }
    return undefined
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
    for (const tickets of this.tickets) tickets.forEach((ticket) => ticket.isOpen && ticket.board())
    const others = Array.from(this.others.values())
    return this.newest === undefined ? others : [...others, this.newest]
  }
}
