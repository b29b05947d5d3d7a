/**
 * A table of recent changes, which other processes read. A row takes a few bytes and is written in the same transaction
 * as its change. If rows are removed before a process has read them, the process gets a `Gap`.
 */
import type { DatabaseSync } from "node:sqlite"
import { changesKept } from "../../../internal/defaults/stores.ts"
import type { Change } from "../../../ports/store.ts"
import type { Changed } from "../../shared/recentChanges.ts"
import { fromColumn, toColumn } from "../file/schema.ts"

export type Changes = ReturnType<typeof make>

const noOrigin = -1

const kinds = { changed: 0, tagChanged: 1, allChanged: 2, gap: 3 }

const gap: Change = { _tag: "Gap" }
const nothing: ReadonlyArray<Change> = []

/** The maximum length of an id or tag. A change to a longer one is recorded as a `Gap`. */
const longest = 512

const pruneEvery = 256

const micros = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000"

/** Prepares the statements. `note` is called with each change that this process makes. */
export const make = (database: DatabaseSync, maxPages: number, note: (changed: Changed) => void) => ({
  note,
  // Marks this connection's own rows, which reads skip. SQLite draws it, because programs may share a `Random` seed.
  origin: Number(database.prepare("SELECT random() & 0x1fffffffffffff AS origin").get()?.["origin"]),
  kept: Math.min(changesKept, Math.max(64, maxPages)),
  insert: database.prepare("INSERT INTO change (origin, kind, subject) VALUES (?, ?, ?)"),
  restart: database.prepare(
    `INSERT INTO change (seq, origin, kind) VALUES (${micros} + abs(random() % 1000), ${noOrigin}, ${kinds.gap})`
  ),
  select: database.prepare("SELECT seq, origin, kind, subject FROM change WHERE seq >= ? ORDER BY seq"),
  last: database.prepare("SELECT max(seq) AS seq FROM change"),
  ends: database.prepare("SELECT min(seq) AS first, max(seq) AS last FROM change"),
  foreign: database.prepare("SELECT max(seq) AS seq FROM change WHERE seq <= ? AND origin <> ?"),
  prune: database.prepare("DELETE FROM change WHERE seq <= ?"),
  written: 0,
  /** `written` when the running transaction began. */
  begun: 0,
  /** The last row that this process has removed. */
  pruned: 0,
  /** The last removed row that may have been another process's. */
  lost: 0
})

/** A transaction begins that may write. */
export const begin = (self: Changes): void => void (self.begun = self.written)

export const changed = (self: Changes, id: string): void => {
  self.note({ _tag: "Entry", id })
  record(self, kinds.changed, id)
}

export const tagsChanged = (self: Changes, tags: ReadonlyArray<string>): void => {
  for (const tag of tags) self.note({ _tag: "Tag", tag })
  recordTags(self, tags)
}

/** Tells tags as changed, even to this process, after their markers were dropped: later changes may go unreported. */
export const markersDropped = (self: Changes, tags: ReadonlyArray<string>): void => recordTags(self, tags, noOrigin)

export const allChanged = (self: Changes): void => {
  self.note({ _tag: "All" })
  record(self, kinds.allChanged, undefined)
}

/** The number of the last change. It grows with every change, by any process. */
export const position = ({ last }: Changes): string => String(last.get()?.["seq"] ?? 0)

/** Returns a function that reads the changes that other processes have made since its last call. */
export const listen = (self: Changes): () => ReadonlyArray<Change> => {
  let seen = Number(position(self))
  return () => {
    const rows = self.select.all(seen)
    const former = seen
    seen = Number(rows.at(-1)?.["seq"] ?? 0)
    if (seen === former) return nothing
    // Somebody has emptied the table, perhaps before its last rows were read.
    if (rows.length === 0) return [gap]
    const isKnown = rows[0]!["seq"] === former
    const changes = rows.slice(isKnown ? 1 : 0).filter((row) => row["origin"] !== self.origin).map(toChange)
    return isKnown || !isLost(self, former, Number(rows[0]!["seq"])) ? changes : [tooMany(self), ...changes]
  }
}

/** Whether rows of other processes between the last that was read and the first that is left may be missing. */
const isLost = ({ lost, pruned }: Changes, seen: number, first: number): boolean =>
  first !== seen + 1 && (first !== pruned + 1 || seen < lost)

/** Removes old rows. A process need not distrust its memory because of its own rows, however many it writes at once. */
const prune = (self: Changes): void => {
  const { first, last } = self.ends.get()!
  const to = Number(last) - self.kept
  if (to < Number(first)) return
  // If this transaction is undone, other processes may get the numbers of its rows.
  if (to > Number(last) - (self.written - self.begun)) self.lost = to
  else if (Number(first) !== self.pruned + 1) self.lost = Number(first) - 1
  self.lost = Math.max(self.lost, Number(self.foreign.get(to, self.origin)?.["seq"]))
  self.pruned = to
  self.prune.run(to)
}

const tooMany = ({ kept }: Changes): Change => ({
  _tag: "Gap",
  why: `more than ${kept} changes since this process last asked`
})

const record = (self: Changes, kind: number, subject: string | undefined, by = self.origin): void => {
  const isTooLong = subject !== undefined && subject.length > longest
  const { lastInsertRowid } = self.insert.run(
    by,
    isTooLong ? kinds.gap : kind,
    isTooLong || subject === undefined ? null : toColumn(subject)
  )
  // Somebody has emptied the table. Later numbers are above all that it had, and readers learn of the gap.
  if (lastInsertRowid === 1) self.restart.run()
  if (++self.written % pruneEvery === 0) prune(self)
}

const recordTags = (self: Changes, tags: ReadonlyArray<string>, by = self.origin): void => {
  if (tags.length >= self.kept) record(self, kinds.gap, undefined, by)
  else for (const tag of tags) record(self, kinds.tagChanged, tag, by)
}

const toChange = ({ kind, subject }: Record<string, unknown>): Change => {
  switch (kind) {
    case kinds.changed:
      return { _tag: "Changed", id: fromColumn(subject) }
    case kinds.tagChanged:
      return { _tag: "TagChanged", tag: fromColumn(subject) }
    case kinds.allChanged:
      return { _tag: "AllChanged" }
    default:
      return gap
  }
}
