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
    name: "a relative directory without a working directory is one of the next working directory",
    in: "makeFolder",
    find: "!path.isAbsolute(directory)",
    replace: "false",
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
    name: "all threads of a process write one draft",
    in: "writeDraft",
    find: "`${self.owner}-${process.pid}-${self.drafts++}.tmp`",
    replace: "`${process.pid}.tmp`",
    by: "test/drivers/files/FilesStore.test.ts"
  },
  {
    name: "a file that is not plain is opened",
    in: "requirePlainFile",
    find: "if (!stat.isFile()) throw refused(`${file} is refused because it is not a plain file`)",
    replace: "",
    by: "test/drivers/sharedFolders.test.ts"
  },
  {
    name: "new folders can be read by all users",
    in: "makeOne",
    find: "mode: 0o700",
    replace: "mode: 0o755",
    by: "test/drivers/sharedFolders.test.ts"
  },
  {
    name: "a folder of files is measured at once",
    in: "reserve",
    find: "if (self.scan !== undefined) measureSome(self, self.scan, filesMeasured.ofStep)",
    replace: "if (self.scan !== undefined) measureSome(self, self.scan, Infinity)",
    by: "test/drivers/files/room.test.ts"
  },
  {
    name: "everybody may put values into the folder",
    in: "othersOf",
    find: `if ((mode & everybody) !== 0) return "everyone"`,
    replace: "",
    by: "test/drivers/sharedFolders.test.ts"
  }
]
