/** Stores the markers (versions) of tags in a table of the database. */
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { markerShare } from "../../../internal/defaults/folders.ts"
import { markersKept } from "../../../internal/defaults/stores.ts"
import { ofGroup } from "../../../internal/store/markers/idTags.ts"
import { nextVersion } from "../../../internal/store/markers/markers.ts"
import type { SyncTags } from "../../../ports/storage.ts"
import type { InvalidationMode, Marker, Markers } from "../../../ports/store.ts"
import { damage } from "../fault.ts"
import { fromColumn, toColumn } from "../file/schema.ts"
import * as Batch from "../transactions/batch.ts"
import * as Changes from "./changes.ts"

interface Options {
  readonly maxSize: number
  readonly batch: Batch.Batch
  readonly changes: Changes.Changes
}

type Tags = ReturnType<typeof make>

export const make = (database: DatabaseSync, options: Options) => ({
  ...options,
  kept: Math.min(markersKept, Math.floor(options.maxSize / markerShare)),
  select: database.prepare("SELECT version, seq FROM marker WHERE tag = ?"),
  insert: database.prepare("INSERT INTO marker VALUES (?, ?, ?) ON CONFLICT DO NOTHING"),
  replace: database.prepare("INSERT OR REPLACE INTO marker VALUES (?, ?, ?)"),
  readCount: database.prepare("SELECT value FROM sequence WHERE name = 'invalidations'"),
  nextCount: database.prepare("UPDATE sequence SET value = value + 1 WHERE name = 'invalidations' RETURNING value"),
  forget: database.prepare(
    "DELETE FROM marker WHERE tag IN (SELECT tag FROM marker ORDER BY seq DESC LIMIT -1 OFFSET ?) RETURNING tag"
  ),
  // Tags that stand for ids sort after nearly all other tags, so one lookup shows whether any entry depends on an id.
  someOfIds: database.prepare(`SELECT 1 FROM marker WHERE tag >= '${ofGroup}' LIMIT 1`),
  delete: database.prepare("DELETE FROM marker WHERE tag = ?"),
  written: 0
})

/** Implements the tags of `SyncStorage`. `current` returns the table of the database that is now in use. */
export const storage = (current: () => Tags): SyncTags => ({
  version: (tag) => read(current(), tag)?.version,
  markers: (names, newVersion) => markers(current(), names, newVersion),
  invalidate: (names, newVersion, mode) => invalidate(current(), names, newVersion, mode),
  remove: (names) => remove(current(), names)
})

const read = ({ select }: Tags, tag: string): Marker | undefined => {
  const row = select.get(toColumn(tag))
  return row === undefined ? undefined : { version: String(row["version"]), seq: Number(row["seq"]) }
}

/** Reads the counter of invalidations before the markers, so that each later invalidation has a number above `seq`. */
const markers = (self: Tags, names: ReadonlyArray<string>, newVersion: () => string): Markers => {
  const seq = count(self.readCount)
  const markers = names.map((tag) => read(self, tag))
  return markers.every((marker) => marker !== undefined) ? { seq, markers } : create(self, names, newVersion)
}

const create = (self: Tags, names: ReadonlyArray<string>, newVersion: () => string): Markers =>
  Batch.atomic(self.batch, () => {
    const seq = count(self.readCount)
    for (const tag of names) self.insert.run(toColumn(tag), newVersion(), seq)
    const markers = names.map((tag) => read(self, tag)!)
    countWritten(self, names.length)
    return { seq, markers }
  })

export const invalidate = (
  self: Tags,
  names: ReadonlyArray<string>,
  newVersion: () => string,
  mode?: InvalidationMode
): void =>
  Batch.atomic(self.batch, () => {
    const seq = count(self.nextCount)
    for (const tag of names) {
      const before = mode === "soft" ? read(self, tag)?.version : undefined
      self.replace.run(toColumn(tag), nextVersion(before, mode, newVersion), seq)
    }
    Changes.tagsChanged(self.changes, names)
    countWritten(self, names.length)
  })

export const remove = (self: Tags, names: ReadonlyArray<string>): void => {
  if (self.someOfIds.get() === undefined) return
  const deleted = names.filter((name) => Number(self.delete.run(toColumn(name)).changes) > 0)
  if (deleted.length > 0) Changes.tagsChanged(self.changes, deleted)
}

/** Reads the counter of invalidations. Throws if it is missing: if it restarted at 0, new markers would seem old. */
const count = (statement: StatementSync): number => {
  const value = statement.get()?.["value"]
  if (typeof value !== "number") throw damage("The counter of invalidations is missing")
  return value
}

const countWritten = (self: Tags, by: number): void => {
  const { changes, forget, kept } = self
  const forgetEvery = Math.ceil(kept / 4)
  const before = Math.floor(self.written / forgetEvery)
  self.written += by
  if (Math.floor(self.written / forgetEvery) > before) {
    Changes.markersDropped(changes, forget.all(kept).map(({ tag }) => fromColumn(tag)))
  }
}
