/** Refuses folders and files that other users can write to: they could choose the values that cached effects return. */
import * as fs from "node:fs"

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
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 })
  requireOwn(directory, trustFolder)
}

/** Refuses a path that other users can write to, unless `trustFolder` is set. Does nothing on Windows. */
export const requireOwn = (path: string, trustFolder: boolean): void => {
  if (trustFolder || process.platform === "win32") return
  const others = othersOf(fs.statSync(path))
  if (others === undefined) return
  throw refused(`${path} is refused because ${others} can write to it: change that, or set trustFolder: true`)
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
