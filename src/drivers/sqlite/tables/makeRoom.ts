/**
 * Evicts expired entries, then the entries written longest ago. An entry that was read gets a second chance
 * (F. J. Corbató, "A Paging Experiment with the Multics System", 1968): it is moved to the end of the queue instead.
 * Each process remembers only its own reads, so that a read does not have to write to the database.
 */
import type { DatabaseSync } from "node:sqlite"
import { readsRemembered } from "../../../internal/defaults/folders.ts"
import { atomically, fromColumn, pages, pragma } from "../file/schema.ts"

export type Room = ReturnType<typeof make>

interface Row {
  readonly seq: number
  readonly id: string
  readonly size: number
}

/** The maximum total size of the entries moved at once, in bytes. It is limited, because moving rewrites each entry. */
const mostMoved = 4 * 1024 * 1024

/** Prepares the statements. `dropOthers` frees the given number of pages when no entries are left to evict. */
export const make = (database: DatabaseSync, maxSize: number, dropOthers: (pages: number) => void) => {
  const pageSize = pragma(database, "page_size")
  return {
    database,
    dropOthers,
    pageSize,
    // The additional bytes to free, so that not every write evicts: at least four pages, as small entries share pages.
    slack: Math.max(maxSize / 1024, 4 * pageSize),
    /** Ids of entries read by this process since they were written. The older of the two sets is dropped as a whole. */
    recentlyRead: new Set<string>(),
    readBefore: new Set<string>(),
    nextEnd: database.prepare(
      "SELECT expires_at AS at FROM entry WHERE expires_at < 9e999 ORDER BY expires_at LIMIT 1"
    ),
    expired: database.prepare(
      // SQLite searches only by the first condition. The second one selects the partial index, and must not be first.
      `DELETE FROM entry WHERE seq IN (SELECT seq FROM entry WHERE expires_at <= ? AND expires_at < 9e999 LIMIT ?)
       RETURNING length(frame) AS size`
    ),
    page: database.prepare("SELECT seq, id, length(frame) AS size FROM entry WHERE seq > ? ORDER BY seq LIMIT 64"),
    drop: database.prepare("DELETE FROM entry WHERE seq = ?"),
    moveBehind: database.prepare("UPDATE entry SET seq = (SELECT max(seq) + 1 FROM entry) WHERE seq = ?")
  }
}

/** Notes a read. Drops many old ids at once, because dropping one id at each read would take longer than the read. */
export const noteRead = (self: Room, id: string): void => {
  if (self.recentlyRead.has(id)) return
  if (self.recentlyRead.size >= readsRemembered / 2) {
    self.readBefore = self.recentlyRead
    self.recentlyRead = new Set()
  }
  self.recentlyRead.add(id)
}

const wasRead = ({ readBefore, recentlyRead }: Room, id: string): boolean => recentlyRead.has(id) || readBefore.has(id)

/** Forgets the reads of an entry, for example because it was written again. */
export const noteWrite = ({ readBefore, recentlyRead }: Room, id: string): void => {
  recentlyRead.delete(id)
  readBefore.delete(id)
}

/** Removes at most `most` expired entries. Returns their total size in bytes. */
export const dropExpired = ({ expired, nextEnd }: Room, now: number, most: number): number => {
  // Looking up the next expiry is much cheaper than a `DELETE` that removes nothing.
  const next = nextEnd.get()
  if (next === undefined || Number(next["at"]) > now) return 0
  return expired.all(now, most).reduce((total, { size }) => total + Number(size), 0)
}

export const free = (self: Room, size: number, now: number): void => {
  const { database, dropOthers, moveBehind, pageSize, slack } = self
  const spared = atomically(database, () => {
    const before = pragma(database, "freelist_count")
    const spared = dropUnread(self, size + slack, now)
    if (spared.length === 0 && pragma(database, "freelist_count") === before) {
      dropOthers(Math.ceil((size + slack) / pageSize))
    }
    return spared
  })
  const moving = atMost(spared, mostMoved)
  // Forgets the reads even if the move fails, so that the entries are evicted next time unless they are read again.
  for (const { id } of moving) noteWrite(self, id)
  try {
    atomically(database, () => moving.forEach(({ seq }) => moveBehind.run(seq)))
  } catch {
    // The requested space is already free, so the failure is ignored. Entries that were not moved are evicted next.
  }
}

/** Evicts the oldest unread entries, then the oldest others, until enough bytes are free. Returns the spared ones. */
const dropUnread = (self: Room, wanted: number, now: number): ReadonlyArray<Row> => {
  const spared: Array<Row> = []
  let freed = dropExpired(self, now, 1024)
  for (const { id, seq, size } of pages(self.page, "seq")) {
    if (freed >= wanted) return spared
    const row: Row = { seq: Number(seq), id: fromColumn(id), size: Number(size) }
    if (wasRead(self, row.id)) spared.push(row)
    else freed += dropRow(self, row)
  }
  // All remaining entries were read, so the oldest of them are evicted.
  let gone = 0
  while (freed < wanted && gone < spared.length) freed += dropRow(self, spared[gone++]!)
  return spared.slice(gone)
}

const dropRow = ({ drop }: Room, { seq, size }: Row): number => {
  drop.run(seq)
  return size
}

const atMost = (rows: ReadonlyArray<Row>, bytes: number): ReadonlyArray<Row> => {
  let total = 0
  return rows.filter(({ size }, i) => (total += size) <= bytes || i === 0)
}
