/** The entries of a database, and its size. */
import type { DatabaseSync } from "node:sqlite"
import { crc32 } from "node:zlib"
import type { Stored } from "../../../CacheEntry.ts"
import * as Frame from "../../../internal/codec/frame.ts"
import { isPage, pagePrefix } from "../../../internal/store/pageIds.ts"
import { tooLarge } from "../../../internal/store/tooLarge.ts"
import { Damaged } from "../../../ports/storage.ts"
import type { Scanned } from "../../../ports/store.ts"
import * as Shrinking from "../file/vacuum.ts"
import type { Changes } from "./changes.ts"
import * as LastResorts from "./dropMetadata.ts"
import * as Room from "./makeRoom.ts"
import { fromColumn, toColumn } from "./text.ts"

/** SQLite copies what it is given: most frames are written here, one after the other. */
const scratch = new Uint8Array(16_384)

const roomFor = (size: number): Uint8Array =>
  size <= scratch.length ? scratch.subarray(0, size).fill(0) : new Uint8Array(size)

/** How many writes there are between two removals of expired entries. */
const tidyEvery = 64

interface Parts {
  readonly maxSize: number
  /** the largest payload, in bytes */
  readonly maxValue: number
  readonly changes: Changes
}

export const make = (database: DatabaseSync, { changes, maxSize, maxValue }: Parts) => {
  const select = database.prepare("SELECT frame FROM entry WHERE id = ?")
  // an object for each row costs a hit a tenth of its time
  select.setReturnArrays(true)
  const write = database.prepare("INSERT OR REPLACE INTO entry (id, frame, expires_at) VALUES (?, ?, ?)")
  const remove = database.prepare("DELETE FROM entry WHERE id = ?")
  const count = database.prepare(
    // without the pages of streams. The character behind a colon is a semicolon
    `SELECT (SELECT count(*) FROM entry) - (SELECT count(*) FROM entry WHERE id >= '${pagePrefix}' AND id < '~:p;') AS size`
  )
  const page = database.prepare("SELECT seq, id FROM entry WHERE seq > ? ORDER BY seq LIMIT 256")
  const room = Room.make(database, maxSize, LastResorts.dropping(database, changes))
  const shrinking: Shrinking.Shrinking = Shrinking.make(database, maxSize, room)
  let last = { now: 0, size: 0 }
  let writes = 0

  const find = (id: string): Stored | typeof Damaged | undefined => {
    const frame = (select.get(toColumn(id)) as ReadonlyArray<unknown> | undefined)?.[0]
    return frame instanceof Uint8Array ? Frame.decode(id, frame, crc32) ?? Damaged : undefined
  }

  return {
    get(id: string): Stored | typeof Damaged | undefined {
      const entry = find(id)
      if (entry !== undefined && entry !== Damaged) room.used(id)
      return entry
    },

    set(id: string, entry: Stored, now: number) {
      const size = entry.payload.length
      if (size > maxValue) {
        throw tooLarge({ store: "sqlite", operation: "set", id, size, limit: ["maxValue", maxValue] })
      }
      const frame = Frame.encode(id, entry, crc32, roomFor)
      last = { now, size: frame.length }
      write.run(toColumn(id), frame, entry.meta.expiresAt)
      room.written(id)
      // others learn of a page by its manifest
      if (!isPage(id)) changes.changed(id)
      if (++writes % tidyEvery === 0) {
        room.dropExpired(now, 2 * tidyEvery)
        shrinking.look()
      }
    },

    // Reported even if there was no entry: other processes may have a copy of an entry that this database lost.
    remove(id: string): boolean {
      const { changes: removed } = remove.run(toColumn(id))
      room.written(id)
      if (!isPage(id)) changes.changed(id)
      return Number(removed) > 0
    },

    clear() {
      database.exec("DELETE FROM entry")
      changes.allChanged()
      shrinking.begin()
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

    room,

    shrinking
  }
}
