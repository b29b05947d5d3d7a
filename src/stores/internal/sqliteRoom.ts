/**
 * Making room: what has expired goes first, then what was written longest ago, with a second chance (F. J. Corbató, "A
 * Paging Experiment with the Multics System", 1968). An entry that was read is moved behind the others instead, once for
 * however many reads. Reads are remembered in this process alone, so that none of them has to write.
 */
import type { DatabaseSync } from "node:sqlite"
import { readsRemembered } from "../../internal/defaults.ts"
import { fromColumn } from "./sqliteColumn.ts"
import { atomically, pragma } from "./sqliteFile.ts"

interface Room {
  /** The entry was read. */
  readonly used: (id: string) => void
  /** The entry is another one, or none, which nobody has read yet. */
  readonly written: (id: string) => void
  /** Drops so many of what has expired, and answers how many bytes that was. */
  readonly dropExpired: (now: number, most: number) => number
  /** Makes room for so many bytes and a little more, so that a full database does not do this at every write. */
  readonly make: (size: number, now: number) => void
}

interface Row {
  readonly seq: number
  readonly id: string
  readonly size: number
}

/** To move an entry is to write it anew: so many bytes are moved at once. */
const mostMoved = 4 * 1024 * 1024

export const make = (database: DatabaseSync, maxSize: number): Room => {
  const expired = database.prepare(
    `DELETE FROM entry WHERE seq IN (SELECT seq FROM entry WHERE expires_at < 9e999 AND expires_at <= ? LIMIT ?)
     RETURNING length(frame) AS size`
  )
  const page = database.prepare("SELECT seq, id, length(frame) AS size FROM entry WHERE seq > ? ORDER BY seq LIMIT 64")
  const drop = database.prepare("DELETE FROM entry WHERE seq = ?")
  const moveBehind = database.prepare("UPDATE entry SET seq = (SELECT max(seq) + 1 FROM entry) WHERE seq = ?")
  // At least some pages: dropping a few small entries may free none.
  const slack = Math.max(maxSize / 1024, 4 * pragma(database, "page_size"))
  const marks = new Set<string>()

  const dropExpired = (now: number, most: number): number =>
    expired.all(now, most).reduce((total, { size }) => total + Number(size), 0)

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

  /** Drops until so much is free, and answers what was spared on the way. */
  const dropUnread = (wanted: number, now: number): ReadonlyArray<Row> => {
    const spared: Array<Row> = []
    let freed = dropExpired(now, 1024)
    for (const row of oldestFirst()) {
      if (freed >= wanted) return spared
      if (marks.has(row.id)) spared.push(row)
      else freed += dropRow(row)
    }
    // All that is left was read: the oldest of it goes.
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
      const spared = atomically(database, () => dropUnread(size + slack, now))
      const moving = atMost(spared, mostMoved)
      // Once only, whether they can be moved or not: what is read all the time must not stay for that alone.
      for (const { id } of moving) marks.delete(id)
      try {
        atomically(database, () => moving.forEach(({ seq }) => moveBehind.run(seq)))
      } catch {
        // There is room, as was asked. Those that keep their place have had their chance.
      }
    }
  }
}

/** The first of them, as many as have so many bytes together, and one at least: the others' turn comes next time. */
const atMost = (rows: ReadonlyArray<Row>, bytes: number): ReadonlyArray<Row> => {
  let total = 0
  return rows.filter(({ size }, i) => (total += size) <= bytes || i === 0)
}
