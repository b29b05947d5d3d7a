/**
 * Tags in memory: one counter that only grows (the epoch), and for each tag the epoch of its last invalidation. No
 * clock takes part, so nothing that happens in one millisecond can be confused.
 */
import * as Defaults from "../../defaults.ts"

export interface TagEpochs {
  /** moves with every invalidation of a tag: an entry checked in this epoch needs no second look */
  epoch: number
  /** gone, by a hard invalidation */
  readonly hard: Table
  /** stale, by a soft one */
  readonly soft: Table
  /** called before an entry is believed that was not yet checked in this epoch */
  ensureTracking: (() => void) | undefined
}

interface Table {
  readonly invalidatedAt: Map<string, number>
  /** tags that were forgotten count as invalidated at this epoch */
  floor: number
}

export type Mode = "hard" | "soft"

const makeTable = (): Table => ({ invalidatedAt: new Map(), floor: 0 })

export const make = (): TagEpochs => ({ epoch: 0, hard: makeTable(), soft: makeTable(), ensureTracking: undefined })

/** The epoch, once all that has changed elsewhere is heard: what was before counts as before. */
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
  // bounded: what is forgotten errs to a miss
  for (const [tag, at] of table.invalidatedAt) {
    if (table.invalidatedAt.size <= Defaults.tagEpochs) break
    table.invalidatedAt.delete(tag)
    table.floor = at
  }
}

export const changedSince = (self: TagEpochs, tags: ReadonlyArray<string>, bornAt: number): boolean =>
  isSince(self.hard, tags, bornAt)

export const softenedSince = (self: TagEpochs, tags: ReadonlyArray<string>, bornAt: number): boolean =>
  isSince(self.soft, tags, bornAt)

/** gone or stale: nothing to be joined by who comes now */
export const movedSince = (self: TagEpochs, tags: ReadonlyArray<string>, bornAt: number): boolean =>
  changedSince(self, tags, bornAt) || softenedSince(self, tags, bornAt)

const isSince = ({ floor, invalidatedAt }: Table, tags: ReadonlyArray<string>, bornAt: number): boolean => {
  for (let i = 0; i < tags.length; i++) {
    const at = invalidatedAt.get(tags[i]!)
    if (at === undefined ? bornAt < floor : bornAt < at) return true
  }
  return false
}
