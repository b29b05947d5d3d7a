/** Tests that need a program which not every machine has: they are skipped loudly, and `.ci/run` fails on a skip. */
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

const isInstalled = (program: string): boolean =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

/** Whether a program cannot be started by its name, which is said: `describe.skipIf(isMissing("redis-server"))`. */
export const isMissing = (program: string, warn: (message: string) => void = console.warn): boolean => {
  if (isInstalled(program)) return false
  warn(`SKIPPED: "${program}" is not installed; .ci/setup, run as root, installs what CI needs`)
  return true
}
