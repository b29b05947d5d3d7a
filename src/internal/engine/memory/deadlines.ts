/**
 * The entries of memory that expire, in a heap by deadline: which one has expired is known without a look at the
 * others. Each entry knows its place, so that one that leaves takes no search and leaves nothing behind.
 *
 * A read that moves the deadline of an entry on does not touch the heap: the entry stands at an earlier time than it has,
 * and moves when that time has come.
 *
 * A place of the heap has eight below it, side by side. A full memory that misses removes from the top again and again, and
 * with two below each place an entry would move three times as often.
 */
import { type Entry, nowhere } from "./entry.ts"

export interface Deadlines {
  readonly entries: Array<Entry>
  /** when the entry at the same place expires, at the earliest */
  readonly times: Array<number>
}

const arity = 8

/** The place above another one. */
const above = (place: number): number => Math.floor((place - 1) / arity)

export const make = (): Deadlines => ({ entries: [], times: [] })

export const add = (self: Deadlines, entry: Entry): void => {
  if (entry.expiresAt === Infinity) return
  self.entries.push(entry)
  self.times.push(entry.expiresAt)
  rise(self, self.entries.length - 1, entry, entry.expiresAt)
}

export const remove = (self: Deadlines, entry: Entry): void => {
  const { place } = entry
  if (place === nowhere) return
  entry.place = nowhere
  const last = self.entries.pop()!
  const time = self.times.pop()!
  if (last !== entry) settle(self, place, last, time)
}

/** After the deadline of an entry of memory was changed. */
export const changed = (self: Deadlines, entry: Entry): void => {
  remove(self, entry)
  add(self, entry)
}

/** An entry that has expired; `undefined`: none has. */
export const firstExpired = (self: Deadlines, now: number): Entry | undefined => {
  while (self.times.length > 0 && self.times[0]! <= now) {
    const entry = self.entries[0]!
    if (entry.expiresAt <= now) return entry
    // reads have moved its deadline on
    changed(self, entry)
  }
  return undefined
}

/** Puts an entry where it belongs, from a place that is free. */
const settle = (self: Deadlines, place: number, entry: Entry, time: number): void => {
  if (place > 0 && time < self.times[above(place)]!) rise(self, place, entry, time)
  else sink(self, place, entry, time)
}

const rise = ({ entries, times }: Deadlines, from: number, entry: Entry, time: number): void => {
  let place = from
  while (place > 0) {
    const parent = above(place)
    if (times[parent]! <= time) break
    entries[place] = entries[parent]!
    times[place] = times[parent]!
    entries[place]!.place = place
    place = parent
  }
  entries[place] = entry
  times[place] = time
  entry.place = place
}

const sink = ({ entries, times }: Deadlines, from: number, entry: Entry, time: number): void => {
  let place = from
  while (true) {
    const first = arity * place + 1
    if (first >= times.length) break
    const end = Math.min(first + arity, times.length)
    let child = first
    for (let i = first + 1; i < end; i++) if (times[i]! < times[child]!) child = i
    if (times[child]! >= time) break
    entries[place] = entries[child]!
    times[place] = times[child]!
    entries[place]!.place = place
    place = child
  }
  entries[place] = entry
  times[place] = time
  entry.place = place
}
