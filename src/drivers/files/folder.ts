/** A folder whose files are replaced in one step: a draft is written and renamed. */
import * as fs from "node:fs"
import * as path from "node:path"
import { draftMillis } from "../../internal/defaults/folders.ts"
import { makeFolder, plainOnly } from "../shared/folderTrust.ts"

export interface Folder {
  /** `undefined` where there is no such file */
  readonly read: (name: string) => Buffer | undefined
  /** Replaces files in this order; all drafts are written before the first is renamed. */
  readonly write: (files: ReadonlyArray<File>) => void
  /** Writes a file unless it exists; `false`: it exists. */
  readonly create: (file: File) => boolean
  /** Makes a file longer, to at least a size, and answers its size. */
  readonly append: (name: string, least: number) => number
  /** Removes a file, and answers whether it existed. */
  readonly remove: (name: string) => boolean
  readonly list: (below?: string) => ReadonlyArray<string>
  /** The names of the folder, read little by little. Some that come or go meanwhile are missing. */
  readonly names: (below?: string) => Generator<string>
  /** Ends the looks that are not at their end. */
  readonly close: () => void
  readonly stat: (name: string) => fs.Stats | undefined
  /** Marks a file as used last. */
  readonly touch: (name: string) => void
}

interface File {
  readonly name: string
  readonly content: string | Uint8Array
}

/** See https://bford.info/cachedir: backups leave such folders out. */
const tag = {
  name: "CACHEDIR.TAG",
  content: `Signature: 8a477f597d28d172789f06886806bc55
# This folder is a cache (effect-cached). It can be removed at any time; what is in it will be made again.
# Each entry is a file, with its metadata beside it in a file that ends in .meta.json.
`
}

const codeOf = (thrown: unknown): unknown => (thrown as NodeJS.ErrnoException | null)?.code

/** There is no such file. A link and a pipe are none. */
const missing = new Set<unknown>(["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "EAGAIN"])

const readPlain = { flag: fs.constants.O_RDONLY | plainOnly }

/** File systems without hard links. */
const noLinks = new Set<unknown>(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"])

const isDraft = (name: string): boolean => /^[0-9a-f]{16}-\d+-\d+\.tmp$/.test(name)

/**
 * The time between two uses of files, in milliseconds: shorter than a use, longer than the precision of file systems.
 */
const step = 0.01

interface Options {
  readonly subfolders: ReadonlyArray<string>
  /** 16 hexadecimal digits that no other process has */
  readonly owner: string
  /** others may write to the folder */
  readonly trustFolder: boolean
}

/**
 * Opens a folder, makes it if it does not exist, and checks that it can be written. Throws the errors of the file
 * system.
 */
export const open = (directory: string, { owner, subfolders, trustFolder }: Options): Folder => {
  let drafts = 0
  // The time of the last use, on the clock of the file system: only the order counts.
  let usedAt = 0
  // Looks that are not at their end yet: what is not closed is closed by a collection, with a warning.
  const opened = new Set<fs.Dir>()

  const at = (name: string) => path.join(directory, name)

  const list = (below = ""): ReadonlyArray<string> => {
    try {
      return fs.readdirSync(at(below))
    } catch (thrown) {
      if (missing.has(codeOf(thrown))) return []
      throw thrown
    }
  }

  const names = function*(below = ""): Generator<string> {
    let dir: fs.Dir | undefined
    try {
      dir = fs.opendirSync(at(below), { bufferSize: 256 })
      opened.add(dir)
      for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) yield entry.name
    } catch (thrown) {
      // who was closed meanwhile is at its end
      if (!missing.has(codeOf(thrown)) && (dir === undefined || opened.has(dir))) throw thrown
    } finally {
      if (dir !== undefined && opened.delete(dir)) dir.closeSync()
    }
  }

  const close = () => {
    for (const dir of opened) dir.closeSync()
    opened.clear()
  }

  const makeFolders = () => {
    makeFolder(directory, trustFolder)
    for (const name of subfolders) makeFolder(at(name), trustFolder)
    if (stat(tag.name) === undefined) create(tag)
  }

  /** Runs once more if the folder was removed meanwhile. */
  const inFolder = <A>(run: () => A): A => {
    try {
      return run()
    } catch (thrown) {
      if (codeOf(thrown) !== "ENOENT") throw thrown
      makeFolders()
      return run()
    }
  }

  const discard = (draft: string) => {
    try {
      fs.unlinkSync(draft)
    } catch {
      // It was renamed, or a program that opens the folder in an hour removes it.
    }
  }

  const writeDraft = (content: string | Uint8Array): string => {
    const draft = at(`${owner}-${process.pid}-${drafts++}.tmp`)
    try {
      fs.writeFileSync(draft, content, { flag: "wx" })
      return draft
    } catch (thrown) {
      discard(draft)
      throw thrown
    }
  }

  /** Writes drafts, and discards those that were not renamed when something fails. */
  const withDrafts = <A>(files: ReadonlyArray<File>, run: (drafts: ReadonlyArray<string>) => A): A => {
    const written: Array<string> = []
    try {
      for (const { content } of files) written.push(writeDraft(content))
      return run(written)
    } catch (thrown) {
      for (const draft of written) discard(draft)
      throw thrown
    }
  }

  const setUsed = (file: string, writtenAt: number) => {
    usedAt = Math.max(usedAt + step, writtenAt)
    fs.utimesSync(file, usedAt / 1000, usedAt / 1000)
  }

  const write = (files: ReadonlyArray<File>) =>
    inFolder(() =>
      withDrafts(files, (drafts) => {
        for (const draft of drafts) setUsed(draft, fs.statSync(draft).mtimeMs)
        drafts.forEach((draft, i) => fs.renameSync(draft, at(files[i]!.name)))
      })
    )

  const create = (file: File): boolean =>
    inFolder(() =>
      withDrafts([file], ([draft]) => {
        const created = link(draft!, at(file.name))
        discard(draft!)
        return created
      })
    )

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

  const append = (name: string, least: number) =>
    inFolder(() => {
      const file = fs.openSync(
        at(name),
        fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_APPEND | plainOnly
      )
      try {
        fs.writeSync(file, ".".repeat(Math.max(1, least - fs.fstatSync(file).size)))
        return fs.fstatSync(file).size
      } finally {
        fs.closeSync(file)
      }
    })

  const remove = (name: string): boolean => {
    try {
      fs.unlinkSync(at(name))
      return true
    } catch (thrown) {
      if (missing.has(codeOf(thrown))) return false
      throw thrown
    }
  }

  const stat = (name: string): fs.Stats | undefined => {
    try {
      return fs.statSync(at(name), { throwIfNoEntry: false })
    } catch (thrown) {
      if (missing.has(codeOf(thrown))) return undefined
      throw thrown
    }
  }

  makeFolders()
  // Also checks that the folder can be written.
  const probe = writeDraft("")
  usedAt = fs.statSync(probe).mtimeMs
  discard(probe)
  for (const name of list()) {
    if (isDraft(name) && (stat(name)?.mtimeMs ?? usedAt) < usedAt - draftMillis) remove(name)
  }

  return {
    read(name) {
      try {
        return fs.readFileSync(at(name), readPlain)
      } catch (thrown) {
        if (missing.has(codeOf(thrown))) return undefined
        throw thrown
      }
    },
    write,
    create,
    append,
    remove,
    list,
    names,
    close,
    stat,
    touch(name) {
      try {
        setUsed(at(name), 0)
      } catch {
        // The file was removed, or the folder has become read-only: the read has succeeded all the same.
      }
    }
  }
}
