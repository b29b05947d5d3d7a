/** The entries of a database, and its size. */
import type { DatabaseSync } from "node:sqlite"
import { crc32 } from "node:zlib"
import type { Stored } from "../../CacheEntry.ts"
import * as Frame from "../../internal/codec/frame.ts"
import { bytes, tooLarge } from "../../internal/store/tooLarge.ts"
import { Damaged } from "../../ports/storage.ts"
import type { Scanned } from "../../ports/store.ts"
import type { Changes } from "./sqliteChanges.ts"
import { fromColumn, toColumn } from "./sqliteColumn.ts"
import { pragma } from "./sqliteFile.ts"
import * as Room from "./sqliteRoom.ts"

/** How many writes there are between two removals of expired entries. */
const tidyEvery = 64

/** How many pages are freed at once: about 3 ms. */
const vacuumStep = 200

export const make = (database: DatabaseSync, maxSize: number, changes: Changes) => {
  const select = database.prepare("SELECT frame FROM entry WHERE id = ?")
  const write = database.prepare("INSERT OR REPLACE INTO entry (id, frame, expires_at) VALUES (?, ?, ?)")
  const remove = database.prepare("DELETE FROM entry WHERE id = ?")
  const count = database.prepare("SELECT count(*) AS size FROM entry")
  const page = database.prepare("SELECT seq, id FROM entry WHERE seq > ? ORDER BY seq LIMIT 256")
  const room = Room.make(database, maxSize)
  let last = { now: 0, size: 0 }
  let writes = 0
  let isSparse = false

  const find = (id: string): Stored | typeof Damaged | undefined => {
    const frame = select.get(toColumn(id))?.["frame"]
    return frame instanceof Uint8Array ? Frame.decode(id, frame, crc32) ?? Damaged : undefined
  }

  const isFree = (share: number) => pragma(database, "freelist_count") > pragma(database, "page_count") * share

  return {
    get(id: string): Stored | typeof Damaged | undefined {
      const entry = find(id)
      if (entry !== undefined && entry !== Damaged) room.used(id)
      return entry
    },

    set(id: string, entry: Stored, now: number) {
      const frame = Frame.encode(id, entry, crc32)
      const size = frame.length
      if (size > maxSize) {
        throw tooLarge({ store: "sqlite", operation: "set", id, size, limit: `at most ${bytes(maxSize)}` })
      }
      last = { now, size: frame.length }
      write.run(toColumn(id), frame, entry.meta.expiresAt)
      room.written(id)
      changes.changed(id)
      if (++writes % tidyEvery === 0) {
        room.dropExpired(now, 2 * tidyEvery)
        isSparse = isFree(1 / 2)
      }
    },

    // Reported even if there was no entry: other processes may have a copy of an entry that this database lost.
    remove(id: string): boolean {
      const { changes: removed } = remove.run(toColumn(id))
      room.written(id)
      changes.changed(id)
      return Number(removed) > 0
    },

    clear() {
      database.exec("DELETE FROM entry")
      changes.allChanged()
      isSparse = true
    },

    scan: function*(prefix: string): Generator<Scanned> {
      for (let after = -Infinity;;) {
        const rows = page.all(after)
        for (const { id: column } of rows) {
          const id = fromColumn(column)
          const entry = id.startsWith(prefix) ? find(id) : undefined
          if (entry !== undefined && entry !== Damaged) yield { id, meta: entry.meta }
        }
        if (rows.length === 0) return
        after = Number(rows[rows.length - 1]!["seq"])
      }
    },

    size: () => Number(count.get()?.["size"]),

    makeRoom: () => room.make(last.size, last.now),

    /** Whether more of the file is free than is used. */
    isSparse: () => isSparse,

    /** Frees some pages to the file system, and answers whether there are more. */
    freePages(): boolean {
      database.exec(`PRAGMA incremental_vacuum(${vacuumStep})`)
      return isSparse = isFree(1 / 4)
    }
  }
}
