/** Room kept for a full disk: a removal needs some in the log. The bytes are random, so they cannot be compressed. */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { plainOnly } from "../../shared/folderTrust.ts"

export interface Reserve {
  readonly file: string
  readonly bytes: number
}

/** Answers whether the room is there. */
export const take = (self: Reserve): boolean => {
  const { bytes, file } = self
  if (sizeOf(file) >= bytes) return true
  if (freeBytes(path.dirname(file)) < bytes) return false
  try {
    extend(self)
    return true
  } catch {
    // A part of it is of no use, and may be the room that another process needs.
    giveUp(self)
    return false
  }
}

/** Appends: two processes at once write more, not less. */
const extend = ({ bytes, file }: Reserve): void => {
  const handle = fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_APPEND | plainOnly)
  try {
    for (let left = bytes - sizeOf(file); left > 0;) left -= fs.writeSync(handle, randomBytes(left))
  } finally {
    fs.closeSync(handle)
  }
}

/** Answers whether there was any room to give up. */
export const giveUp = ({ file }: Reserve): boolean => {
  const was = fs.existsSync(file)
  fs.rmSync(file, { force: true })
  return was
}

const sizeOf = (file: string): number => fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0

/** The room that the disk of a directory has left; `Infinity` where that is unknown. */
export const freeBytes = (directory: string): number => {
  try {
    const { bavail, bsize } = fs.statfsSync(directory)
    return bavail * bsize
  } catch {
    return Infinity
  }
}
