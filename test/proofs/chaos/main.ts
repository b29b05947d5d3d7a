/**
 * Attacks a store with real processes, and reports the view of its users.
 *
 *     npm run prove -- chaos --store disk                  all attacks, some seconds each; records them
 *     npm run prove -- chaos --store redis                 the same on Redis servers and clusters of its own
 *     npm run prove -- chaos --store postgres              the same on PostgreSQL servers of its own
 *     npm run prove -- chaos --store objects               the same on a bucket of a server of its own
 *     npm run prove -- chaos --store disk --seconds 60     longer
 *     npm run prove -- chaos --store disk --only "stops"   those with this in their names; writes nothing
 *     npm run prove -- chaos --store disk --seed 7         other dice
 */
import { availableParallelism, loadavg } from "node:os"
import { parseArgs } from "node:util"
import { record } from "../../support/measured.ts"
import { target as disk } from "./disk/target.ts"
import { target as objects } from "./objects/target.ts"
import { target as postgres } from "./postgres/target.ts"
import { target as redis } from "./redis/target.ts"
import { columnsWithout, table } from "./report.ts"
import { type Outcome, run } from "./run.ts"
import type { Target } from "./target.ts"

const targets: { readonly [store: string]: Target } = { disk, objects, postgres, redis }

const { values: args } = parseArgs({
  options: {
    store: { type: "string", default: "disk" },
    seconds: { type: "string", default: "8" },
    seed: { type: "string", default: "1" },
    only: { type: "string" }
  }
})

const target = targets[args.store]
if (target === undefined) throw new Error(`there is no store "${args.store}": there is ${Object.keys(targets).join()}`)

const seconds = Number(args.seconds)
const outcomes: Array<Outcome> = []
const wanting: Array<number> = []
for (const attack of target.attacks.filter(({ name }) => name.includes(args.only ?? ""))) {
  const outcome = await run({ target, attack, seconds, seed: Number(args.seed) })
  if (outcome === undefined) {
    process.exitCode = 1
    continue
  }
  outcomes.push(outcome)
  wanting.push(loadavg()[0]!)
  console.log(JSON.stringify({ ...outcome, faults: outcome.faults.length }))
  for (const fault of outcome.faults.slice(0, 10)) console.log(`  ${fault}`)
  if (outcome.faults.length > 0) process.exitCode = 1
}

const columns = columnsWithout(target.unmeasured)
console.log(table(columns, outcomes))
// An attack that a machine cannot run, or that a store fails, is not documented.
if (args.only === undefined && process.exitCode !== 1) {
  record("chaos", {
    [target.name]: {
      columns,
      outcomes,
      seconds,
      cores: availableParallelism(),
      wanting: wanting.reduce((sum, load) => sum + load, 0) / wanting.length
    }
  })
}
