/** Tests that need a program which not every machine has: they are skipped loudly, and `.ci/run` fails on a skip. */
import { accessSync, constants } from "node:fs"
import { delimiter, join, resolve } from "node:path"

/** The tools that `.ci/setup` installs from `.ci/package.json`. */
const ofCi = resolve(import.meta.dirname, "../../.ci/node_modules/.bin")

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The path of a program: the one that CI pins, or that of the machine. */
export const pathTo = (program: string): string | undefined =>
  [ofCi, ...(process.env["PATH"] ?? "").split(delimiter)].map((folder) => join(folder, program)).find(isExecutable)

/** The path of the oldest Node that the package runs on, which CI installs beside the newest. */
export const oldestNode = join(ofCi, "../node22/bin/node")

/** Whether a program cannot be started, which is said: `describe.skipIf(isMissing("redis-server"))`. */
export const isMissing = (program: string, warn: (message: string) => void = console.warn): boolean => {
  if (isExecutable(program) || pathTo(program) !== undefined) return false
  warn(`SKIPPED: "${program}" is not installed; .ci/setup, run as root, installs what CI needs`)
  return true
}
