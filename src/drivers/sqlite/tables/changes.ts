/**
 * The log of changes to the database, for the other processes. A row costs a few bytes and is written in the transaction
 * of its change. A process that has fallen behind the rows that are kept gets a `Gap`.
 */
import type { DatabaseSync } from "node:sqlite"
import { changesKept } from "../../../internal/defaults/stores.ts"
import type { Change } from "../../../ports/store.ts"
import type { Changed } from "../../shared/recentChanges.ts"
import { fromColumn, toColumn } from "./text.ts"

export interface Changes {
  readonly changed: (id: string) => void
  readonly tagsChanged: (tags: ReadonlyArray<string>) => void
  /** Room was made: nobody may use what is known of these tags. */
  readonly markersDropped: (tags: ReadonlyArray<string>) => void
  readonly allChanged: () => void
  /** The present end of the log, which moves with every change, also of this process. */
  readonly position: () => string
  /** Starts at the present end of the log. */
  readonly listen: () => () => ReadonlyArray<Change>
}

/** No connection has it. */
const nobody = -1

const kinds = { changed: 0, tagChanged: 1, allChanged: 2, gap: 3 }

const gap: Change = { _tag: "Gap" }
const nothing: ReadonlyArray<Change> = []

/** The longest text that is kept. A longer one is logged as a gap. */
const longest = 512

/** How many rows are written between two prunings of the log. */
const pruneEvery = 256

/** `note` is told what this process itself changes. */
export const make = (database: DatabaseSync, maxPages: number, note: (changed: Changed) => void): Changes => {
  // Marks the rows of this connection, which it does not report. SQLite's dice, not Effect's: two programs with one seed
  // must differ.
  const origin = Number(database.prepare("SELECT random() & 0x1fffffffffffff AS origin").get()?.["origin"])
  const insert = database.prepare("INSERT INTO change (origin, kind, subject) VALUES (?, ?, ?)")
  const select = database.prepare("SELECT seq, origin, kind, subject FROM change WHERE seq > ? ORDER BY seq")
  const last = database.prepare("SELECT max(seq) AS seq FROM change")
  const prune = database.prepare("DELETE FROM change WHERE seq <= (SELECT max(seq) FROM change) - ?")
  const kept = Math.min(changesKept, Math.max(64, maxPages))
  let written = 0

  const record = (kind: number, subject: string | undefined, by = origin) => {
    if (subject !== undefined && subject.length > longest) insert.run(by, kinds.gap, null)
    else insert.run(by, kind, subject === undefined ? null : toColumn(subject))
    if (++written % pruneEvery === 0) prune.run(kept)
  }

  const recordTags = (tags: ReadonlyArray<string>, by = origin) => {
    if (tags.length >= kept) record(kinds.gap, undefined, by)
    else for (const tag of tags) record(kinds.tagChanged, tag, by)
  }

  return {
    changed(id) {
      note({ _tag: "Entry", id })
      record(kinds.changed, id)
    },
    tagsChanged(tags) {
      for (const tag of tags) note({ _tag: "Tag", tag })
      recordTags(tags)
    },
    // of nobody: this process too must not rely on being told of what would have ended the marker of an id
    markersDropped: (tags) => recordTags(tags, nobody),
    allChanged() {
      note({ _tag: "All" })
      record(kinds.allChanged, undefined)
    },
    position: () => String(last.get()?.["seq"] ?? 0),
    listen() {
      let seen = Number(last.get()?.["seq"] ?? 0)
      return () => {
        const rows = select.all(seen)
        if (rows.length === 0) return nothing
        const isMissing = Number(rows[0]!["seq"]) !== seen + 1
        seen = Number(rows[rows.length - 1]!["seq"])
        const changes = rows.filter((row) => row["origin"] !== origin).map(toChange)
        return isMissing ? [gap, ...changes] : changes
      }
    }
  }
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
