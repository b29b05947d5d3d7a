/**
 * Makes room: expired entries go first, then those written longest ago, with a second chance (F. J. Corbató, "A Paging
 * Experiment with the Multics System", 1968): an entry that was read is moved behind the others instead. Reads are
 * remembered in this process alone, so that no read has to write.
 */
import type { DatabaseSync } from "node:sqlite"
import { readsRemembered } from "../../../internal/defaults/folders.ts"
import { atomically, fromColumn, pragma } from "../file/schema.ts"

export type Room = ReturnType<typeof make>

interface Row {
  readonly seq: number
  readonly id: string
  readonly size: number
}

/** How many bytes are moved at once: moving an entry writes it again. */
const mostMoved = 4 * 1024 * 1024

/** `dropOthers` frees so many pages where no entry is left that could. */
export const make = (database: DatabaseSync, maxSize: number, dropOthers: (pages: number) => void) => {
  const pageSize = pragma(database, "page_size")
  return {
    database,
    dropOthers,
    pageSize,
    // Freed in addition, so that not every write makes room. At least some pages: a few small entries may free none.
    slack: Math.max(maxSize / 1024, 4 * pageSize),
    /** The ids of entries that this process has read since they were written, the first that was read first. */
    wasRead: new Set<string>(),
    nextEnd: database.prepare(
      "SELECT expires_at AS at FROM entry WHERE expires_at < 9e999 ORDER BY expires_at LIMIT 1"
    ),
    expired: database.prepare(
      // SQLite looks in the index for the first bound only. The second one selects the index: first, it would scan all.
      `DELETE FROM entry WHERE seq IN (SELECT seq FROM entry WHERE expires_at <= ? AND expires_at < 9e999 LIMIT ?)
       RETURNING length(frame) AS size`
    ),
    page: database.prepare("SELECT seq, id, length(frame) AS size FROM entry WHERE seq > ? ORDER BY seq LIMIT 64"),
    drop: database.prepare("DELETE FROM entry WHERE seq = ?"),
    moveBehind: database.prepare("UPDATE entry SET seq = (SELECT max(seq) + 1 FROM entry) WHERE seq = ?")
  }
}

export const noteRead = ({ wasRead }: Room, id: string): void => {
  if (wasRead.size >= readsRemembered && !wasRead.has(id)) wasRead.delete(wasRead.keys().next().value!)
  wasRead.add(id)
}

/** Its new state has no reads yet. */
export const noteWrite = ({ wasRead }: Room, id: string): void => void wasRead.delete(id)

/** Answers the bytes of the removed entries. */
export const dropExpired = ({ expired, nextEnd }: Room, now: number, most: number): number => {
  // To find that there is nothing to remove costs much less than to remove nothing.
  const next = nextEnd.get()
  if (next === undefined || Number(next["at"]) > now) return 0
  return expired.all(now, most).reduce((total, { size }) => total + Number(size), 0)
}

export const free = (self: Room, size: number, now: number): void => {
  const { database, dropOthers, moveBehind, pageSize, slack, wasRead } = self
  const spared = atomically(database, () => {
    const before = pragma(database, "freelist_count")
    const spared = dropUnread(self, size + slack, now)
    if (spared.length === 0 && pragma(database, "freelist_count") === before) {
      dropOthers(Math.ceil((size + slack) / pageSize))
    }
    return spared
  })
  const moving = atMost(spared, mostMoved)
  // Spared once, moved or not: an entry that is read all the time must not stay for ever.
  for (const { id } of moving) wasRead.delete(id)
  try {
    atomically(database, () => moving.forEach(({ seq }) => moveBehind.run(seq)))
  } catch {
    // There is room, as was asked. Entries that were not moved have had their chance.
  }
}

/** Answers the entries that were spared. */
const dropUnread = (self: Room, wanted: number, now: number): ReadonlyArray<Row> => {
  const spared: Array<Row> = []
  let freed = dropExpired(self, now, 1024)
  for (const row of oldestFirst(self)) {
    if (freed >= wanted) return spared
    if (self.wasRead.has(row.id)) spared.push(row)
    else freed += dropRow(self, row)
  }
  // All entries that are left were read: the oldest go.
  let gone = 0
  while (freed < wanted && gone < spared.length) freed += dropRow(self, spared[gone++]!)
  return spared.slice(gone)
}

const oldestFirst = function*({ page }: Room): Generator<Row> {
  for (let after = -Infinity;;) {
    const rows = page.all(after)
    for (const { id, seq, size } of rows) yield { seq: Number(seq), id: fromColumn(id), size: Number(size) }
    if (rows.length === 0) return
    after = Number(rows[rows.length - 1]!["seq"])
  }
}

const dropRow = ({ drop }: Room, { seq, size }: Row): number => {
  drop.run(seq)
  return size
}

/** Returns at least one row. The others are moved the next time. */
const atMost = (rows: ReadonlyArray<Row>, bytes: number): ReadonlyArray<Row> => {
  let total = 0
  return rows.filter(({ size }, i) => (total += size) <= bytes || i === 0)
}
