/** The option `directory` of a store, a lock or guards. */
import * as path from "node:path"
import { checkDirectory } from "../../internal/options/folder.ts"

/** Its absolute path, which stays the same when the program changes its working directory. */
export const absolute = (what: string, { directory }: { readonly directory: string }): string => {
  checkDirectory(what, directory)
  return path.resolve(directory)
}
