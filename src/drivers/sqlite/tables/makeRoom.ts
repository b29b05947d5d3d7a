/**
 * Makes room: expired entries go first, then those written longest ago, with a second chance (F. J. Corbató, "A Paging
 * Experiment with the Multics System", 1968). An entry that was read is moved behind the others instead, once for any
 * number of reads. Reads are remembered in this process alone, so that no read has to write.
 */
import type { DatabaseSync } from "node:sqlite"
import { readsRemembered } from "../../../internal/defaults/folders.ts"
import { atomically, pragma } from "../file/schema.ts"
import { fromColumn } from "./text.ts"

export interface Room {
  /** The entry was read. */
  readonly used: (id: string) => void
  /** The entry was written or removed: its new state has no reads yet. */
  readonly written: (id: string) => void
  /** Removes at most so many expired entries, and answers their bytes. */
  readonly dropExpired: (now: number, most: number) => number
  /** Makes room for so many bytes and some more, so that a full database does not do this at every write. */
  readonly make: (size: number, now: number) => void
}

interface Row {
  readonly seq: number
  readonly id: string
  readonly size: number
}

/** How many bytes are moved at once: moving an entry writes it again. */
const mostMoved = 4 * 1024 * 1024

/** `dropOthers` frees so many pages where no entry is left that could. */
export const make = (database: DatabaseSync, maxSize: number, dropOthers: (pages: number) => void): Room => {
  const nextEnd = database.prepare(
    "SELECT expires_at AS at FROM entry WHERE expires_at < 9e999 ORDER BY expires_at LIMIT 1"
  )
  const expired = database.prepare(
    // SQLite looks in the index for the bound that it reads first. The other one only says that this is the index to use:
    // looked for first, it is a look at every entry.
    `DELETE FROM entry WHERE seq IN (SELECT seq FROM entry WHERE expires_at <= ? AND expires_at < 9e999 LIMIT ?)
     RETURNING length(frame) AS size`
  )
  const page = database.prepare("SELECT seq, id, length(frame) AS size FROM entry WHERE seq > ? ORDER BY seq LIMIT 64")
  const drop = database.prepare("DELETE FROM entry WHERE seq = ?")
  const moveBehind = database.prepare("UPDATE entry SET seq = (SELECT max(seq) + 1 FROM entry) WHERE seq = ?")
  // At least some pages: dropping a few small entries may free none.
  const pageSize = pragma(database, "page_size")
  const slack = Math.max(maxSize / 1024, 4 * pageSize)
  const freePages = () => pragma(database, "freelist_count")
  const marks = new Set<string>()

  const dropExpired = (now: number, most: number): number => {
    // to find that there is nothing to remove costs much less than to remove nothing
    const next = nextEnd.get()
    if (next === undefined || Number(next["at"]) > now) return 0
    return expired.all(now, most).reduce((total, { size }) => total + Number(size), 0)
  }

  const oldestFirst = function*(): Generator<Row> {
    for (let after = -Infinity;;) {
      const rows = page.all(after)
      for (const { id, seq, size } of rows) yield { seq: Number(seq), id: fromColumn(id), size: Number(size) }
      if (rows.length === 0) return
      after = Number(rows[rows.length - 1]!["seq"])
    }
  }

  const dropRow = ({ seq, size }: Row): number => {
    drop.run(seq)
    return size
  }

  /** Removes entries until so many bytes are free, and answers those that were spared on the way. */
  const dropUnread = (wanted: number, now: number): ReadonlyArray<Row> => {
    const spared: Array<Row> = []
    let freed = dropExpired(now, 1024)
    for (const row of oldestFirst()) {
      if (freed >= wanted) return spared
      if (marks.has(row.id)) spared.push(row)
      else freed += dropRow(row)
    }
    // All entries that are left were read: the oldest go.
    let gone = 0
    while (freed < wanted && gone < spared.length) freed += dropRow(spared[gone++]!)
    return spared.slice(gone)
  }

  return {
    used(id) {
      if (marks.size >= readsRemembered && !marks.has(id)) marks.delete(marks.keys().next().value!)
      marks.add(id)
    },
    written: (id) => void marks.delete(id),
    dropExpired,
    make(size, now) {
      const spared = atomically(database, () => {
        const before = freePages()
        const spared = dropUnread(size + slack, now)
        if (spared.length === 0 && freePages() === before) dropOthers(Math.ceil((size + slack) / pageSize))
        return spared
      })
      const moving = atMost(spared, mostMoved)
      // Spared once, moved or not: an entry that is read all the time must not stay for ever.
      for (const { id } of moving) marks.delete(id)
      try {
        atomically(database, () => moving.forEach(({ seq }) => moveBehind.run(seq)))
      } catch {
        // There is room, which is what was asked. Entries that were not moved have had their chance.
      }
    }
  }
}

/** The first rows with at most so many bytes together, but at least one. The others are moved the next time. */
const atMost = (rows: ReadonlyArray<Row>, bytes: number): ReadonlyArray<Row> => {
  let total = 0
  return rows.filter(({ size }, i) => (total += size) <= bytes || i === 0)
}
