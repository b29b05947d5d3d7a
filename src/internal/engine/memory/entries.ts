/**
 * The entries of memory by id: a `Map` that is never copied in one long step when entries leave.
 * V8 shrinks a `Map` once it is three quarters empty, and copies the rest at once. A large map therefore keeps the ids
 * of removed entries without a value. When more than half are empty, each operation moves a few entries to a new `Map`,
 * like the incremental rehashing of Redis. A lookup always reads a single `Map`.
 */
import type { Entry } from "./entry.ts"

interface Named {
  readonly id: string
}

export interface Entries<A extends Named = Entry> {
  readonly size: number
  readonly get: (id: string) => A | undefined
  readonly has: (id: string) => boolean
  readonly set: (id: string, entry: A) => unknown
  readonly delete: (id: string) => boolean
  readonly values: () => IterableIterator<A>
}

/** The largest size that V8 copies in a few milliseconds. */
const smallMap = 131_072

const movesOfStep = 8

interface Move<A> {
  readonly from: Iterator<A | undefined>
  readonly to: Map<string, A | undefined>
}

class InSteps<A extends Named> implements Entries<A> {
  /** An id without a value was removed. */
  private map = new Map<string, A | undefined>()
  /** The number of ids without a value. */
  private left = 0
  /** A power of two, and at least the largest size that `map` has ever had. */
  private most: number
  private move: Move<A> | undefined
  /** Set while a listing runs: removed ids stay, because an id that is deleted and set again changes its place. */
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
    // The capacity of the map may be twice its largest size.
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
      // Another map may have replaced this one.
      if (entry !== undefined && (map === this.map || this.has(entry.id))) yield entry.id
    }
  }

  *values(): IterableIterator<A> {
    const { map } = this
    for (const entry of map.values()) {
      // Another map may have replaced this one.
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
    // The new map has never had more ids than the old one.
    while (map.size > 0 && this.most < this.map.size) this.most *= 2
    this.map = map
    this.left = map.size - size
    this.move = undefined
    this.isListed = false
  }
}

/** `small`: maps of up to this size delete their ids as usual. */
export const make = <A extends Named = Entry>(small = smallMap): Entries<A> => new InSteps<A>(small)

/** Lists the ids in steps. One added meanwhile may be missing, and one that stays is listed exactly once. */
export const ids = (self: Entries): Iterable<string> => (self as InSteps<Entry>).ids()

/** Ids without a value were removed earlier. */
export const empty = (self: Entries): ReadonlyMap<string, Entry | undefined> => (self as InSteps<Entry>).empty()
