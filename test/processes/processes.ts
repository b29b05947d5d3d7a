/** Real processes on one folder, controlled step by step, killed and stopped. */
import type { ByteSize, Duration } from "effect"
import type { CacheLayer, Caching } from "effect-cached"
import { fork } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { programOf } from "../support/program.ts"
import { clock, type Line, linesOf } from "./recording.ts"

export interface OpenOptions extends CacheLayer.LayerOptions {
  readonly directory: string
  /** Over Redis in place of the folder. */
  readonly redis?: { readonly url: string } | { readonly nodes: ReadonlyArray<string> }
  /** Over PostgreSQL in place of the folder. */
  readonly postgres?: { readonly url: string }
  /** Over a bucket of `test/support/s3.ts` in place of the folder. */
  readonly objects?: { readonly endpoint: string }
  /** The path of the recording. */
  readonly file: string
  readonly maxSize?: ByteSize.Input
  /** It receives no changes of the others: only the store's own guard is left. */
  readonly missesChanges?: boolean
}

export interface Load {
  readonly sleepMillis?: number
  /** For so long the process can do nothing else. */
  readonly blockMillis?: number
  readonly outcome?: "value" | "failure" | "defect"
  /** The number of additional characters. */
  readonly size?: number
  /** Reads inside the load, after that. */
  readonly needs?: { readonly key: string; readonly load: Load }
}

interface Read {
  readonly key: string
  readonly callers?: number
  readonly load?: Load
  readonly options?: {
    readonly ttl?: Duration.Input
    readonly softTtl?: Duration.Input
    readonly tags?: ReadonlyArray<string>
    readonly shareLoad?: boolean
    readonly inherit?: "life" | "changes"
  }
}

export type Message =
  | { readonly do: "open"; readonly options: OpenOptions }
  | { readonly do: "read" } & Read
  | { readonly do: "readMany"; readonly count: number; readonly sleepMillis?: number }
  | { readonly do: "setMany"; readonly numbers: ReadonlyArray<number>; readonly value: string }
  | { readonly do: "watch"; readonly key: string; readonly millis: number; readonly everyMillis?: number }
  | { readonly do: "set"; readonly key: string; readonly value: string }
  | { readonly do: "invalidate"; readonly key: string }
  | { readonly do: "invalidateTag"; readonly tag: string }
  | { readonly do: "stats" }
  | { readonly do: "block"; readonly millis: number }
  | { readonly do: "close" }

export interface Answers {
  readonly open: void
  readonly read: { readonly served: number; readonly values: ReadonlyArray<string>; readonly millis: number }
  /** The value of each of the rows 0 to `count` - 1. */
  readonly readMany: { readonly values: ReadonlyArray<string>; readonly millis: number }
  readonly setMany: void
  /** The value of each read, and when the read began. */
  readonly watch: ReadonlyArray<readonly [at: number, value: string]>
  readonly set: void
  /** When it was completed. */
  readonly invalidate: number
  readonly invalidateTag: number
  readonly stats: Caching.Stats
  readonly block: void
  readonly close: void
}

export interface Worker {
  readonly name: string
  readonly pid: number
  readonly ask: <M extends Message>(message: M) => Promise<Answers[M["do"]]>
  readonly signal: (signal: "SIGKILL" | "SIGSTOP" | "SIGCONT") => void
  readonly isAlive: () => boolean
  /** Leaves it alone: it has to end by itself. */
  readonly leave: () => Promise<void>
  /** Ends it, however it is. */
  readonly end: () => Promise<void>
}

const module = fileURLToPath(new URL("worker.ts", import.meta.url))

let started = 0

/** Starts a process; it listens when this is done. */
export const start = (): Promise<Worker> => startThrough([])

/** As `start`, by another program with its arguments, which are followed by what it has to run. */
export const startThrough = async (through: ReadonlyArray<string>): Promise<Worker> => {
  const program = await programOf(module)
  return new Promise((resolve, reject) => {
    const name = `p${++started}`
    const [execPath, ...args] = [...through, process.execPath]
    const child = fork(program, [name], {
      execPath: execPath!,
      execArgv: args,
      stdio: ["ignore", "ignore", "inherit", "ipc"]
    })
    const waiting = new Map<number, { resolve: (answer: never) => void; reject: (error: Error) => void }>()
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()))
    let number = 0
    let isAlive = true
    const worker: Worker = {
      name,
      pid: child.pid!,
      ask: (message) =>
        new Promise((resolve, reject) => {
          waiting.set(++number, { resolve, reject })
          child.send({ ...message, number })
        }),
      signal: (signal) => void process.kill(child.pid!, signal),
      isAlive: () => isAlive,
      leave() {
        child.disconnect()
        return exited
      },
      end() {
        child.kill("SIGKILL")
        return exited
      }
    }
    waiting.set(0, { resolve: () => resolve(worker), reject })
    child.on("message", ({ answer, error, number }: { answer?: never; error?: string; number: number }) => {
      const { reject, resolve } = waiting.get(number)!
      waiting.delete(number)
      if (error === undefined) resolve(answer!)
      else reject(new Error(error))
    })
    child.once("exit", () => {
      isAlive = false
      for (const { reject } of waiting.values()) reject(new Error(`${name} has ended`))
    })
  })
}

/** Processes that are used by one test after the other: to start one takes long. */
export const pool = () => {
  const workers: Array<Worker> = []
  const directories: Array<string> = []

  /** Several processes, each with a cache over one fresh folder. */
  const open = async (count: number, options: Omit<OpenOptions, "directory" | "file"> = {}) => {
    const directory = mkdtempSync(join(tmpdir(), "effect-cached-"))
    directories.push(directory)
    const file = join(directory, "recording.jsonl")
    const alive = workers.filter((worker) => worker.isAlive())
    const fresh = await Promise.all(Array.from({ length: Math.max(0, count - alive.length) }, start))
    workers.push(...fresh)
    const used = [...alive, ...fresh].slice(0, count)
    const openOptions = { directory: join(directory, "cache"), file, ...options }
    await Promise.all(used.map((worker) => worker.ask({ do: "close" })))
    await Promise.all(used.map((worker) => worker.ask({ do: "open", options: openOptions })))
    const lines = (what?: string): ReadonlyArray<Line> =>
      linesOf(file).filter((line) => what === undefined || line.what === what)
    return {
      directory: openOptions.directory,
      openOptions,
      workers: used,
      lines,
      loads: (id?: string) => lines("load").filter((line) => id === undefined || line.id === id)
    }
  }

  const end = async () => {
    await Promise.all(workers.map((worker) => worker.end()))
    for (const directory of directories) rmSync(directory, { recursive: true, force: true })
  }

  return { open, end }
}

/** Opens so many processes on one place. */
export type Open = ReturnType<typeof pool>["open"]

export const sleep = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

/** Looks again and again; fails after `millis`. */
export const until = async (what: string, holds: () => boolean | Promise<boolean>, millis = 20_000): Promise<void> => {
  const end = clock() + millis
  while (!await holds()) {
    if (clock() > end) throw new Error(`${what}: not within ${millis} ms`)
    await sleep(5)
  }
}
