/**
 * The entries of memory by id, in a `Map` that is never copied in one long step. V8 copies a `Map` once three quarters
 * of its elements are deleted, so a large map keeps the ids of removed entries, without a value. When more than half of
 * the ids have no value, each change moves a few entries to a new `Map`, as in Redis' incremental rehashing. A lookup
 * always reads a single `Map`.
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

/** The size of the largest `Map` that V8 copies within a few milliseconds. */
const smallMap = 131_072

const movesOfStep = 8

interface Move<A> {
  readonly from: Iterator<A | undefined>
  readonly to: Map<string, A | undefined>
}

class InSteps<A extends Named> implements Entries<A> {
  /** Entries by id. An id whose value is `undefined` belongs to a removed entry. */
  private map = new Map<string, A | undefined>()
  private left = 0
  /** An upper bound for all sizes that `map` has had so far: `small`, doubled as often as needed. */
  private most: number
  private move: Move<A> | undefined
  /** Whether ids were listed. If so, removed ids stay in `map`, because adding one again would move it to the end. */
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
    // V8 may have allocated space for `2 * most` ids, and would copy the map once fewer than `most / 2` ids are left.
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
      // A new map may have replaced the iterated one, and an entry removed from the new map is still in the old one.
      if (entry !== undefined && (map === this.map || this.has(entry.id))) yield entry.id
    }
  }

  *values(): IterableIterator<A> {
    const { map } = this
    for (const entry of map.values()) {
      // A new map may have replaced the iterated one, and an entry replaced in the new map is still in the old one.
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
    // The new map has never held more ids than the old one, so its `most` need not be larger.
    while (map.size > 0 && this.most < this.map.size) this.most *= 2
    this.map = map
    this.left = map.size - size
    this.move = undefined
    this.isListed = false
  }
}

/** A map of entries by id. As long as it has never exceeded `small` entries, it deletes ids immediately. */
export const make = <A extends Named = Entry>(small = smallMap): Entries<A> => new InSteps<A>(small)

/** Lists the ids in steps. Ids that stay are listed exactly once. Ids that are added meanwhile may be missing. */
export const ids = (self: Entries): Iterable<string> => (self as InSteps<Entry>).ids()

/** Removes all entries and returns them. Ids without a value in the result belong to entries removed earlier. */
export const empty = (self: Entries): ReadonlyMap<string, Entry | undefined> => (self as InSteps<Entry>).empty()
