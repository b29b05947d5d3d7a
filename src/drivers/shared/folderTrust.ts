/**
 * Whether a folder is only ours. Its content becomes the values of effects, so only users who could change the program
 * as well may put files there.
 */
import * as fs from "node:fs"

/** The folder is refused, with a code as the file system has it. */
const refused = (message: string): Error => Object.assign(new Error(message), { code: "EACCES" })

const everybody = 0o002
const group = 0o020

/** The others who may write to a file, or `undefined`. */
const othersOf = ({ gid, mode }: fs.Stats): string | undefined => {
  if ((mode & everybody) !== 0) return "everybody"
  return (mode & group) !== 0 && gid !== process.getegid!()
    ? `the group ${gid}, which is not that of this process,`
    : undefined
}

/**
 * Makes a folder for the owner alone if it does not exist, and refuses one that others may write to, unless it is
 * trusted.
 */
export const makeFolder = (directory: string, trustFolder: boolean): void => {
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
  requireOwn(directory, trustFolder)
}

/** Refuses a folder or file that others may write to, unless the folder is trusted. Windows has other permissions. */
const requireOwn = (path: string, trustFolder: boolean): void => {
  if (trustFolder || process.platform === "win32") return
  const others = othersOf(fs.statSync(path))
  if (others === undefined) return
  throw refused(`${path} is refused because ${others} can write to it: change that, or set trustFolder: true`)
}

/** Refuses anything but a plain file: a link leads elsewhere, and to open a pipe hangs the process. */
export const requirePlainFile = (file: string, trustFolder: boolean): void => {
  const stat = fs.lstatSync(file, { throwIfNoEntry: false })
  if (stat === undefined) return
  if (!stat.isFile()) throw refused(`${file} is refused because it is no plain file`)
  requireOwn(file, trustFolder)
}

/** Neither follows a link nor waits for a pipe. Windows has no such flags. */
export const plainOnly = (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0)
