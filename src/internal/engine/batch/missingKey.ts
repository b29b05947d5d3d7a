/** The keys of a bulk read that were not served from memory. */
import type * as Exit from "effect/Exit"
import type { Key } from "../../key/ofKey.ts"
import type { Entry } from "../memory/entry.ts"
import type { Flight, Request, Ticket } from "../state.ts"

export interface Office {
  readonly isDetached: boolean
  readonly requestOf: (ticket: Missing) => Request
  readonly board: (ticket: Missing) => Flight
  readonly end: (ticket: Missing, exit: Exit.Exit<unknown, unknown>, leader: Flight) => boolean
}

export class Missing implements Ticket {
  readonly key: Key
  readonly id: string
  readonly place: number
  others: Array<number> | undefined
  former: Entry | undefined
  stale: Entry | undefined
  rejectedWriteId: string | undefined
  asked: boolean
  /** Turns the ticket into a flight, or ends it. `undefined` if the key has no ticket. */
  office: Office | undefined
  bornAt: number
  isOpen: boolean
  flight: Flight | undefined
  lease: Ticket["lease"]
  generation: string | undefined

  constructor(key: Key, id: string, place: number, former: Entry | undefined) {
    this.key = key
    this.id = id
    this.place = place
    this.others = undefined
    this.former = former
    this.stale = undefined
    this.rejectedWriteId = undefined
    this.asked = false
    this.office = undefined
    this.bornAt = 0
    this.isOpen = false
    this.flight = undefined
    this.lease = undefined
    this.generation = undefined
  }

  setIn(exits: Array<Exit.Exit<unknown, unknown>>, exit: Exit.Exit<unknown, unknown>): void {
    exits[this.place] = exit
    for (const place of this.others ?? []) exits[place] = exit
  }

  get storable(): boolean {
    return !this.office!.isDetached
  }

  requestOf(): Request {
    return this.office!.requestOf(this)
  }

  board(): Flight {
    return this.office!.board(this)
  }

  drop(): void {
    this.isOpen = false
  }

  end(exit: Exit.Exit<unknown, unknown>, leader: Flight): boolean {
    return this.office!.end(this, exit, leader)
  }
}
