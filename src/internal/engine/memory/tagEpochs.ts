/** Counts tag invalidations (the epoch), and notes in which epoch each tag was last invalidated. No clock is used. */
import * as Defaults from "../../defaults/bounds.ts"
import { isInherited, tagsOfId, unverified } from "../../store/markers/idTags.ts"

export interface TagEpochs {
  /** Incremented by tag invalidations and when tracking stops. An entry checked in the current epoch needs no check. */
  epoch: number
  /** Hard invalidations, after which an entry with the tag is gone. */
  readonly hard: Table
  /** Soft invalidations, after which an entry with the tag is stale. */
  readonly soft: Table
  /** The hard invalidations by this process. The others were carried out by the store before it reported them. */
  readonly own: Table
  /** Changes of ids, by the tags of ids. `undefined` until something derives from other entries (`follow`). */
  ids: Table | undefined
  /**
   * Called before an entry from an older epoch is used, and with the id of a flight before that is joined. `undefined`
   * if changes by other processes are not tracked.
   */
  ensureTracking: ((joining?: string) => void) | undefined
  look: (() => void) | undefined
  /** Called before the first read in a turn of the event loop. `undefined` if the store is not polled for changes. */
  lookIfLate: (() => void) | undefined
}

/** Two generations: when `recent` is full, it becomes `older`, and what `older` had is forgotten. */
interface Table {
  recent: Map<string, number>
  older: Map<string, number>
  /** The epoch in which `recent` was begun. */
  begunAt: number
  /** A tag missing from the table counts as invalidated in this epoch. */
  floor: number
}

export type Mode = "hard" | "soft"

export const makeTable = (floor = 0): Table => ({ recent: new Map(), older: new Map(), begunAt: floor, floor })

export const make = (): TagEpochs => ({
  epoch: 0,
  hard: makeTable(),
  soft: makeTable(),
  own: makeTable(),
  ids: undefined,
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

/** Like `invalidate`, for a hard invalidation that the store reports. The tag may stand for an id. */
export const noteReported = (self: TagEpochs, tag: string): void => {
  if (isInherited(tag)) return noteIds(self, [tag])
  self.epoch++
  note(self, self.hard, [tag])
}

/**
 * Notes changes of ids from now on. All earlier ones count as unknown. Returns whether this was the first call. Called
 * before a load that derives from other entries, and for the tags of each entry that the store has.
 */
export const follow = (self: TagEpochs): boolean => {
  if (self.ids !== undefined) return false
  self.ids = makeTable(++self.epoch)
  return true
}

export const followTags = (self: TagEpochs, tags: ReadonlyArray<string>): boolean =>
  self.ids === undefined && tags.some(isInherited) && follow(self)

export const idChanged = (self: TagEpochs, id: string): void => {
  if (self.ids !== undefined) noteIds(self, tagsOfId(id))
}

const noteIds = (self: TagEpochs, tags: ReadonlyArray<string>): void => {
  if (self.ids === undefined) return
  self.epoch++
  note(self, self.ids, tags, Defaults.changedIds)
}

/** Any id may have changed. */
export const allIdsChanged = (self: TagEpochs): void => {
  if (self.ids !== undefined) self.ids = makeTable(++self.epoch)
}

/** The store answers again: what was derived without it is invalid. */
export const unverifiedEnded = (self: TagEpochs): void => noteIds(self, [unverified])

const note = ({ epoch }: TagEpochs, table: Table, tags: ReadonlyArray<string>, most = Defaults.tagEpochs): void => {
  for (const tag of tags) {
    table.recent.set(tag, epoch)
    if (table.recent.size < most) continue
    // The table is bounded: forgetting a tag may cause extra misses, but never a stale read.
    table.floor = table.begunAt
    table.begunAt = epoch
    table.older = table.recent
    table.recent = new Map()
  }
}

export const changedSince = (self: TagEpochs, tags: ReadonlyArray<string>, bornAt: number): boolean =>
  bornAt < self.epoch && isSince(self.hard, tags, bornAt, self.ids)

/** Like `changedSince`, for invalidations by this process alone. */
export const ownSince = (self: TagEpochs, tags: ReadonlyArray<string>, bornAt: number): boolean =>
  bornAt < self.epoch && isSince(self.own, tags, bornAt)

export const softenedSince = (self: TagEpochs, tags: ReadonlyArray<string>, bornAt: number): boolean =>
  bornAt < self.epoch && isSince(self.soft, tags, bornAt)

/** Whether a tag was invalidated, hard or soft, after an epoch. Readers then do not join a flight from that epoch. */
export const movedSince = (self: TagEpochs, tags: ReadonlyArray<string>, bornAt: number): boolean =>
  changedSince(self, tags, bornAt) || softenedSince(self, tags, bornAt)

const isSince = (table: Table, tags: ReadonlyArray<string>, bornAt: number, ids?: Table): boolean => {
  for (let i = 0; i < tags.length; i++) {
    const { floor, older, recent } = ids !== undefined && isInherited(tags[i]!) ? ids : table
    const at = recent.get(tags[i]!) ?? older.get(tags[i]!)
    if (at === undefined ? bornAt < floor : bornAt < at) return true
  }
  return false
}
