/**
 * Room on the disk that is kept for the moment in which it is full: removing something needs room in the log first. A file
 * of random bytes, so that no file system stores it in less.
 */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import { plainOnly } from "../../shared/folderTrust.ts"

export interface Reserve {
  /** Takes it where it is missing, and answers whether it is there. */
  readonly take: () => boolean
  /** Answers whether there was one. */
  readonly giveUp: () => boolean
}

/** `bytes` of room, in a file that all processes of the directory share. */
export const make = (file: string, bytes: number): Reserve => {
  const sizeNow = () => fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0

  const giveUp = () => {
    const was = fs.existsSync(file)
    fs.rmSync(file, { force: true })
    return was
  }

  /** To the end: two processes that do it at once write more, not less. */
  const extend = () => {
    const handle = fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_APPEND | plainOnly)
    try {
      for (let left = bytes - sizeNow(); left > 0;) left -= fs.writeSync(handle, randomBytes(left))
    } finally {
      fs.closeSync(handle)
    }
  }

  return {
    take() {
      if (sizeNow() >= bytes) return true
      if (freeBytes(path.dirname(file)) < bytes) return false
      try {
        extend()
        return true
      } catch {
        // A part of it helps nobody, and may be what somebody else needs.
        giveUp()
        return false
      }
    },
    giveUp
  }
}

/** The room that the disk of a directory has left; `Infinity` where nobody can tell. */
export const freeBytes = (directory: string): number => {
  try {
    const { bavail, bsize } = fs.statfsSync(directory)
    return bavail * bsize
  } catch {
    return Infinity
  }
}
