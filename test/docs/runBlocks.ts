/** Runs blocks of documentation, many in one process, and says what each complained about. */
import { spawn } from "node:child_process"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import type { Ended } from "./program.ts"

const root = resolve(import.meta.dirname, "../..")

/** One block may take so long. */
const limitMillis = 60_000

/** The condition under which the package is its sources. */
export const fromSource = "--conditions=effect-cached-source"

/** The place and the program in which blocks run. */
interface Place {
  /** The command that starts a module: a program, and flags of its own. */
  readonly runtime: ReadonlyArray<string>
  /** The working directory. */
  readonly folder: string
}

/** Runs blocks until one takes the process with it; returns why the process ended, where it did so without a report. */
const runSome = (paths: ReadonlyArray<string>, report: string, { folder, runtime }: Place): Promise<string> => {
  rmSync(report, { force: true })
  const [command, ...flags] = runtime
  const args = [...flags, join(root, "test/docs/program.ts"), report, ...paths]
  const child = spawn(command!, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] })
  let stderr = ""
  let timedOut = false
  const stop = () => {
    timedOut = true
    child.kill("SIGKILL")
  }
  let timer = setTimeout(stop, limitMillis)
  child.stdout.on("data", () => {
    clearTimeout(timer)
    timer = setTimeout(stop, limitMillis)
  })
  child.stderr.on("data", (chunk: Buffer) => stderr += chunk.toString())
  return new Promise((done) =>
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      done(timedOut ? `it took longer than ${limitMillis} ms` : stderr || `its process ended with ${signal ?? code}`)
    })
  )
}

const reported = (report: string): ReadonlyArray<Ended> =>
  existsSync(report)
    ? readFileSync(report, "utf8").trim().split("\n").map((line): Ended => JSON.parse(line))
    : []

/** The outcome of each block, by its path. */
export const runBlocks = async (
  paths: ReadonlyArray<string>,
  report: string,
  { folder = root, runtime = [process.execPath, fromSource] }: Partial<Place> = {}
): Promise<ReadonlyMap<string, Ended>> => {
  const results = new Map<string, Ended>()
  let left = paths
  while (left.length > 0) {
    const why = await runSome(left, report, { folder, runtime })
    for (const ended of reported(report)) results.set(ended.path, ended)
    const after = left.filter((path) => !results.has(path))
    // A block without a report has ended its process by force.
    if (after.length === left.length) results.set(left[0]!, { path: left[0]!, ok: false, said: why })
    left = left.filter((path) => !results.has(path))
  }
  return results
}
