/** Deliberate faults of folders, and stores of files. */
import type { UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  {
    name: "a relative directory goes where the program goes",
    in: "absolute",
    find: "path.resolve(directory)",
    replace: "directory",
    by: "test/drivers/directories.test.ts"
  },
  {
    name: "a folder that cannot be made stops the process",
    in: "makeOne",
    find: "{ mode: 0o700 }",
    replace: "{ mode: 0o700, recursive: true }",
    by: "test/drivers/unusableFolders.test.ts"
  },
  {
    name: "a file that is not plain is opened",
    in: "requirePlainFile",
    find: "if (!stat.isFile()) throw refused(`${file} is refused because it is not a plain file`)",
    replace: "",
    by: "test/drivers/sharedFolders.test.ts"
  }
]
