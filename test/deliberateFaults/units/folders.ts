/** Deliberate faults of folders, and stores of files. */
import { foundBy, type UnitFault } from "../fault.ts"

export const faults: ReadonlyArray<UnitFault> = [
  ...foundBy("test/drivers/directories.test.ts", [
    ["a relative directory goes where the program goes", "absolute", "path.resolve(directory)", "directory"]
  ]),
  ...foundBy("test/drivers/unusableFolders.test.ts", [
    ["a folder that cannot be made stops the process", "makeOne", "{ mode: 0o700 }", "{ mode: 0o700, recursive: true }"]
  ])
]
