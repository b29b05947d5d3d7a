/**
 * The entries of memory that expire: whether one has, and which, is known without a look at the others.
 *
 * A hierarchical timer wheel (Varghese and Lauck, SOSP 1987): eight levels of 16 buckets. A bucket of the first level is one
 * millisecond, one of each further level all of the level below: 16 ms, 256 ms, 4 s, a minute, 17 minutes, 5 hours, 3
 * days. An entry is filed in the bucket of its deadline on the lowest level that reaches that far; when the time of the
 * bucket begins, it is filed again, further down. So an entry takes a few constant steps in its life, and one that leaves
 * early takes one more: a bucket is a ring of entries that are linked through themselves.
 *
 * A read that moves the deadline of an entry on does not touch its place: it is filed again when its former time has come.
 */
import { enteringDeadlines } from "../../defaults/bounds.ts"
import type { Due, Entry } from "./entry.ts"

export interface Deadlines {
  /** of all levels, one after the other; made when an entry needs one, because each transaction has a memory */
  readonly buckets: Array<Due | undefined>
  /** of each level a bit for each bucket that may have entries: it is taken back when somebody finds none there */
  readonly filled: Array<number>
  /** how many entries there are */
  size: number
  /** the millisecond that has come */
  tick: number
}

const levels = 8
const perLevel = 16

/** How many milliseconds a bucket of each level is, and behind the last how many all are. */
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
  // what has expired already, or has no time at all, is found at the next look
  const time = expiresAt > tick ? Math.ceil(expiresAt) : tick
  let level = 0
  while (level < levels - 1 && time - tick >= spans[level + 1]!) level++
  // what is further away than the wheel is long waits in the last bucket
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

/** All entries have left. They stay linked to each other: nothing may be asked of them here any more. */
export const removeAll = (self: Deadlines): void => {
  self.buckets.length = 0
  self.filled.fill(0)
  self.size = 0
}

/** After the deadline of an entry of memory was changed. */
export const changed = (self: Deadlines, entry: Entry): void => {
  remove(self, entry)
  add(self, entry)
}

/** An entry that has expired; `undefined`: none has, or it is behind thousands that live and found a little later. */
export const firstExpired = (self: Deadlines, now: number): Entry | undefined => {
  for (let left = enteringDeadlines; left > 0; left--) {
    const entry = nextDue(self, now)
    if (entry === undefined || !(entry.expiresAt > now)) return entry
    // reads have moved its deadline on, or only the time of its bucket has begun
    changed(self, entry)
  }
  return undefined
}

/**
 * After the clock was set back: else it would have to catch up before anything expires. Nothing is moved: the bucket of an
 * entry comes round again at its deadline at the latest, and where it comes sooner the entry is filed again.
 */
export const rewind = (self: Deadlines, now: number): void => {
  self.tick = Math.max(0, Math.floor(now))
}

/** An entry of a bucket whose time has begun: of a clock that was set back there is none (see `rewind`). */
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
        // where no level below has entries, only the beginnings of longer spans count
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
