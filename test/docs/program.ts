/**
 * A process that runs blocks of documentation one after another: `program.ts <report> <block>…`.
 *
 * A block has ended when nothing keeps the process alive any longer, as it would in a process of its own; then what it
 * has left behind (globals, the environment, listeners of the process) is put back, and the next one starts. A block
 * that throws takes the process with it, and its parent starts another for the rest.
 */
import * as Equal from "effect/Equal"
import { AsyncLocalStorage } from "node:async_hooks"
import { appendFileSync } from "node:fs"
import { pathToFileURL } from "node:url"
import { inspect, isDeepStrictEqual } from "node:util"

/** A line of the report. */
export interface Ended {
  readonly path: string
  readonly ok: boolean
  /** The printed errors and violations of the block; without any, its printed output. */
  readonly said: string
}

interface Running {
  readonly path: string
  /** Arrows that the run has not come to yet. */
  readonly unreached: Set<string>
  readonly failures: Array<string>
  stdout: string
  stderr: string
  evaluated: boolean
}

const [report = "", ...paths] = process.argv.slice(2)
const write = process.stdout.write.bind(process.stdout)
const blocks = new AsyncLocalStorage<Running>()
let current: Running | undefined

// ---------------------------------------------------------------------------------------------------------------------
// assertions: `__is` and `__places`, which `assertions.ts` writes into a block
// ---------------------------------------------------------------------------------------------------------------------

type Values = ReadonlyArray<unknown>

const print = (values: Values): string =>
  values.map((value) => typeof value === "string" ? value : inspect(value, { depth: null, breakLength: Infinity }))
    .join(" ")

const normal = (text: string): string => text.replaceAll(/\s+/g, " ").replaceAll("\"", "'")

const equals = (values: Values, expected: (() => Values) | undefined): boolean => {
  try {
    const wanted = expected?.()
    return wanted !== undefined && (isDeepStrictEqual(values, wanted) || Equal.equals(values[0], wanted[0])) &&
      values.length === wanted.length
  } catch {
    // Not an expression of this block, but a printed word.
    return false
  }
}

const assertionsOf = ({ failures, unreached }: Running) => ({
  __is: (values: Values, expected: (() => Values) | undefined, text: string, place: string): Values => {
    unreached.delete(place)
    if (!equals(values, expected) && normal(print(values)) !== normal(text)) {
      failures.push(`${place}: expected ${text}, got ${print(values)}`)
    }
    return values
  },
  __places: (places: ReadonlyArray<string>) => places.forEach((place) => unreached.add(place))
})

// ---------------------------------------------------------------------------------------------------------------------
// what a block may leave behind
// ---------------------------------------------------------------------------------------------------------------------

/** Gives an object back the properties that it has now. */
const keeping = (object: object): () => void => {
  const before = new Map(Reflect.ownKeys(object).map((key) => [key, Object.getOwnPropertyDescriptor(object, key)!]))
  return () => {
    for (const key of Reflect.ownKeys(object)) if (!before.has(key)) Reflect.deleteProperty(object, key)
    for (const [key, descriptor] of before) {
      const now = Object.getOwnPropertyDescriptor(object, key)
      if (now === undefined || now.value !== descriptor.value || now.get !== descriptor.get) {
        Object.defineProperty(object, key, descriptor)
      }
    }
  }
}

const keepingListeners = (): () => void => {
  const before = new Map(process.eventNames().map((name) => [name, process.rawListeners(name as "exit")]))
  return () => {
    for (const name of process.eventNames()) {
      for (const listener of process.rawListeners(name as "exit")) {
        if (before.get(name)?.includes(listener) !== true) process.off(name as string, listener as () => void)
      }
    }
  }
}

const keepingAll = (): () => void => {
  const folder = process.cwd()
  const restore = [...[globalThis, console, process.env, Math, Date].map(keeping), keepingListeners()]
  return () => {
    process.exitCode = undefined
    process.chdir(folder)
    for (const one of restore) one()
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// one after another
// ---------------------------------------------------------------------------------------------------------------------

/** Late output belongs to a block that has ended: it is discarded. */
const collect = (stream: "stdout" | "stderr") => {
  process[stream].write = ((chunk: string | Uint8Array) => {
    const block = blocks.getStore() ?? current
    if (block !== undefined) block[stream] += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString()
    return true
  }) as typeof process.stdout.write
}

const end = (block: Running, code: number): void => {
  const lines = [
    ...block.failures,
    ...Array.from(block.unreached, (place) => `${place}: this "// =>" was never reached`)
  ]
  const ok = code === 0 && lines.length === 0
  const said = block.stderr + lines.map((line) => `${line}\n`).join("")
  const ended: Ended = { path: block.path, ok, said: said !== "" || ok ? said : block.stdout }
  appendFileSync(report, `${JSON.stringify(ended)}\n`)
  current = undefined
}

const fail = (error: unknown): void => {
  if (current === undefined) return
  current.stderr += `${inspect(error)}\n`
  process.exitCode = 1
  // The rest of the block would run on beside the next one.
  process.exit()
}

let restore = (): void => {}

const next = (): void => {
  if (current !== undefined) {
    if (!current.evaluated) return fail(new Error("what it awaits at its top level never comes"))
    end(current, Number(process.exitCode ?? 0))
  }
  restore()
  const path = paths.shift()
  if (path === undefined) return
  const block: Running = {
    path,
    unreached: new Set(),
    failures: [],
    stdout: "",
    stderr: "",
    evaluated: false
  }
  current = block
  restore = keepingAll()
  Object.assign(globalThis, assertionsOf(block))
  // Tells the parent process that this one is still working.
  write(`${path}\n`)
  const run = () => import(pathToFileURL(path).href).then(() => void (block.evaluated = true), fail)
  // Something must be under way, or this was the last that the process did.
  blocks.run(block, () => setImmediate(run))
}

collect("stdout")
collect("stderr")
process.removeAllListeners("warning")
process.on("warning", (warning) => void (current === undefined || (current.stderr += `${inspect(warning)}\n`)))
process.on("uncaughtException", fail)
process.on("unhandledRejection", fail)
process.on("exit", (code) => current === undefined || end(current, code))
process.on("beforeExit", next)
next()
