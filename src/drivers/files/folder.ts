/** A folder whose files are replaced atomically: a new version is written to a draft file, which is then renamed. */
import * as fs from "node:fs"
import * as path from "node:path"
import { draftMillis } from "../../internal/defaults/folders.ts"
import { codeOf } from "../shared/fileErrors.ts"
import { makeFolder, plainOnly } from "../shared/folderTrust.ts"

interface Options {
  readonly directory: string
  readonly subfolders: ReadonlyArray<string>
  /** 16 hexadecimal digits, unique to this process. */
  readonly owner: string
  readonly trustFolder: boolean
}

export interface Folder extends Options {
  drafts: number
  /** The most recently recorded time of use, in milliseconds. Only the order of the recorded times matters. */
  usedAt: number
  /** The open directories, which `close` closes. Node logs a warning if the garbage collector closes them instead. */
  readonly opened: Set<fs.Dir>
}

interface File {
  readonly name: string
  readonly content: string | Uint8Array
}

/** The file that marks a folder as a cache, so that backups skip the folder. See https://bford.info/cachedir. */
const tag = {
  name: "CACHEDIR.TAG",
  content: `Signature: 8a477f597d28d172789f06886806bc55
# This folder is a cache (effect-cached). It can be removed at any time; its content will be recreated.
# Each entry is a file, with its metadata beside it in a file that ends in .meta.json.
`
}

/** The error codes for a missing file. A link, a pipe or a directory in place of a file counts as missing. */
const missing = new Set<unknown>(["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "EAGAIN"])

const isMissing = (thrown: unknown): boolean => missing.has(codeOf(thrown))

const noLinks = new Set<unknown>(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"])

const readPlain = { flag: fs.constants.O_RDONLY | plainOnly }

const appendPlain = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_APPEND | plainOnly

/** The minimum difference between two recorded times of use, in milliseconds. File systems preserve this difference. */
const step = 0.01

/** Opens a writable folder and removes abandoned drafts. Like most functions here, throws the file system's errors. */
export const open = (options: Options): Folder => {
  const self: Folder = { ...options, drafts: 0, usedAt: 0, opened: new Set() }
  makeFolders(self)
  const probe = writeDraft(self, "")
  self.usedAt = fs.statSync(probe).mtimeMs
  discard(probe)
  const { usedAt } = self
  for (const name of list(self)) {
    if (isDraft(name) && (stat(self, name)?.mtimeMs ?? usedAt) < usedAt - draftMillis) remove(self, name)
  }
  return self
}

/** A folder that is only read: nothing is created in it. */
export const toRead = (directory: string): Folder => {
  if (!fs.existsSync(path.join(directory, tag.name))) throw new Error(`there is no cache in ${directory}`)
  return { directory, subfolders: [], owner: "", trustFolder: false, drafts: 0, usedAt: 0, opened: new Set() }
}

export const close = ({ opened }: Folder): void => {
  for (const dir of opened) dir.closeSync()
  opened.clear()
}

const makeFolders = (self: Folder): void => {
  const { directory, subfolders, trustFolder } = self
  makeFolder(directory, trustFolder)
  for (const name of subfolders) makeFolder(pathOf(self, name), trustFolder)
  if (stat(self, tag.name) === undefined) create(self, tag)
}

const pathOf = ({ directory }: Folder, name: string): string => path.join(directory, name)

export const read = (self: Folder, name: string): Buffer | undefined => {
  try {
    return fs.readFileSync(pathOf(self, name), readPlain)
  } catch (thrown) {
    if (isMissing(thrown)) return undefined
    throw thrown
  }
}

export const stat = (self: Folder, name: string): fs.Stats | undefined => {
  try {
    return fs.statSync(pathOf(self, name), { throwIfNoEntry: false })
  } catch (thrown) {
    if (isMissing(thrown)) return undefined
    throw thrown
  }
}

export const list = (self: Folder, below = ""): ReadonlyArray<string> => {
  try {
    return fs.readdirSync(pathOf(self, below))
  } catch (thrown) {
    if (isMissing(thrown)) return []
    throw thrown
  }
}

/** Lists a folder in small steps. May or may not include files that are created or removed in the meantime. */
export const names = function*(self: Folder, below = ""): Generator<string, void> {
  const { opened } = self
  let dir: fs.Dir | undefined
  try {
    dir = fs.opendirSync(pathOf(self, below), { bufferSize: 256 })
    opened.add(dir)
    for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) yield entry.name
  } catch (thrown) {
    // If `close` has closed the directory in the meantime, the listing ends without an error.
    if (!isMissing(thrown) && (dir === undefined || opened.has(dir))) throw thrown
  } finally {
    if (dir !== undefined && opened.delete(dir)) dir.closeSync()
  }
}

/** Replaces files in the given order. All drafts are written before the first draft is renamed. */
export const write = (self: Folder, files: ReadonlyArray<File>): void =>
  inFolder(self, () =>
    withDrafts(self, files, (drafts) => {
      for (const draft of drafts) setUsed(self, draft, fs.statSync(draft).mtimeMs)
      drafts.forEach((draft, i) => fs.renameSync(draft, pathOf(self, files[i]!.name)))
    }))

export const create = (self: Folder, file: File): boolean =>
  inFolder(self, () =>
    withDrafts(self, [file], ([draft]) => {
      const created = link(draft!, pathOf(self, file.name))
      discard(draft!)
      return created
    }))

export const append = (self: Folder, name: string, least: number): number =>
  inFolder(self, () => {
    const file = fs.openSync(pathOf(self, name), appendPlain)
    try {
      fs.writeSync(file, ".".repeat(Math.max(1, least - fs.fstatSync(file).size)))
      return fs.fstatSync(file).size
    } finally {
      fs.closeSync(file)
    }
  })

export const remove = (self: Folder, name: string): boolean => {
  try {
    fs.unlinkSync(pathOf(self, name))
    return true
  } catch (thrown) {
    if (isMissing(thrown)) return false
    throw thrown
  }
}

export const touch = (self: Folder, name: string): void => {
  try {
    setUsed(self, pathOf(self, name), 0)
  } catch {
    // The file was removed, or the folder is now read-only. The read has succeeded, and only the time of use is lost.
  }
}

const setUsed = (self: Folder, file: string, writtenAt: number): void => {
  self.usedAt = Math.max(self.usedAt + step, writtenAt)
  fs.utimesSync(file, self.usedAt / 1000, self.usedAt / 1000)
}

/** Runs an operation. If the folder was removed, creates it again and runs the operation once more. */
const inFolder = <A>(self: Folder, run: () => A): A => {
  try {
    return run()
  } catch (thrown) {
    if (codeOf(thrown) !== "ENOENT") throw thrown
    makeFolders(self)
    return run()
  }
}

const isDraft = (name: string): boolean => /^[0-9a-f]{16}-\d+-\d+\.tmp$/.test(name)

const withDrafts = <A>(
  self: Folder,
  files: ReadonlyArray<File>,
  run: (drafts: ReadonlyArray<string>) => A
): A => {
  const written: Array<string> = []
  try {
    for (const { content } of files) written.push(writeDraft(self, content))
    return run(written)
  } catch (thrown) {
    for (const draft of written) discard(draft)
    throw thrown
  }
}

const writeDraft = (self: Folder, content: string | Uint8Array): string => {
  const draft = pathOf(self, `${self.owner}-${process.pid}-${self.drafts++}.tmp`)
  try {
    fs.writeFileSync(draft, content, { flag: "wx" })
    return draft
  } catch (thrown) {
    discard(draft)
    throw thrown
  }
}

const discard = (draft: string): void => {
  try {
    fs.unlinkSync(draft)
  } catch {
    // Either the draft was already renamed, or it stays until a program opens the folder more than an hour later.
  }
}

const link = (draft: string, target: string): boolean => {
  try {
    fs.linkSync(draft, target)
  } catch (thrown) {
    if (codeOf(thrown) === "EEXIST") return false
    if (!noLinks.has(codeOf(thrown))) throw thrown
    if (fs.existsSync(target)) return false
    fs.renameSync(draft, target)
  }
  return true
}
