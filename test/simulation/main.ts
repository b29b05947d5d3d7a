/**
 * Runs random programs against the cache, each under a schedule drawn from its seed, and checks what must always hold.
 * Each prints the table of its rules, and those of them that were decided seldom.
 *
 *     npm run prove -- simulate                         2,000 seeds
 *     npm run prove -- simulate --seeds 1000000         more, over all processors
 *     npm run prove -- simulate --seed 123              one again, with its log
 *     npm run prove -- simulate --store async           over this store only: none, sync, async, derived
 *     npm run prove -- simulate --with abandoned,lies   programs with these features (features.ts)
 *     npm run prove -- simulate --fleet                 several processes on one store; with --seeds, --from and --seed
 *     npm run prove -- simulate --streams               streams alone, on one engine or two, under more disturbance
 *     npm run prove -- simulate --derived               derived entries alone, on up to three engines
 *     npm run prove -- simulate --serving               what strategies serve
 *     npm run prove -- simulate --faults                every deliberate fault must be found; also with --fleet,
 *                                                       --derived or --serving
 *     npm run prove -- simulate --faults --only slot    those with this in their names
 */
import { fork } from "node:child_process"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as derivedEntries from "../deliberateFaults/derived.ts"
import * as engine from "../deliberateFaults/engine.ts"
import * as serving from "../deliberateFaults/serving.ts"
import * as severalEngines from "../deliberateFaults/severalEngines.ts"
import { seldomOf, spokenOf, tableOf, type Tallies } from "./decide.ts"
import { simulateDerived } from "./derived.ts"
import { drawn, isFeature } from "./features.ts"
import { findFault, findFaultOfDerived, findFaultOfServing, findFaultOfSeveral } from "./findFault.ts"
import { simulateFleet } from "./fleet.ts"
import { sweepFleet } from "./fleetSweep.ts"
import type { Config } from "./model.ts"
import { type Group, rulesOf } from "./rules.ts"
import { rules as servingRules } from "./serving/rules.ts"
import { simulateServing } from "./serving/serving.ts"
import { simulate } from "./simulate.ts"
import { simulateStreams } from "./streams.ts"
import { add, type Failure, nothing, type Range, sweep, type Swept } from "./sweep.ts"

const { values: args } = parseArgs({
  options: {
    seeds: { type: "string", default: "2000" },
    seed: { type: "string" },
    from: { type: "string", default: "1" },
    store: { type: "string" },
    with: { type: "string", default: "" },
    workers: { type: "string", default: String(availableParallelism()) },
    stop: { type: "boolean", default: false },
    faults: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    fleet: { type: "boolean", default: false },
    streams: { type: "boolean", default: false },
    derived: { type: "boolean", default: false },
    serving: { type: "boolean", default: false },
    json: { type: "boolean", default: false }
  }
})

const store = args.store as Config["store"] | undefined
const blockSize = 500

const also = args.with.split(",").filter((name) => name !== "").map((name) => {
  if (isFeature(name)) return name
  throw new Error(`programs cannot do "${name}" beside: ${Object.keys(drawn).join(", ")}`)
})

const one = (seed: number): void => {
  const log: Array<string> = []
  const { violations } = args.fleet
    ? simulateFleet({ seed, with: also, log })
    : simulate({ seed, store, with: also, log })
  for (const line of log) console.log(line)
  console.log(violations.length === 0 ? "nothing violated" : `first violated: ${violations[0]!}`)
  process.exitCode = violations.length === 0 ? 0 : 1
}

/** Blocks of seeds to several processes, to each as it is done with the one before. */
const inProcesses = (range: Range, count: number): Promise<Swept> =>
  new Promise((resolve, reject) => {
    let total = nothing
    let next = range.from
    let running = 0
    for (let i = 0; i < count; i++) {
      const child = fork(fileURLToPath(import.meta.url))
      running++
      const give = () => {
        if (next >= range.to || (range.stopAtFirst === true && total.failures.length > 0)) return child.disconnect()
        const from = next
        next = Math.min(range.to, next + blockSize)
        child.send({ ...range, from, to: next })
      }
      child.on("message", (swept: Swept) => {
        total = add(total, swept)
        give()
      })
      child.on("exit", (code) => {
        if (code !== 0) return reject(new Error(`a process of the simulation ended with ${code}`))
        if (--running === 0) resolve(total)
      })
      give()
    }
  })

const many = async (): Promise<void> => {
  const from = Number(args.from)
  const range: Range = { from, to: from + Number(args.seeds), store, with: also, stopAtFirst: args.stop }
  const workers = Math.min(Number(args.workers), Math.ceil(Number(args.seeds) / blockSize))
  const startedAt = performance.now()
  const swept = workers > 1 ? await inProcesses(range, workers) : sweep(range)
  const seconds = (performance.now() - startedAt) / 1000
  process.exitCode = swept.failures.length === 0 ? 0 : 1
  const tallies: Tallies = new Map(swept.tallies)
  if (args.json) return console.log(JSON.stringify({ ...swept, spoken: spokenOf(tallies) }))
  console.log(
    `${swept.seeds} schedules in ${seconds.toFixed(1)} s (${(swept.seeds / seconds).toFixed(0)} a second), ` +
      `${(swept.reads / swept.seeds).toFixed(1)} reads and ${(swept.loads / swept.seeds).toFixed(1)} loads each, ` +
      `${swept.restarts} restarts, ` +
      `${swept.failures.length} failed`
  )
  report(swept)
  table("oneEngine", tallies)
}

const table = (group: Group, tallies: Tallies): void => {
  const rules = rulesOf(group)
  console.log(tableOf(rules, tallies))
  for (const seldom of seldomOf(rules, tallies)) console.log(`decided seldom: ${seldom}`)
}

const fleet = (): void => {
  const from = Number(args.from)
  const startedAt = performance.now()
  const { counts, failures, tallies } = sweepFleet({
    from,
    to: from + Number(args.seeds),
    with: also,
    stopAtFirst: args.stop
  })
  const seconds = (performance.now() - startedAt) / 1000
  process.exitCode = failures.length === 0 ? 0 : 1
  if (args.json) return console.log(JSON.stringify({ failures, spoken: spokenOf(tallies) }))
  console.log(`${args.seeds} schedules in ${seconds.toFixed(1)} s, ${failures.length} failed`)
  console.log(Object.entries(counts).map(([what, count]) => `${count} ${what}`).join(", "))
  for (const { rule, seed } of failures) console.log(`seed ${seed}: ${rule}`)
  table("severalEngines", tallies)
}

/** Schedules of one thing alone. */
const alone = (group: Group, simulate: (seed: number, tallies: Tallies) => ReadonlyArray<string>): void => {
  const tallies: Tallies = new Map()
  const from = Number(args.seed ?? args.from)
  const count = args.seed === undefined ? Number(args.seeds) : 1
  const failures: Array<Failure> = []
  for (let seed = from; seed < from + count; seed++) {
    const wrong = simulate(seed, tallies)
    if (!args.json) { for (const line of wrong) console.log(`seed ${seed}: ${line}`) }
    if (wrong.length === 0) continue
    failures.push({ seed, rule: wrong[0]! })
    if (args.stop) break
  }
  process.exitCode = failures.length === 0 ? 0 : 1
  if (args.json) return console.log(JSON.stringify({ failures, spoken: spokenOf(tallies) }))
  console.log(`${count} schedules of ${group}, ${failures.length} failed`)
  table(group, tallies)
}

/** Strategies at work, and how often each rule was decided. */
const whatIsServed = (): void => {
  const tallies: Tallies = new Map()
  const failures: Array<Failure> = []
  const from = Number(args.seed ?? args.from)
  const to = from + (args.seed === undefined ? Number(args.seeds) : 1)
  for (let seed = from; seed < to && !(args.stop && failures.length > 0); seed++) {
    for (const rule of simulateServing(seed, tallies)) failures.push({ seed, rule })
  }
  process.exitCode = failures.length === 0 ? 0 : 1
  if (args.json) {
    return console.log(JSON.stringify({ failures: failures.slice(0, 40), spoken: spokenOf(tallies) }))
  }
  for (const { rule, seed } of failures) console.log(`seed ${seed}: ${rule}`)
  console.log(tableOf(servingRules, tallies))
}

/** The rules violated, each with its first seeds. */
const report = (swept: Swept): void => {
  const byRule = new Map<string, Array<Failure>>()
  for (const failure of swept.failures.toSorted((a, b) => a.seed - b.seed)) {
    const rule = failure.rule.replaceAll(/[#@]?\d+/g, "N").replaceAll(/\b[abc]\b/g, "x")
    byRule.set(rule, [...byRule.get(rule) ?? [], failure])
  }
  for (const failures of [...byRule.values()].sort((a, b) => b.length - a.length)) {
    const { rule, seed } = failures[0]!
    console.log(`${String(failures.length).padStart(7)}  seed ${seed}: ${rule}`)
    console.log(
      `         again: npm run prove -- simulate --seed ${seed}${store === undefined ? "" : ` --store ${store}`}${
        also.length === 0 ? "" : ` --with ${args.with}`
      }`
    )
  }
}

const all = async (): Promise<void> => {
  const { faults } = args.fleet ? severalEngines : args.derived ? derivedEntries : args.serving ? serving : engine
  const find = args.fleet
    ? findFaultOfSeveral
    : args.derived
    ? findFaultOfDerived
    : args.serving
    ? findFaultOfServing
    : findFault
  const left = faults.filter(({ name }) => name.includes(args.only))
  const next = async (): Promise<void> => {
    for (let fault = left.shift(); fault !== undefined; fault = left.shift()) {
      const found = await find(fault, Number(args.seeds)).catch((error: unknown) => String(error))
      const isFound = typeof found === "object"
      if (!isFound) process.exitCode = 1
      console.log(`${fault.name.padEnd(45)} ${isFound ? `seed ${found.seed}: ${found.rule}` : found ?? "NOT FOUND"}`)
    }
  }
  await Promise.all(Array.from({ length: Number(args.workers) }, next))
}

if (process.send !== undefined) process.on("message", (range: Range) => void process.send!(sweep(range)))
else if (args.faults) await all()
else if (args.streams) alone("streams", simulateStreams)
else if (args.derived) alone("derived", simulateDerived)
else if (args.serving) whatIsServed()
else if (args.seed !== undefined) one(Number(args.seed))
else if (args.fleet) fleet()
else await many()
