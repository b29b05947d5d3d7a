/**
 * Orders the entries of memory by deadline in a hierarchical timer wheel (Varghese and Lauck, SOSP 1987): eight levels
 * of 16 buckets. A bucket of the first level spans one millisecond; a bucket of each higher level spans the whole level
 * below: 16 ms, 256 ms, 4 s, a minute, 17 minutes, 5 hours, 3 days. An entry is on the lowest level that reaches its
 * deadline, and moves down when the clock enters its bucket's span. A bucket is a ring linked through its entries. A
 * read that extends a deadline leaves the entry in place; the entry is filed again when its old deadline passes.
 */
import { enteringDeadlines } from "../../defaults/bounds.ts"
import type { WallTime } from "../../time/wallTime.ts"
import type { Due, Entry } from "./entry.ts"

export interface Deadlines {
  /** Buckets are created on demand, because each transaction makes a memory of its own, which must be cheap. */
  readonly buckets: Array<Due | undefined>
  /** For each level, a bit mask of buckets that may hold entries. A bit is cleared once its bucket is found empty. */
  readonly filled: Array<number>
  size: number
  /** On the scale of `time`, which does not go back. All other times are those of the wall clock. */
  tick: number
  readonly time: WallTime
}

const levels = 8
const perLevel = 16

/** The milliseconds that a bucket of each level spans. The last element is the span of the whole wheel. */
const spans = Array.from({ length: levels + 1 }, (_, level) => perLevel ** level)

const makeHead = (): Due => {
  const head: Due = { previousDue: undefined, nextDue: undefined }
  head.previousDue = head.nextDue = head
  return head
}

export const make = (time: WallTime): Deadlines => ({
  buckets: [],
  filled: new Array<number>(levels).fill(0),
  size: 0,
  tick: 0,
  time
})

export const isEmpty = ({ size }: Deadlines): boolean => size === 0

export const add = (self: Deadlines, entry: Entry, at = entry.expiresAt): void => {
  const { setBackMillis } = self.time
  const expiresAt = at + setBackMillis
  if (expiresAt === Infinity) return
  if (isEmpty(self)) self.tick = Math.max(self.tick, Math.floor(entry.createdAt + setBackMillis))
  const { tick } = self
  // An entry that has already expired, or whose deadline is not a number, is due at the current tick.
  const time = expiresAt > tick ? Math.ceil(expiresAt) : tick
  let level = 0
  while (level < levels - 1 && time - tick >= spans[level + 1]!) level++
  // An entry with a deadline beyond the end of the wheel goes into the last bucket, and is filed again from there.
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

/** Removes all entries. They remain linked to each other, so callers must not use them with this module again. */
export const removeAll = (self: Deadlines): void => {
  self.buckets.length = 0
  self.filled.fill(0)
  self.size = 0
}

export const changed = (self: Deadlines, entry: Entry): void => {
  remove(self, entry)
  add(self, entry)
}

/** Returns an expired entry, if one is among the first `enteringDeadlines` entries whose buckets are due. */
export const firstExpired = (self: Deadlines, now: number): Entry | undefined => {
  for (let left = enteringDeadlines; left > 0; left--) {
    const entry = nextDue(self, now)
    if (entry === undefined || !(entry.expiresAt > now)) return entry
    // The entry is not due yet: a read has extended its deadline, or the deadline lies later within the bucket's span.
    changed(self, entry)
  }
  return undefined
}

/** The next entry whose bucket is due, expired or not. `undefined` if there is none, or if the wheel is ahead. */
export const nextDue = (self: Deadlines, now: number): Entry | undefined => {
  const { buckets, filled } = self
  const until = Math.floor(now + self.time.setBackMillis)
  if (until < self.tick) return undefined
  for (;;) {
    const { tick } = self
    let step = 1
    for (let level = 0; level < levels; level++) {
      const span = spans[level]!
      if (filled[level] === 0) {
        // If this level and all lower ones are empty, the wheel can advance by the span of this whole level.
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
