/** The errors of SQLite and the file system, and what they mean. */
import type { StoreErrorReason } from "../../CacheError.ts"

const reasons = new Map<unknown, StoreErrorReason>([
  ["EACCES", "Denied"],
  ["EPERM", "Denied"],
  ["EROFS", "Denied"],
  // Deno, without a permission
  ["NotCapable", "Denied"],
  ["ENOSPC", "Full"],
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

/** There is no room for the index of the log. */
const noRoomForIndex = 10 | 19 << 8

/**
 * Why the file system (a text) or SQLite (a number) refused. What fails for want of room while it writes may be in the log
 * already, so only an opening counts as `Full` then, which says that nothing has happened.
 */
export const reasonOf = (thrown: unknown, operation?: string): StoreErrorReason => {
  if (operation === "open" && code(thrown) === noRoomForIndex) return "Full"
  return reasons.get(primaryCode(thrown) ?? field(thrown, "code")) ?? reasons.get(field(thrown, "name")) ??
    "Unavailable"
}

export const isBusy = (thrown: unknown): boolean => reasonOf(thrown) === "Timeout"

export const isFull = (thrown: unknown): boolean => primaryCode(thrown) === 13

/** The file is unusable: it is damaged, it or its log was cut off, or its tables were removed. */
export const isDamage = (thrown: unknown): boolean =>
  [11, 26].includes(primaryCode(thrown) ?? 0) ||
  code(thrown) === shortRead ||
  (primaryCode(thrown) === 1 && /^no such (table|column)/.test(String(field(thrown, "message"))))

/** What SQLite would throw if it knew what belongs into the file. */
export const damage = (message: string): Error => Object.assign(new Error(message), { errcode: 11 })

const shortRead = 10 | 2 << 8

/** It cannot be written any more because it is not where it was opened. */
const moved = 8 | 4 << 8

/** The file may be sound, but this connection cannot reach it: the disk failed, or it was removed, perhaps with its folder. */
export const isDetached = (thrown: unknown): boolean =>
  field(thrown, "code") === "ENOENT" || code(thrown) === moved ||
  ([10, 14].includes(primaryCode(thrown) ?? 0) && !isDamage(thrown))

/** SQLite's extended result code, if SQLite threw. */
const code = (thrown: unknown): number | undefined => {
  const errcode = field(thrown, "errcode")
  return typeof errcode === "number" ? errcode : undefined
}

const primaryCode = (thrown: unknown): number | undefined => {
  const extended = code(thrown)
  return extended === undefined ? undefined : extended & 0xff
}

const field = (thrown: unknown, name: "code" | "errcode" | "message" | "name"): unknown =>
  (thrown as { readonly [name: string]: unknown } | null | undefined)?.[name]
