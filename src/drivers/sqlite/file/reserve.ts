/** A file that reserves log space for removals on a full disk. Its random bytes cannot be compressed. */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { plainOnly } from "../../shared/folderTrust.ts"

export interface Reserve {
  readonly file: string
  readonly bytes: number
}

/** Creates the reserve, if necessary. Returns whether it has its full size. */
export const take = (self: Reserve): boolean => {
  const { bytes, file } = self
  if (sizeOf(file) >= bytes) return true
  if (freeBytes(path.dirname(file)) < bytes) return false
  try {
    extend(self)
    return true
  } catch {
    // A partial reserve is useless, and may take disk space that another process needs.
    giveUp(self)
    return false
  }
}

/** Appends the missing bytes. Two concurrent processes may make the file too large, but never too small. */
const extend = ({ bytes, file }: Reserve): void => {
  const handle = fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_APPEND | plainOnly)
  try {
    for (let left = bytes - sizeOf(file); left > 0;) left -= fs.writeSync(handle, randomBytes(left))
  } finally {
    fs.closeSync(handle)
  }
}

export const giveUp = ({ file }: Reserve): boolean => {
  const was = fs.existsSync(file)
  fs.rmSync(file, { force: true })
  return was
}

const sizeOf = (file: string): number => fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0

/** The number of free bytes on a directory's disk. `Infinity` if unknown. */
export const freeBytes = (directory: string): number => {
  const { bavail, bsize } = statsOf(directory)
  return bavail * bsize
}

/** The number of used bytes on a directory's disk. `NaN` if unknown. */
export const usedBytes = (directory: string): number => {
  const { bfree, blocks, bsize } = statsOf(directory)
  return (blocks - bfree) * bsize
}

const statsOf = (directory: string): Pick<fs.StatsFs, "bavail" | "bfree" | "blocks" | "bsize"> => {
  try {
    return fs.statfsSync(directory)
  } catch {
    return { bavail: Infinity, bfree: NaN, blocks: NaN, bsize: 1 }
  }
}
