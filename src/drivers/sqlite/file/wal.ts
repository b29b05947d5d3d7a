/**
 * The bound of the log beside a database. SQLite copies the log into the database when nobody writes; several processes that
 * write all the time leave it no moment for that. So whoever finds it too large empties it before it stores anything more.
 */
import type { DatabaseSync } from "node:sqlite"
import { log as limits } from "../../../internal/defaults/folders.ts"
import { refusal } from "../refusal.ts"
import { pragma } from "./schema.ts"

export interface Log {
  /** Throws where nothing may be stored: the log is too large, and cannot be emptied now. */
  readonly admit: () => void
  /** What its size was after a transaction. */
  readonly seen: (bytes: number) => void
  /** Somebody reads an old state of the database without an end, and what has to be written meanwhile is too much. */
  readonly isHopeless: () => boolean
}

/** How large the log may become before it is emptied, and how large the reserve for a full disk is, in bytes. */
export const boundOf = (maxSize: number): number => Math.floor(Math.min(limits.bytes, maxSize * limits.ofMaxSize))

/** Copies the log into the database and empties it. Answers whether that was possible: nobody reads an older state. */
export const empty = (database: DatabaseSync): boolean =>
  database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"] === 0

/** `size` looks how large it is now. `now` is of a monotonic clock. */
export const make = (database: DatabaseSync, bound: number, size: () => number, now: () => number): Log => {
  database.exec(`PRAGMA journal_size_limit = ${bound}`)
  const pages = Math.floor(bound * limits.copiedAt / pragma(database, "page_size"))
  database.exec(`PRAGMA wal_autocheckpoint = ${Math.max(1, pages)}`)
  let bytes = 0
  let pinnedAt: number | undefined
  let given: { readonly bytes: number; transactions: number } | undefined

  const isPinned = () => pinnedAt !== undefined && now() - pinnedAt > limits.pinnedMillis

  const emptied = () => {
    bytes = 0
    pinnedAt = undefined
    given = undefined
  }

  return {
    admit() {
      if (bytes <= bound) return
      bytes = size()
      if (bytes <= bound || empty(database)) return emptied()
      pinnedAt ??= now()
      if (isPinned()) given ??= { bytes, transactions: 0 }
      throw refusal(
        `The log of the database has ${bytes} bytes, ${bound} are allowed, and ${
          isPinned() ? "a program that reads for long keeps it from being emptied" : "it is not emptied yet"
        }`
      )
    },
    seen(now) {
      if (given !== undefined && now > bytes) given.transactions++
      bytes = now
    },
    isHopeless: () =>
      given !== undefined && given.transactions > 1 && bytes > given.bytes + limits.hopelessAfter * bound
  }
}
