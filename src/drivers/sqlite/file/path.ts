/** Directories that SQLite can open files in. */
import * as path from "node:path"
import { CacheConfigError } from "../../../CacheError.ts"
import { absolute } from "../../shared/directory.ts"

/** The longest path of a file that SQLite opens on Unix, in bytes: 512, less what it appends. */
const longest = 512 - 8

/** The absolute path of the option `directory`; `what` is what has it, in errors. */
export const directoryOf = (what: string, options: { readonly directory: string }): string => {
  const directory = absolute(what, options)
  const size = Buffer.byteLength(path.join(directory, "cache.v99.999999999.db"))
  if (size <= longest) return directory
  const over = size - longest
  throw new CacheConfigError({
    message:
      `${what}: "directory" is ${over} bytes too long for SQLite, which opens paths of 512 bytes at most: ${directory}`
  })
}
