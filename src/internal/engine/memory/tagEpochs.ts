/** Counts tag invalidations (the epoch), and notes in which epoch each tag was last invalidated. No clock is used. */
import * as Defaults from "../../defaults/bounds.ts"

export interface TagEpochs {
  /** Incremented by tag invalidations and when tracking stops. An entry checked in the current epoch needs no check. */
  epoch: number
  /** Hard invalidations, after which an entry with the tag is gone. */
  readonly hard: Table
  /** Soft invalidations, after which an entry with the tag is stale. */
  readonly soft: Table
  /** The hard invalidations by this process. The others were carried out by the store before it reported them. */
  readonly own: Table
  /**
   * Called before an entry from an older epoch is used, and with the id of a flight before that is joined. `undefined`
   * if changes by other processes are not tracked.
   */
  ensureTracking: ((joining?: string) => void) | undefined
  look: (() => void) | undefined
  /** Called before the first read in a turn of the event loop. `undefined` if the store is not polled for changes. */
  lookIfLate: (() => void) | undefined
}

interface Table {
  readonly invalidatedAt: Map<string, number>
  /** A tag missing from the table counts as invalidated in this epoch. */
  floor: number
}

export type Mode = "hard" | "soft"

const makeTable = (): Table => ({ invalidatedAt: new Map(), floor: 0 })

export const make = (): TagEpochs => ({
  epoch: 0,
  hard: makeTable(),
  soft: makeTable(),
  own: makeTable(),
  ensureTracking: undefined,
  look: undefined,
  lookIfLate: undefined
})

/** Applies the pending changes by other processes, and returns the current epoch. */
export const epochNow = (self: TagEpochs): number => {
  self.ensureTracking?.()
  return self.epoch
}

export const invalidate = (self: TagEpochs, tags: ReadonlyArray<string>, mode: Mode = "hard"): void => {
  self.epoch++
  note(self, self[mode], tags)
  if (mode === "hard") note(self, self.own, tags)
}

/** Like `invalidate`, for a hard invalidation that the store reports. */
export const noteReported = (self: TagEpochs, tags: ReadonlyArray<string>): void => {
  self.epoch++
  note(self, self.hard, tags)
}

const note = ({ epoch }: TagEpochs, table: Table, tags: ReadonlyArray<string>): void => {
  for (const tag of tags) {
    table.invalidatedAt.delete(tag)
    table.invalidatedAt.set(tag, epoch)
  }
  // The table is bounded: dropping a tag may cause extra misses, but never a stale read.
  for (const [tag, at] of table.invalidatedAt) {
    if (table.invalidatedAt.size <= Defaults.tagEpochs) break
    table.invalidatedAt.delete(tag)
    table.floor = at
  }
}

export const changedSince = (self: TagEpochs, tags: ReadonlyArray<string>, bornAt: number): boolean =>
  bornAt < self.epoch && isSince(self.hard, tags, bornAt)

/** Like `changedSince`, for invalidations by this process alone. */
export const ownSince = (self: TagEpochs, tags: ReadonlyArray<string>, bornAt: number): boolean =>
  bornAt < self.epoch && isSince(self.own, tags, bornAt)

export const softenedSince = (self: TagEpochs, tags: ReadonlyArray<string>, bornAt: number): boolean =>
  bornAt < self.epoch && isSince(self.soft, tags, bornAt)

/** Whether a tag was invalidated, hard or soft, after an epoch. Readers then do not join a flight from that epoch. */
export const movedSince = (self: TagEpochs, tags: ReadonlyArray<string>, bornAt: number): boolean =>
  changedSince(self, tags, bornAt) || softenedSince(self, tags, bornAt)

const isSince = ({ floor, invalidatedAt }: Table, tags: ReadonlyArray<string>, bornAt: number): boolean => {
  for (let i = 0; i < tags.length; i++) {
    const at = invalidatedAt.get(tags[i]!)
    if (at === undefined ? bornAt < floor : bornAt < at) return true
  }
  return false
}
