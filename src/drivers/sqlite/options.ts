/** Validates the folder options that the SQLite store, lock and guard store share. */
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

/** Validates the options. `what` is the name of the public function in errors. */
export const folderOf = (what: string, options: Given): FolderOptions => ({
  directory: directoryOf(what, options),
  trustFolder: trustOf(what, options.trustFolder)
})

/** The maximum length of a database's path on Unix, in bytes: SQLite's limit minus room for suffixes like `-wal`. */
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
