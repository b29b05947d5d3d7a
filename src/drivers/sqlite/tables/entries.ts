/** Stores entries in a table of the database. */
import type { DatabaseSync } from "node:sqlite"
import { crc32 } from "node:zlib"
import type { Stored } from "../../../CacheEntry.ts"
import * as Frame from "../../../internal/codec/frame.ts"
import { isPage, pagePrefix } from "../../../internal/store/pageIds.ts"
import { aboveMaxValue } from "../../../internal/store/tooLarge.ts"
import type { Scanned } from "../../../ports/store.ts"
import { fromColumn, pages, toColumn } from "../file/schema.ts"
import * as Vacuum from "../file/vacuum.ts"
import * as Changes from "./changes.ts"
import * as Room from "./makeRoom.ts"

interface Options {
  readonly maxValue: number
  readonly changes: Changes.Changes
  readonly room: Room.Room
  readonly vacuum: Vacuum.Vacuum
}

type Entries = ReturnType<typeof make>

/** The number of writes between two removals of expired entries. */
const tidyEvery = 64

/** A buffer in which most entries are encoded, one after the other. Reuse is safe, because SQLite copies the bytes. */
const scratch = new Uint8Array(16_384)

const bufferOf = (size: number): Uint8Array =>
  size <= scratch.length ? scratch.subarray(0, size).fill(0) : new Uint8Array(size)

export const make = (database: DatabaseSync, options: Options) => {
  const select = database.prepare("SELECT frame FROM entry WHERE id = ?")
  // Returns rows as arrays, because creating an object for each row would take a tenth of the time of a hit.
  select.setReturnArrays(true)
  return {
    ...options,
    database,
    select,
    write: database.prepare("INSERT OR REPLACE INTO entry (id, frame, expires_at) VALUES (?, ?, ?)"),
    delete: database.prepare("DELETE FROM entry WHERE id = ?"),
    count: database.prepare(
      // Excludes pages of streams, whose ids begin with `pagePrefix` (`~:p:`). `;` is the character after `:`.
      `SELECT (SELECT count(*) FROM entry)
         - (SELECT count(*) FROM entry WHERE id >= '${pagePrefix}' AND id < '~:p;') AS size`
    ),
    page: database.prepare("SELECT seq, id FROM entry WHERE seq > ? ORDER BY seq LIMIT 256"),
    last: { now: 0, size: 0 },
    writes: 0
  }
}

export const get = (self: Entries, id: string): Stored | "damaged" | undefined => {
  const entry = find(self, id)
  if (entry !== undefined && entry !== "damaged") Room.noteRead(self.room, id)
  return entry
}

const find = ({ select }: Entries, id: string): Stored | "damaged" | undefined => {
  const frame = (select.get(toColumn(id)) as ReadonlyArray<unknown> | undefined)?.[0]
  return frame instanceof Uint8Array ? Frame.decode(id, frame, crc32) ?? "damaged" : undefined
}

export const set = (self: Entries, id: string, entry: Stored, now: number): void => {
  const { maxValue, room } = self
  const refused = aboveMaxValue("sqlite", "set", [{ id, entry }], maxValue)
  if (refused !== undefined) throw refused
  const frame = Frame.encode(id, entry, crc32, bufferOf)
  self.last = { now, size: frame.length }
  self.write.run(toColumn(id), frame, entry.meta.expiresAt)
  noteChange(self, id)
  if (++self.writes % tidyEvery === 0) {
    Room.dropExpired(room, now, 2 * tidyEvery)
    Vacuum.check(self.vacuum)
  }
}

/** Removes an entry. Tells this even if none existed, because other processes may have a copy of a lost entry. */
export const remove = (self: Entries, id: string): boolean => {
  const { changes } = self.delete.run(toColumn(id))
  noteChange(self, id)
  return Number(changes) > 0
}

/** Records a change to an entry. Omits pages of a stream, because the change to the stream's manifest covers them. */
const noteChange = ({ changes, room }: Entries, id: string): void => {
  Room.noteWrite(room, id)
  if (!isPage(id)) Changes.changed(changes, id)
}

export const clear = ({ changes, database, vacuum }: Entries): void => {
  database.exec("DELETE FROM entry")
  Changes.allChanged(changes)
  vacuum.isDue = true
}

export const scan = function*(self: Entries, prefix: string): Generator<Scanned> {
  for (const row of pages(self.page, "seq")) {
    const id = fromColumn(row["id"])
    const entry = id.startsWith(prefix) ? find(self, id) : undefined
    if (entry !== undefined && entry !== "damaged") yield { id, meta: entry.meta }
  }
}

export const size = ({ count }: Entries): number => Number(count.get()?.["size"])

export const makeRoom = ({ last, room }: Entries): void => Room.free(room, last.size, last.now)
