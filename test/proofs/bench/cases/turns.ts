/**
 * How long eight processes that write as fast as they can are kept from everything else: the store, and `node:sqlite`.
 */
import { fork } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { median, print } from "../measure.ts"

const program = fileURLToPath(new URL("../turns/worker.ts", import.meta.url))
const processes = 8
const seconds = 2
const rounds = Number(process.argv[2] ?? 3)

interface Turns {
  readonly longest: number
  readonly p99: number
  readonly cpuMillis: number
  readonly writes: number
}

const measure = async (kind: string): Promise<Turns> => {
  const directory = mkdtempSync(join(tmpdir(), "effect-cached-bench-"))
  try {
    const children = Array.from(
      { length: processes },
      (_, i) =>
        fork(program, [kind, directory, `p${i}`, String(seconds)], {
          execArgv: ["--conditions=effect-cached-source", "--no-warnings"]
        })
    )
    const heard = <A>() =>
      Promise.all(children.map((child) => new Promise<A>((resolve) => child.once("message", resolve))))
    await heard()
    const answers = heard<Turns>()
    for (const child of children) child.send("go")
    const turns = await answers
    return {
      longest: Math.max(...turns.map(({ longest }) => longest)),
      p99: median(turns.map(({ p99 }) => p99)),
      cpuMillis: Math.max(...turns.map(({ cpuMillis }) => cpuMillis)),
      writes: turns.reduce((sum, { writes }) => sum + writes, 0)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

const measured: { readonly [kind: string]: Array<Turns> } = { raw: [], ours: [] }
for (let round = 0; round < rounds; round++) {
  for (const kind of ["raw", "ours"]) measured[kind]!.push(await measure(kind))
}

const of = (kind: string, field: keyof Turns): number => median(measured[kind]!.map((turns) => turns[field]))

print(["longest", "p99", "cpuMillis", "writes"].flatMap((field) => [
  { name: `node:sqlite, ${field}`, value: of("raw", field as keyof Turns) },
  { name: `SqliteStore, ${field}`, value: of("ours", field as keyof Turns) }
]))
