/** The keys of a bulk read that were not served from memory. */
import type * as Exit from "effect/Exit"
import type { Key } from "../../key/ofKey.ts"
import type { Entry } from "../memory/entry.ts"
import type { Flight, Request, Stub } from "../state.ts"

export interface StubSteps {
  readonly isDetached: boolean
  readonly requestOf: (stub: Missing) => Request
  readonly toFlight: (stub: Missing) => Flight
  readonly end: (stub: Missing, exit: Exit.Exit<unknown, unknown>, leader: Flight) => boolean
}

/** The entries that a key has in memory or in the store, although it counts as missing. */
interface Known {
  former: Entry | undefined
  stale: Entry | undefined
  rejectedWriteId: string | undefined
}

export class Missing implements Stub {
  readonly key: Key
  readonly id: string
  /** The places in the list, of which most keys have one. */
  private places: number | Array<number>
  /** `undefined` for most keys, which are in neither memory nor the store. */
  known: Known | undefined
  asked: boolean
  /** Turns the stub into a flight, or ends it. `undefined` if the key has no stub. */
  steps: StubSteps | undefined
  bornAt: number
  isOpen: boolean
  flight: Flight | undefined
  lease: Stub["lease"]
  generation: string | undefined
  tags: ReadonlyArray<string> | undefined

  constructor(key: Key, id: string, place: number, former: Entry | undefined) {
    this.key = key
    this.id = id
    this.places = place
    this.known = former && { former, stale: undefined, rejectedWriteId: undefined }
    this.asked = false
    this.steps = undefined
    this.bornAt = 0
    this.isOpen = false
    this.flight = undefined
    this.lease = undefined
    this.generation = undefined
    this.tags = undefined
  }

  setIn(exits: Array<Exit.Exit<unknown, unknown>>, exit: Exit.Exit<unknown, unknown>): void {
    const { places } = this
    if (typeof places === "number") exits[places] = exit
    else for (const place of places) exits[place] = exit
  }

  get place(): number {
    return typeof this.places === "number" ? this.places : this.places[0]!
  }

  addPlace(place: number): void {
    if (typeof this.places === "number") this.places = [this.places, place]
    else this.places.push(place)
  }

  get former(): Entry | undefined {
    return this.known?.former
  }

  get stale(): Entry | undefined {
    return this.known?.stale
  }

  get rejectedWriteId(): string | undefined {
    return this.known?.rejectedWriteId
  }

  know(known: Partial<Known>): void {
    this.known = { former: this.former, stale: this.stale, rejectedWriteId: this.rejectedWriteId, ...known }
  }

  get storable(): boolean {
    return !this.steps!.isDetached
  }

  requestOf(): Request {
    return this.steps!.requestOf(this)
  }

  toFlight(): Flight {
    return this.steps!.toFlight(this)
  }

  drop(): void {
    this.isOpen = false
  }

  end(exit: Exit.Exit<unknown, unknown>, leader: Flight): boolean {
    return this.steps!.end(this, exit, leader)
  }
}
