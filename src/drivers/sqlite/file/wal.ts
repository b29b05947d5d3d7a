/**
 * Bounds the size of a database's write-ahead log (WAL). SQLite restarts the log only while no process writes, and
 * several busy writers may never pause together. So a process that finds the log too large empties it before writing.
 */
import * as fs from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { wal as limits } from "../../../internal/defaults/folders.ts"
import { refusal } from "../fault.ts"
import { pragma } from "./schema.ts"

interface Options {
  readonly database: DatabaseSync
  readonly file: string
  readonly bound: number
  readonly now: () => number
}

export type Wal = ReturnType<typeof make>

/** The size in bytes above which the log is emptied. It is also the size of the reserve for a full disk. */
export const boundOf = (maxSize: number): number => Math.floor(Math.min(limits.bytes, maxSize * limits.shareOfMaxSize))

export const make = (options: Options) => {
  const { bound, database } = options
  database.exec(`PRAGMA journal_size_limit = ${bound}`)
  const pages = Math.floor(bound * limits.copiedAt / pragma(database, "page_size"))
  database.exec(`PRAGMA wal_autocheckpoint = ${Math.max(1, pages)}`)
  return {
    ...options,
    bytes: 0,
    /** When attempts to empty the log began to fail. `undefined` if the last attempt succeeded. */
    pinnedAt: undefined as number | undefined,
    /** Set once emptying has failed for too long: the log's size then, and how many transactions enlarged it since. */
    grown: undefined as { readonly from: number; transactions: number } | undefined
  }
}

/** Copies the log into the database and truncates the log. Returns `false` if a running read or write prevents this. */
export const empty = (database: DatabaseSync): boolean =>
  database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"] === 0

/** Throws if the log is too large and cannot be emptied now. */
export const admit = (self: Wal): void => {
  const { bound, database, file, now } = self
  if (self.bytes <= bound) return
  self.bytes = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0
  if (self.bytes <= bound || empty(database)) return noteEmptied(self)
  self.pinnedAt ??= now()
  const isPinned = now() - self.pinnedAt > limits.pinnedMillis
  if (isPinned) self.grown ??= { from: self.bytes, transactions: 0 }
  throw refusal(
    `the log of the database has ${self.bytes} bytes, more than ${bound}: ${
      isPinned ? "a program with a long read keeps it from being emptied" : "it is not emptied yet"
    }`
  )
}

const noteEmptied = (self: Wal): void => {
  self.bytes = 0
  self.pinnedAt = undefined
  self.grown = undefined
}

export const noteSize = (self: Wal, bytes: number): void => {
  if (self.grown !== undefined && bytes > self.bytes) self.grown.transactions++
  self.bytes = bytes
}

/** Whether the log has grown far beyond its bound, because a read that does not end keeps it from being emptied. */
export const isHopeless = ({ bound, bytes, grown }: Wal): boolean =>
  grown !== undefined && grown.transactions > 1 && bytes > grown.from + limits.hopelessAfter * bound
