/** Runs a file of `examples/` in a process of its own. */
import { execFile } from "node:child_process"
import * as path from "node:path"

const examples = path.join(import.meta.dirname, "..", "..", "examples")

export const inExamples = (file: string) => path.join(examples, file)

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a file of `examples/` as a user does, without a terminal. */
export const runExample = (
  file: string,
  args: ReadonlyArray<string> = [],
  timeout = 100_000
): Promise<Ended> => {
  const command = ["--conditions=effect-cached-source", inExamples(file), ...args]
  const { FORCE_COLOR: _, ...env } = process.env
  return new Promise((resolve) => {
    const child = execFile(process.execPath, command, { env, timeout }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr })
    })
  })
}
