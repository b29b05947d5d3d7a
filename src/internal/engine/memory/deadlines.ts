/**
 * The entries of memory that expire: whether one has, and which, is known without a look at the others. Each entry knows
 * its place, so that one that leaves takes no search and leaves nothing behind.
 *
 * An entry is a newcomer, in no order, until the first deadline among the newcomers has passed; then they enter a heap by
 * deadline. Most entries of a full memory are evicted before: they cost no order.
 *
 * A read that moves the deadline of an entry on does not touch the heap: the entry stands at an earlier time than it has,
 * and moves when that time has come.
 */
import { enteringDeadlines } from "../../defaults.ts"
import { type Entry, nowhere } from "./entry.ts"

export interface Deadlines {
  readonly newcomers: Array<Entry>
  /** no newcomer expires before this */
  earliest: number
  /** the heap */
  readonly entries: Array<Entry>
  /** when the entry of the heap at the same place expires, at the earliest */
  readonly times: Array<number>
}

/** The place above another one. */
const above = (place: number): number => (place - 1) >> 1

/** A newcomer's index and its place, which is below `nowhere`. */
const mirrored = (indexOrPlace: number): number => nowhere - 1 - indexOrPlace

export const make = (): Deadlines => ({ newcomers: [], earliest: Infinity, entries: [], times: [] })

export const add = (self: Deadlines, entry: Entry): void => {
  const { expiresAt } = entry
  if (expiresAt === Infinity) return
  entry.place = mirrored(self.newcomers.length)
  self.newcomers.push(entry)
  if (expiresAt < self.earliest) self.earliest = expiresAt
}

export const remove = (self: Deadlines, entry: Entry): void => {
  const { place } = entry
  if (place === nowhere) return
  entry.place = nowhere
  if (place < nowhere) return removeNewcomer(self, entry, place)
  const last = self.entries.pop()!
  const time = self.times.pop()!
  if (last !== entry) settle(self, place, last, time)
}

const removeNewcomer = ({ newcomers }: Deadlines, entry: Entry, place: number): void => {
  const last = newcomers.pop()!
  if (last === entry) return
  newcomers[mirrored(place)] = last
  last.place = place
}

/** After the deadline of an entry of memory was changed. */
export const changed = (self: Deadlines, entry: Entry): void => {
  remove(self, entry)
  add(self, entry)
}

/** An entry that has expired; `undefined`: none has, or it is among thousands of newcomers and found a little later. */
export const firstExpired = (self: Deadlines, now: number): Entry | undefined => {
  if (now >= self.earliest) enter(self)
  while (self.times.length > 0 && self.times[0]! <= now) {
    const entry = self.entries[0]!
    if (entry.expiresAt <= now) return entry
    // reads have moved its deadline on
    remove(self, entry)
    if (entry.expiresAt < Infinity) push(self, entry)
  }
  return undefined
}

const enter = (self: Deadlines): void => {
  const { newcomers } = self
  for (let left = enteringDeadlines; left > 0 && newcomers.length > 0; left--) push(self, newcomers.pop()!)
  if (newcomers.length === 0) self.earliest = Infinity
}

const push = (self: Deadlines, entry: Entry): void => {
  const { expiresAt } = entry
  self.entries.push(entry)
  self.times.push(expiresAt)
  rise(self, self.entries.length - 1, entry, expiresAt)
}

/** Puts an entry where it belongs, from a place that is free. */
const settle = (self: Deadlines, place: number, entry: Entry, time: number): void => {
  if (place > 0 && time < self.times[above(place)]!) rise(self, place, entry, time)
  else sink(self, place, entry, time)
}

const rise = (self: Deadlines, from: number, entry: Entry, time: number): void => {
  const { entries, times } = self
  let place = from
  while (place > 0) {
    const parent = above(place)
    if (times[parent]! <= time) break
    put(self, place, entries[parent]!, times[parent]!)
    place = parent
  }
  put(self, place, entry, time)
}

const sink = (self: Deadlines, from: number, entry: Entry, time: number): void => {
  const { entries, times } = self
  let place = from
  while (true) {
    let child = 2 * place + 1
    if (child >= times.length) break
    if (child + 1 < times.length && times[child + 1]! < times[child]!) child++
    if (times[child]! >= time) break
    put(self, place, entries[child]!, times[child]!)
    place = child
  }
  put(self, place, entry, time)
}

const put = ({ entries, times }: Deadlines, place: number, entry: Entry, time: number): void => {
  entries[place] = entry
  times[place] = time
  entry.place = place
}
