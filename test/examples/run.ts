/** Runs a file of `examples/` in a process of its own. */
import { execFile } from "node:child_process"
import * as path from "node:path"
import { programOf } from "../support/program.ts"

const examples = path.join(import.meta.dirname, "..", "..", "examples")

export const inExamples = (file: string) => path.join(examples, file)

export interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a file of `examples/` as a user does, without a terminal. */
export const runExample = (file: string, args: ReadonlyArray<string> = [], timeout = 100_000): Promise<Ended> =>
  run(["--conditions=effect-cached-source", inExamples(file), ...args], timeout)

/** The same, bundled: for frequent runs, with files of their own. */
export const runBundled = async (file: string, args: ReadonlyArray<string> = []): Promise<Ended> =>
  run([await programOf(inExamples(file)), ...args], 100_000)

const run = (command: ReadonlyArray<string>, timeout: number): Promise<Ended> => {
  const { FORCE_COLOR: _, ...env } = process.env
  return new Promise((resolve) => {
    const child = execFile(process.execPath, command, { env, timeout }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr })
    })
  })
}
