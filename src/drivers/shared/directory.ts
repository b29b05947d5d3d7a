/** Checks and resolves the option `directory` of a store, a lock or a guard store. */
import * as path from "node:path"
import { checkDirectory } from "../../internal/options/folder.ts"

/**
 * Returns the absolute path of `directory`, so that a later change of the working directory does not affect it. Returns
 * a relative path unchanged if the working directory was deleted: opening it then fails with a `StoreError`.
 */
export const absolute = (what: string, { directory }: { readonly directory: string }): string => {
  checkDirectory(what, directory)
  try {
    return path.resolve(directory)
  } catch {
    return directory
  }
}
