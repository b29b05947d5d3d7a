/**
 * Very many operations on one cache, for each strategy and each way in which a load can end, over each state of a
 * store, and with each way to bound memory. Fails where the heap, or any collection of the engine, is not bounded.
 *
 *     npm run prove -- soak                       two million operations for each row in memory: at most 20 minutes
 *     npm run prove -- soak --quick               the same rows with less: a minute
 *     npm run prove -- soak --only refreshAhead   the rows whose name has this text
 *     npm run prove -- soak --minutes 10          in real time, on real stores: see long/main.ts; --hours 8 for a night
 */
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { soakFor } from "./long/main.ts"
import { outcomes, strategies } from "./program.ts"
import { largest, type Row, type Soaked, tiers } from "./run.ts"
import { states } from "./stores.ts"

const { values: args } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    minutes: { type: "string", default: "0" },
    hours: { type: "string", default: "0" },
    workers: { type: "string", default: String(availableParallelism()) }
  }
})

const minutes = Number(args.minutes) + 60 * Number(args.hours)
if (minutes > 0) process.exit(await soakFor(minutes * 60_000, args.only) === 0 ? 0 : 1)

const samples = args.quick ? 0.25 : 0.05
const operations = args.quick ? { memory: 20_000, scan: 100_000, store: 3000 } : {
  memory: 2_000_000,
  scan: 2_000_000,
  store: 100_000
}

/** The allowed growth of the second half over the first one, in megabytes: the running loads vary. */
const slack = 5
/** A row that takes longer hangs. */
const patienceMillis = args.quick ? 60_000 : 600_000

const nameOf = ({ order, outcome, store, strategy, tier }: Row): string =>
  [
    strategy,
    outcome,
    ...order === "scan" ? ["scan"] : [],
    ...store === "memory" ? [] : [`store ${store}`],
    ...tier === "usual" ? [] : [tier]
  ].join(", ")

const inMemory = { store: "memory", order: "zipf", samples, tier: "usual" } as const
const ofTiers = Object.keys(tiers).filter((tier) => tier !== "usual").map((tier): Row => ({
  ...inMemory,
  strategy: "ttl",
  outcome: "fails",
  tier,
  operations: operations.memory
}))
const ofStrategies = Object.keys(strategies).flatMap((strategy): ReadonlyArray<Row> => [
  ...outcomes.map((outcome) => ({ strategy, outcome, ...inMemory, operations: operations.memory })),
  { strategy, outcome: "fails", ...inMemory, order: "scan", operations: operations.scan },
  ...Object.keys(states).filter((store) => store !== "memory").map((store) => (
    { strategy, outcome: "any", order: "zipf", samples, store, tier: "usual", operations: operations.store } as const
  ))
])
const rows = [...ofStrategies, ...ofTiers].filter((row) => nameOf(row).includes(args.only))

type Line = Soaked | { readonly problem: string }

const start = (): ChildProcess =>
  fork(join(import.meta.dirname, "child.ts"), {
    execArgv: ["--conditions=effect-cached-source", "--expose-gc"],
    serialization: "advanced",
    stdio: ["ignore", "inherit", "pipe", "ipc"]
  })

/** A row in a process; one that dies or hangs is that row's problem, and the next row gets another process. */
const runRow = async (row: Row, child: ChildProcess): Promise<Line> => {
  let errors = ""
  const collect = (text: Buffer) => {
    errors = `${errors}${text}`.slice(-2000)
  }
  child.stderr!.on("data", collect)
  const patience = setTimeout(() => child.kill("SIGKILL"), patienceMillis)
  child.send(row)
  const answered = new AbortController()
  const [answer] = await Promise.race(["message", "exit"].map((event) => once(child, event, answered)))
    .finally(() => answered.abort())
  clearTimeout(patience)
  child.stderr!.off("data", collect)
  if (typeof answer === "object" && answer !== null) return answer as Soaked
  return { problem: answer === null ? `it hangs, or was killed ${errors}` : `the process ended: ${errors}` }
}

const largestOf = ({ sizes }: Soaked) =>
  sizes.filter(([path]) => path !== "(objects)").reduce((a, b) => b[1].second > a[1].second ? b : a)

/** The violations of a row. */
const problemsOf = (line: Line): ReadonlyArray<string> => {
  if (!("sizes" in line)) return [line.problem]
  const { heap, problem, sizes } = line
  return [
    ...problem === undefined ? [] : [problem],
    ...sizes
      .filter(([path, { first, second }]) => path !== "(objects)" && Math.max(first, second) > largest)
      .map(([path, { first, second }]) => `${path} has ${Math.max(first, second)}, at most ${largest}`),
    ...heap.second > 1.1 * heap.first + slack
      ? [`the heap has grown from ${heap.first.toFixed(0)} to ${heap.second.toFixed(0)} MB`]
      : []
  ]
}

const cells = (row: Row, line: Line, millis: number): ReadonlyArray<string> => {
  const start = [nameOf(row)]
  if (!("sizes" in line)) return [...start, "", "", "", "", "", ""]
  const [path, size] = largestOf(line)
  return [
    ...start,
    `${line.done}`,
    `${line.heap.first.toFixed(1)}`,
    `${line.heap.second.toFixed(1)}`,
    `${Math.max(size.first, size.second)}`,
    path,
    `${line.longestTurn.toFixed(0)}`,
    `${(millis / 1000).toFixed(0)}`
  ]
}

const widths = [46, 10, 8, 8, 8, 38, 8, 6]
const print = (cells: ReadonlyArray<string>): void =>
  console.log(`| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`)
print(["strategy, outcome", "operations", "heap MB", "2nd half", "largest", "its name", "turn ms", "s"])
print(widths.map((width) => "-".repeat(width)))

let failed = 0
const queue = [...rows]
const worker = async () => {
  let child = start()
  for (let row = queue.shift(); row !== undefined; row = queue.shift()) {
    const begun = performance.now()
    const line = await runRow(row, child)
    print(cells(row, line, performance.now() - begun))
    const problems = problemsOf(line)
    if (problems.length > 0) failed++
    for (const problem of problems) console.log(`FAILED ${nameOf(row)}: ${problem}`)
    if (!child.connected || child.exitCode !== null || child.signalCode !== null) child = start()
  }
  child.kill()
}
await Promise.all(Array.from({ length: Number(args.workers) }, worker))

console.log(failed === 0 ? `\n${rows.length} rows, all bounded` : `\n${failed} of ${rows.length} rows failed`)
process.exitCode = failed === 0 ? 0 : 1
