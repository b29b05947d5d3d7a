/**
 * Orders the entries of memory by deadline in a hierarchical timer wheel (Varghese and Lauck, SOSP 1987): eight levels
 * of 16 buckets. A bucket of the first level spans one millisecond, and one of each further level the whole level
 * below: 16 ms, 256 ms, 4 s, a minute, 17 minutes, 5 hours, 3 days. An entry is on the lowest level that reaches its
 * deadline, and moves to a lower one when the time of its bucket begins. A bucket is a ring linked through the entries.
 * A read that extends a deadline does not move the entry, which is filed again when its old deadline comes.
 */
import { enteringDeadlines } from "../../defaults/bounds.ts"
import type { Due, Entry } from "./entry.ts"

export interface Deadlines {
  /** A bucket is made when an entry needs it, because each transaction has a memory. */
  readonly buckets: Array<Due | undefined>
  /** A bit mask for each level. A bit is cleared when the bucket is found empty. */
  readonly filled: Array<number>
  size: number
  tick: number
}

const levels = 8
const perLevel = 16

/** The last element spans the whole wheel. */
const spans = Array.from({ length: levels + 1 }, (_, level) => perLevel ** level)

const makeHead = (): Due => {
  const head: Due = { previousDue: undefined, nextDue: undefined }
  head.previousDue = head.nextDue = head
  return head
}

export const make = (): Deadlines => ({
  buckets: [],
  filled: new Array<number>(levels).fill(0),
  size: 0,
  tick: 0
})

export const isEmpty = ({ size }: Deadlines): boolean => size === 0

export const add = (self: Deadlines, entry: Entry): void => {
  const { createdAt, expiresAt } = entry
  if (expiresAt === Infinity) return
  if (isEmpty(self)) self.tick = Math.max(self.tick, Math.floor(createdAt))
  const { tick } = self
  // An entry that has already expired, or has no valid deadline, is found at the next look.
  const time = expiresAt > tick ? Math.ceil(expiresAt) : tick
  let level = 0
  while (level < levels - 1 && time - tick >= spans[level + 1]!) level++
  // A deadline beyond the wheel waits in the last bucket.
  const number = Math.floor(Math.min(time, tick + spans[levels]! - spans[level]!) / spans[level]!) % perLevel
  const head = self.buckets[level * perLevel + number] ??= makeHead()
  const last = head.previousDue!
  entry.previousDue = last
  entry.nextDue = head
  last.nextDue = head.previousDue = entry
  self.filled[level]! |= 1 << number
  self.size++
}

export const remove = (self: Deadlines, entry: Entry): void => {
  const { nextDue, previousDue } = entry
  if (nextDue === undefined) return
  previousDue!.nextDue = nextDue
  nextDue.previousDue = previousDue
  entry.previousDue = entry.nextDue = undefined
  if (--self.size === 0) self.filled.fill(0)
}

/** Removes all entries. They stay linked to each other, so they must not be passed to this module again. */
export const removeAll = (self: Deadlines): void => {
  self.buckets.length = 0
  self.filled.fill(0)
  self.size = 0
}

export const changed = (self: Deadlines, entry: Entry): void => {
  remove(self, entry)
  add(self, entry)
}

/** Misses an expired entry behind thousands of live ones until a later call. */
export const firstExpired = (self: Deadlines, now: number): Entry | undefined => {
  for (let left = enteringDeadlines; left > 0; left--) {
    const entry = nextDue(self, now)
    if (entry === undefined || !(entry.expiresAt > now)) return entry
    // A read has extended the deadline, or only the time of the bucket has begun.
    changed(self, entry)
  }
  return undefined
}

/** Sets the wheel back with the clock. Moves no entry: each bucket comes round again at its deadline at the latest. */
export const rewind = (self: Deadlines, now: number): void => {
  self.tick = Math.max(0, Math.floor(now))
}

/** Returns none if the clock was set back (see `rewind`). */
export const nextDue = (self: Deadlines, now: number): Entry | undefined => {
  const { buckets, filled } = self
  const until = Math.floor(now)
  if (until < self.tick) return undefined
  for (;;) {
    const { tick } = self
    let step = 1
    for (let level = 0; level < levels; level++) {
      const span = spans[level]!
      if (filled[level] === 0) {
        // Without entries on lower levels, only the starts of longer spans matter.
        if (step === span) step = spans[level + 1]!
      } else if (tick % span === 0) {
        const number = tick / span % perLevel
        const head = buckets[level * perLevel + number]
        if (head !== undefined && head.nextDue !== head) return head.nextDue as Entry
        filled[level]! &= ~(1 << number)
      }
    }
    if (!(tick < until)) return undefined
    self.tick = step === spans[levels] ? until : Math.min(until, (Math.floor(tick / step) + 1) * step)
  }
}
