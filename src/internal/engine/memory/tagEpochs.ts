/**
 * Tag epochs: one counter that only grows (the epoch), and for each tag the epoch of its last invalidation. No clock
 * takes part, so two events in one millisecond keep their order.
 */
import * as Defaults from "../../defaults/bounds.ts"

export interface TagEpochs {
  /** moves with every invalidation of a tag: an entry checked in this epoch needs no second check */
  epoch: number
  /** hard invalidations: the entries are gone */
  readonly hard: Table
  /** soft invalidations: the entries are stale */
  readonly soft: Table
  /** called before an entry is used that was not checked in this epoch; `undefined` where nothing is tracked */
  ensureTracking: (() => void) | undefined
  /** applies what other processes have changed up to now; `undefined` where nothing is polled */
  look: (() => void) | undefined
  /** called before the first read of a turn of the event loop; `undefined` where nothing is polled */
  lookIfLate: (() => void) | undefined
}

interface Table {
  readonly invalidatedAt: Map<string, number>
  /** tags that are no longer in the table count as invalidated at this epoch */
  floor: number
}

export type Mode = "hard" | "soft"

const makeTable = (): Table => ({ invalidatedAt: new Map(), floor: 0 })

export const make = (): TagEpochs => ({
  epoch: 0,
  hard: makeTable(),
  soft: makeTable(),
  ensureTracking: undefined,
  look: undefined,
  lookIfLate: undefined
})

/** The epoch, after changes by other processes up to now were applied. */
export const epochNow = (self: TagEpochs): number => {
  self.ensureTracking?.()
  return self.epoch
}

export const invalidate = (self: TagEpochs, tags: ReadonlyArray<string>, mode: Mode = "hard"): void => {
  self.epoch++
  const table = self[mode]
  for (const tag of tags) {
    table.invalidatedAt.delete(tag)
    table.invalidatedAt.set(tag, self.epoch)
  }
  // bounded: a tag that is removed here costs misses, never a stale read
  for (const [tag, at] of table.invalidatedAt) {
    if (table.invalidatedAt.size <= Defaults.tagEpochs) break
    table.invalidatedAt.delete(tag)
    table.floor = at
  }
}

/** Whether one of the tags was invalidated hard after an epoch. */
export const changedSince = (self: TagEpochs, tags: ReadonlyArray<string>, bornAt: number): boolean =>
  bornAt < self.epoch && isSince(self.hard, tags, bornAt)

/** Whether one of the tags was invalidated softly after an epoch. */
export const softenedSince = (self: TagEpochs, tags: ReadonlyArray<string>, bornAt: number): boolean =>
  bornAt < self.epoch && isSince(self.soft, tags, bornAt)

/** Whether one of the tags was invalidated at all after an epoch: then a new reader does not join the flight. */
export const movedSince = (self: TagEpochs, tags: ReadonlyArray<string>, bornAt: number): boolean =>
  changedSince(self, tags, bornAt) || softenedSince(self, tags, bornAt)

const isSince = ({ floor, invalidatedAt }: Table, tags: ReadonlyArray<string>, bornAt: number): boolean => {
  for (let i = 0; i < tags.length; i++) {
    const at = invalidatedAt.get(tags[i]!)
    if (at === undefined ? bornAt < floor : bornAt < at) return true
  }
  return false
}
