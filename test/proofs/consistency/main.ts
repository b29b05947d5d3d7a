/**
 * Processes read, write and invalidate at random on one folder, while they are killed and stopped, and data that the
 * store may lose is taken from it. Their records are checked against P1 and P2.
 *
 *     npm run prove -- consistency                     20 seconds
 *     npm run prove -- consistency --minutes 10        longer
 *     npm run prove -- consistency --seed 7            other dice
 *     npm run prove -- consistency --store redis       on a Redis server of its own, in place of a folder
 *     npm run prove -- consistency --store cluster     on a Redis cluster of its own
 *     npm run prove -- consistency --store postgres    on a PostgreSQL server of its own
 *     npm run prove -- consistency --store tiers       on two machines: a folder of each, before one Redis server
 *     npm run prove -- consistency --store objects     on a bucket of a server of its own
 *     npm run prove -- consistency --removes           files are removed and replaced, a full disk: judges only P2
 *     npm run prove -- consistency --faults            every deliberate fault of processes must be found
 *     npm run prove -- consistency --faults --only x   this one
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { faults } from "../../deliberateFaults/processes.ts"
import { type Line, linesOf } from "../../processes/recording.ts"
import { check } from "./check.ts"
import { checkTiers } from "./checkTiers.ts"
import { findFault } from "./findFault.ts"
import { boundMillis, objectsStalenessMillis } from "./plan.ts"
import { run } from "./run.ts"

const { values: args } = parseArgs({
  options: {
    minutes: { type: "string" },
    seconds: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
    processes: { type: "string", default: "4" },
    stop: { type: "boolean", default: false },
    store: { type: "string", default: "disk" },
    removes: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    faults: { type: "boolean", default: false },
    only: { type: "string" },
    json: { type: "boolean", default: false }
  }
})

const stores = ["cluster", "objects", "postgres", "redis", "tiers"] as const

/** The seconds of one round, whose lines are kept in memory and checked together. */
const roundSeconds = 60

const withinMillis = args.store === "objects" ? objectsStalenessMillis : undefined

/** The check of tiers judges reads alone, and only by the bound. */
const judge = (lines: ReadonlyArray<Line>) => {
  const verdict = check(lines, args.removes || args.store === "tiers", withinMillis)
  if (args.store !== "tiers") return { ...verdict, fromCopies: 0, oldestMillis: 0 }
  return { ...verdict, ...checkTiers(lines, boundMillis) }
}

const isEnough = (file: string): boolean => args.stop && judge(linesOf(file)).violations.length > 0

const round = async (seed: number, seconds: number) => {
  const folder = mkdtempSync(join(tmpdir(), "effect-cached-"))
  let keep = args.keep
  try {
    const { file, ...ran } = await run({
      seed,
      seconds,
      processes: Number(args.processes),
      store: stores.find((store) => store === args.store) ?? "disk",
      removes: args.removes,
      folder,
      isEnough
    })
    const lines = linesOf(file)
    const verdict = judge(lines)
    keep ||= verdict.violations.length > 0 && !args.stop
    return { seed, ...ran, ...verdict }
  } finally {
    if (keep) console.error(`kept: ${folder}`)
    else rmSync(folder, { recursive: true, force: true })
  }
}

const all = async (seconds: number): Promise<void> => {
  for (let seed = Number(args.seed), left = seconds; left > 0; seed++, left -= roundSeconds) {
    const { violations, ...numbers } = await round(seed, Math.min(left, roundSeconds))
    if (args.json) console.log(JSON.stringify({ violations, ...numbers }))
    else {
      console.log(
        `seed ${seed}: ${numbers.reads} reads, ${numbers.values} values, ${numbers.changes} changes, ${numbers.granted} leases, ` +
          `${numbers.stored} stored, ${numbers.refused} refused, ${numbers.faults} faults; ` +
          `${numbers.admitted} calls let through and ${numbers.limited} refused by limits, ${numbers.entered} holders of a lock; ` +
          `${numbers.moved} transactions and ${numbers.looked} look-ups beside them; ` +
          `${numbers.kills} killed, ` +
          `${numbers.stops} stopped, ${numbers.thefts} thefts, ${numbers.removals} removals, ${numbers.copies} older copies, ${numbers.fills} times a full disk, ${numbers.silences} times no tracking; ${numbers.fromCopies} reads of copies in tiers, at most ${
            numbers.oldestMillis.toFixed(0)
          } ms old; seen within ${numbers.latestMillis.toFixed(0)} ms; ` +
          `${violations.length} violations`
      )
      for (const violation of violations.slice(0, 10)) console.log(`  ${violation}`)
    }
    if (violations.length > 0) process.exitCode = 1
  }
}

const allFaults = async (): Promise<void> => {
  for (const fault of faults.filter(({ name }) => args.only === undefined || name === args.only)) {
    const found = await findFault(fault)
    if (found === undefined) process.exitCode = 1
    console.log(`${fault.name.padEnd(45)} ${found ?? "NOT FOUND"}`)
  }
}

if (args.faults) await allFaults()
else await all(args.minutes === undefined ? Number(args.seconds) : 60 * Number(args.minutes))
