/** The tag markers of a database. */
import type { DatabaseSync } from "node:sqlite"
import { markerShare } from "../../../internal/defaults/folders.ts"
import { markersKept } from "../../../internal/defaults/stores.ts"
import { ofGroup } from "../../../internal/store/markers/idTags.ts"
import { nextVersion } from "../../../internal/store/markers/markers.ts"
import type { SyncTags } from "../../../ports/storage.ts"
import type { Marker, Markers } from "../../../ports/store.ts"
import { damage } from "../fault.ts"
import type { Changes } from "./changes.ts"
import { fromColumn, toColumn } from "./text.ts"

interface Parts {
  readonly maxSize: number
  /** runs several steps as one */
  readonly atomic: <A>(steps: () => A) => A
  readonly changes: Changes
}

export const tags = (database: DatabaseSync, { atomic, changes, maxSize }: Parts): SyncTags => {
  const select = database.prepare("SELECT version, seq FROM marker WHERE tag = ?")
  const insert = database.prepare("INSERT INTO marker VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
  const replace = database.prepare("INSERT OR REPLACE INTO marker VALUES (?, ?, ?)")
  const readCount = database.prepare("SELECT value FROM sequence WHERE name = 'invalidations'")
  const nextCount = database.prepare(
    "UPDATE sequence SET value = value + 1 WHERE name = 'invalidations' RETURNING value"
  )
  const forget = database.prepare(
    "DELETE FROM marker WHERE tag IN (SELECT tag FROM marker ORDER BY seq DESC LIMIT -1 OFFSET ?) RETURNING tag"
  )
  // Tags of ids are behind nearly all others, so that one look says where nothing depends on any id.
  const someOfIds = database.prepare(`SELECT 1 FROM marker WHERE tag >= '${ofGroup}' LIMIT 1`)
  const end = database.prepare("DELETE FROM marker WHERE tag = ? OR tag = ?")
  const kept = Math.min(markersKept, Math.floor(maxSize / markerShare))
  const forgetEvery = Math.ceil(kept / 4)
  let written = 0

  const read = (tag: string): Marker | undefined => {
    const row = select.get(toColumn(tag))
    return row === undefined ? undefined : { version: String(row["version"]), seq: Number(row["seq"]) }
  }

  /** The counter of invalidations: without it every marker would look as if it were older than all loads. */
  const count = (statement: typeof readCount): number => {
    const value = statement.get()?.["value"]
    if (typeof value !== "number") throw damage("The counter of invalidations is missing")
    return value
  }

  const countWritten = (by: number) => {
    const before = Math.floor(written / forgetEvery)
    written += by
    if (Math.floor(written / forgetEvery) > before) {
      changes.markersDropped(forget.all(kept).map(({ tag }) => fromColumn(tag)))
    }
  }

  const create = (names: ReadonlyArray<string>, newVersion: () => string): Markers =>
    atomic(() => {
      const seq = count(readCount)
      for (const tag of names) insert.run(toColumn(tag), newVersion(), seq)
      const markers = names.map((tag) => read(tag)!)
      countWritten(names.length)
      return { seq, markers }
    })

  return {
    version: (tag) => read(tag)?.version,
    // The counter is read first: a marker written since then has a larger number.
    markers(names, newVersion) {
      const seq = count(readCount)
      const markers = names.map(read)
      return markers.every((marker) => marker !== undefined) ? { seq, markers } : create(names, newVersion)
    },
    invalidate: (names, newVersion, mode) =>
      atomic(() => {
        const seq = count(nextCount)
        for (const tag of names) {
          const before = mode === "soft" ? read(tag)?.version : undefined
          replace.run(toColumn(tag), nextVersion(before, mode, newVersion), seq)
        }
        changes.tagsChanged(names)
        countWritten(names.length)
      }),
    remove(names) {
      if (someOfIds.get() === undefined) return
      const [id, group] = names as [string, string]
      if (Number(end.run(toColumn(id), toColumn(group)).changes) > 0) changes.tagsChanged(names)
    }
  }
}
