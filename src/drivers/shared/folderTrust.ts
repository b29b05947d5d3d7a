/** Refuses folders and files that other users can write to: they could choose the values that cached effects return. */
import * as fs from "node:fs"
import * as path from "node:path"
import { codeOf } from "./fileErrors.ts"

const refused = (message: string): Error => Object.assign(new Error(message), { code: "EACCES" })

const everybody = 0o002
const group = 0o020

const othersOf = ({ gid, mode }: fs.Stats): string | undefined => {
  if ((mode & everybody) !== 0) return "everyone"
  return (mode & group) !== 0 && gid !== process.getegid!()
    ? `the group ${gid}, which is not that of this process,`
    : undefined
}

/** Creates a private folder. Refuses an existing folder that other users can write to, unless `trustFolder` is set. */
export const makeFolder = (directory: string, trustFolder: boolean): void => {
  // `absolute` returns a relative path only if there is no working directory. A later one must not give it a meaning.
  if (!path.isAbsolute(directory)) {
    throw Object.assign(new Error(`there is no working directory for the relative path ${directory}`), {
      code: "ENOENT"
    })
  }
  makeWithParents(directory)
  requireOwn(directory, trustFolder)
}

/**
 * Creates a folder and its missing parents, one by one. With `recursive`, Node would never return if a parent exists
 * but can hold nothing, for example after the directory behind a mounted path was deleted.
 */
const makeWithParents = (directory: string): void => {
  try {
    makeOne(directory)
  } catch (thrown) {
    const parent = path.dirname(directory)
    if (codeOf(thrown) !== "ENOENT" || parent === directory) throw thrown
    makeWithParents(parent)
    makeOne(directory)
  }
}

const makeOne = (directory: string): void => {
  try {
    fs.mkdirSync(directory, { mode: 0o700 })
  } catch (thrown) {
    if (fs.statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) throw thrown
  }
}

/** Refuses a path that other users can write to, unless `trustFolder` is set. Does nothing on Windows. */
export const requireOwn = (file: string, trustFolder: boolean): void => {
  if (trustFolder || process.platform === "win32") return
  const others = othersOf(fs.statSync(file))
  if (others === undefined) return
  throw refused(`${file} is refused because ${others} can write to it: change that, or set trustFolder: true`)
}

/** Refuses anything but a plain file: a link may lead outside the folder, and opening a pipe blocks the process. */
export const requirePlainFile = (file: string, trustFolder: boolean): void => {
  const stat = fs.lstatSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return
  if (!stat.isFile()) throw refused(`${file} is refused because it is not a plain file`)
  requireOwn(file, trustFolder)
}

/** The flags for opening a file without following a link or waiting for a pipe. Windows lacks these flags. */
export const plainOnly = (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0)
