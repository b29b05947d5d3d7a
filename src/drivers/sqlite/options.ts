/** The options that the store, the lock and the guard store share. */
import * as path from "node:path"
import { CacheConfigError } from "../../CacheError.ts"
import { trustOf } from "../../internal/options/folder.ts"
import { absolute } from "../shared/directory.ts"

interface Given {
  readonly directory: string
  readonly trustFolder?: boolean | undefined
}

export interface FolderOptions {
  readonly directory: string
  readonly trustFolder: boolean
}

/** `what` names the function that has the options, in errors. */
export const folderOf = (what: string, options: Given): FolderOptions => ({
  directory: directoryOf(what, options),
  trustFolder: trustOf(what, options.trustFolder)
})

/** The longest path of a file that SQLite opens on Unix, in bytes: 512, less the suffix that it appends. */
const longest = 512 - 8

const directoryOf = (what: string, options: Given): string => {
  const directory = absolute(what, options)
  const size = Buffer.byteLength(path.join(directory, "cache.v99.999999999.db"))
  if (size <= longest) return directory
  const over = size - longest
  throw new CacheConfigError({
    message:
      `${what}: "directory" is ${over} bytes too long for SQLite, which opens paths of 512 bytes at most: ${directory}`
  })
}
