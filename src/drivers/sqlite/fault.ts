/** Classifies errors of SQLite and the file system, and creates the errors for values that cannot be stored now. */
import { StoreError, type StoreErrorReason } from "../../CacheError.ts"
import * as FileErrors from "../shared/fileErrors.ts"

const reasons = new Map<number | undefined, StoreErrorReason>([
  [3, "Denied"],
  [5, "Timeout"],
  [6, "Timeout"],
  [8, "Denied"],
  [11, "Corrupt"],
  [13, "Full"],
  [15, "Timeout"],
  [18, "TooLarge"],
  [23, "Denied"],
  [26, "Corrupt"]
])

const noRoomForIndex = 10 | 19 << 8

const shortRead = 10 | 2 << 8

/** The code `SQLITE_READONLY_DBMOVED`: the file was moved or removed after it was opened. */
const moved = 8 | 4 << 8

/** Lack of space for the log's index is `Full` only on opening: later, the failed write may already be in the log. */
export const reasonOf = (thrown: unknown, operation?: string): StoreErrorReason => {
  if (operation === "open" && code(thrown) === noRoomForIndex) return "Full"
  return reasons.get(primaryCode(thrown)) ?? FileErrors.reasonOf(thrown)
}

export const isBusy = (thrown: unknown): boolean => reasonOf(thrown) === "Timeout"

export const isFull = (thrown: unknown): boolean => primaryCode(thrown) === 13

/** Whether the database is damaged: its file is corrupt, its file or log is truncated, or its tables are missing. */
export const isDamage = (thrown: unknown): boolean =>
  [11, 26].includes(primaryCode(thrown) ?? 0) ||
  code(thrown) === shortRead ||
  (primaryCode(thrown) === 1 && /^no such (table|column)/.test(String((thrown as Error).message)))

/** Creates an error that counts as damage, for damage that SQLite itself cannot detect. */
export const damage = (message: string): Error => Object.assign(new Error(message), { errcode: 11 })

/** Whether a connection cannot reach its file, which may be intact: the disk failed, or the file or folder is gone. */
export const isDetached = (thrown: unknown): boolean =>
  FileErrors.codeOf(thrown) === "ENOENT" || code(thrown) === moved ||
  ([10, 14].includes(primaryCode(thrown) ?? 0) && !isDamage(thrown))

const code = (thrown: unknown): number | undefined => {
  const errcode = (thrown as { readonly errcode?: unknown } | null | undefined)?.errcode
  return typeof errcode === "number" ? errcode : undefined
}

const primaryCode = (thrown: unknown): number | undefined => {
  const extended = code(thrown)
  return extended === undefined ? undefined : extended & 0xff
}

const refusals = new WeakSet<StoreError>()

const notStored = (reason: StoreErrorReason, message: string): StoreError =>
  new StoreError({ store: "sqlite", operation: "set", reason, cause: new Error(message) })

export const refusal = (message: string): StoreError => {
  const error = notStored("Unavailable", message)
  refusals.add(error)
  return error
}

export const isRefusal = (error: StoreError): boolean => refusals.has(error)

/** The error for a write to a full disk. The last free space is kept for removals. */
export const noRoom = (): StoreError =>
  notStored("Full", "the disk is full: nothing is stored before there is room again")
