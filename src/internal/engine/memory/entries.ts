/**
 * The entries of memory by id: a `Map` that is never copied in one long step because entries leave.
 *
 * V8 makes a `Map` smaller when three quarters of the ids that it has room for have left, and copies all others in one
 * step: of a million a quarter of a million. So of a large map what leaves from then on leaves its id behind, without an
 * entry. Where more than half of the ids are such, each further step takes a few entries over into a new `Map`, as a hash
 * table is made larger or smaller in Redis, and that one takes the place of the old one when it has all of them. A look-up
 * asks one `Map` all the time.
 */
import type { Entry } from "./entry.ts"

/** What knows its id. */
interface Named {
  readonly id: string
}

/** What memory asks of a `Map`. */
export interface Entries<A extends Named = Entry> {
  readonly size: number
  readonly get: (id: string) => A | undefined
  readonly has: (id: string) => boolean
  readonly set: (id: string, entry: A) => unknown
  readonly delete: (id: string) => boolean
  readonly values: () => IterableIterator<A>
}

/** A `Map` that never had more ids is copied in a few milliseconds. */
const smallMap = 131_072

/** How many ids one step takes over, or passes over. */
const movesOfStep = 8

/** The entries that are still in the old map alone, and the new one. */
interface Move<A> {
  readonly from: Iterator<A | undefined>
  readonly to: Map<string, A | undefined>
}

class InSteps<A extends Named> implements Entries<A> {
  /** an id without an entry is one that has left */
  private map = new Map<string, A | undefined>()
  /** how many have left their id behind */
  private left = 0
  /** a power of two, and no less than the most ids that `map` ever had */
  private most: number
  private move: Move<A> | undefined
  /** what leaves this map leaves its id behind: an id that came back would have another place in a listing */
  private isListed = false
  private readonly small: number

  constructor(small: number) {
    this.most = this.small = small
  }

  get size(): number {
    return this.map.size - this.left
  }

  get(id: string): A | undefined {
    return this.map.get(id)
  }

  has(id: string): boolean {
    return this.map.get(id) !== undefined
  }

  set(id: string, entry: A): void {
    const { map, move } = this
    if (this.left > 0 && map.has(id) && map.get(id) === undefined) this.left--
    map.set(id, entry)
    if (map.size > this.most) this.most *= 2
    if (move !== undefined) {
      move.to.set(id, entry)
      this.moveOn(move)
    }
  }

  delete(id: string): boolean {
    const { isListed, map, most, move } = this
    const isSmall = most === this.small
    if (isSmall && this.left === 0 && !isListed) return map.delete(id)
    if (!this.has(id)) return false
    // it may have room for twice as many as it ever had
    if (move === undefined && !isListed && (isSmall || map.size > most / 2)) map.delete(id)
    else {
      map.set(id, undefined)
      this.left++
    }
    if (this.left === map.size) this.empty()
    else if (move !== undefined) {
      if (move.to.has(id)) move.to.set(id, undefined)
      this.moveOn(move)
    } else if (2 * this.left > map.size) this.move = { from: map.values(), to: new Map() }
    return true
  }

  empty(): ReadonlyMap<string, A | undefined> {
    const { map } = this
    this.take(new Map(), 0)
    return map
  }

  *ids(): Generator<string> {
    const { map } = this
    this.isListed = true
    let places = map.size
    for (const entry of map.values()) {
      if (places-- === 0) return
      // another map may have taken the place of this one
      if (entry !== undefined && (map === this.map || this.has(entry.id))) yield entry.id
    }
  }

  /** What comes in meanwhile may be missing. */
  *values(): IterableIterator<A> {
    const { map } = this
    for (const entry of map.values()) {
      // another map may have taken the place of this one
      if (entry !== undefined && (map === this.map || this.map.get(entry.id) === entry)) yield entry
    }
  }

  private moveOn({ from, to }: Move<A>): void {
    for (let left = movesOfStep; left > 0; left--) {
      const { done, value } = from.next()
      if (done === true) return this.take(to, this.size)
      if (value !== undefined) to.set(value.id, value)
    }
  }

  private take(map: Map<string, A | undefined>, size: number): void {
    this.most = this.small
    // it never had more ids than the old one
    while (map.size > 0 && this.most < this.map.size) this.most *= 2
    this.map = map
    this.left = map.size - size
    this.move = undefined
    this.isListed = false
  }
}

/** `small`: maps of so many ids and fewer are left to themselves. */
export const make = <A extends Named = Entry>(small = smallMap): Entries<A> => new InSteps<A>(small)

/**
 * The ids, in as many steps as whoever asks takes. One that is there all the time comes once; none comes twice, and none
 * that has left. What comes in meanwhile may be missing.
 */
export const ids = (self: Entries): Iterable<string> => (self as InSteps<Entry>).ids()

/** Empties it in one step, and gives what was there: an id without an entry had left before. */
export const empty = (self: Entries): ReadonlyMap<string, Entry | undefined> => (self as InSteps<Entry>).empty()
