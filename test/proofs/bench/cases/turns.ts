/**
 * How long eight processes that write as fast as they can are kept from everything else: the store, and `node:sqlite`.
 */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { median, print, temporaryFolder } from "../measure.ts"

const program = fileURLToPath(new URL("../turns/worker.ts", import.meta.url))
const processes = 8
const seconds = 2
const rounds = Number(process.argv[2] ?? 3)

interface Turns {
  readonly longest: number
  readonly p99: number
}

const measured = async (kind: string): Promise<Turns> => {
  const directory = temporaryFolder()
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
  return { longest: Math.max(...turns.map(({ longest }) => longest)), p99: median(turns.map(({ p99 }) => p99)) }
}

const all: { readonly [kind: string]: Array<Turns> } = { "node:sqlite": [], SqliteStore: [] }
for (let round = 0; round < rounds; round++) {
  for (const [kind, turns] of Object.entries(all)) turns.push(await measured(kind))
}

print(
  Object.entries(all).flatMap(([kind, turns]) => [
    { name: `${kind}, longest`, value: median(turns.map(({ longest }) => longest)) },
    { name: `${kind}, p99`, value: median(turns.map(({ p99 }) => p99)) }
  ])
)
