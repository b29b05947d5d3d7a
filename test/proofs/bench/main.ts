/**
 * Measures, prints and records each section as it ends, continues where one fails, and ends with an error then, or
 * where a ratio is over its limit. With names of sections, as in `bench hit miss`, it measures only these. `npm run
 * generate` makes the pages of what was recorded.
 */
import { record } from "../../support/measured.ts"
import * as Report from "./report.ts"
import * as Run from "./run.ts"
import { measureAll, type Sections } from "./sections.ts"

const quick = process.argv.includes("--quick")
const runs: Run.Runs = quick ? { processes: 1, imports: 7 } : { processes: 5, imports: 21 }

const sections: Sections = {
  hit: () => ({ hit: Run.hit(runs) }),
  bytes: () => ({ bytes: Run.bytesOfHit() }),
  many: () => ({ many: Run.many(runs) }),
  bulk: () => ({ bulk: Run.bulk(runs) }),
  pipeline: () => ({ pipeline: Run.pipeline(runs) }),
  cli: () => ({ cli: Run.cli(runs) }),
  stream: () => ({ stream: Run.stream(runs) }),
  http: () => ({
    http: Run.http(runs),
    httpServer: Run.httpServer(runs),
    httpRates: Run.httpRates(),
    httpPurge: Run.httpPurge(runs)
  }),
  strategies: () => ({ strategies: Run.strategies(runs) }),
  listeners: () => ({ listeners: Run.listeners(runs) }),
  inspector: () => ({ inspector: Run.inspector(runs) }),
  metrics: () => ({ metrics: Run.metrics(runs) }),
  guards: () => ({ guards: Run.guards(runs) }),
  miss: () => ({ miss: Run.miss(runs) }),
  cold: () => ({ cold: Run.cold(runs) }),
  ratios: () => ({ traces: Run.traces() }),
  policies: () => ({ policies: Run.policies(runs) }),
  full: () => ({ full: Run.full() }),
  expiry: () => ({ expiry: Run.expiry() }),
  freshness: () => ({ freshness: Run.freshness(runs) }),
  tiers: () => ({ tiers: Run.tiers(runs) }),
  disk: () => ({ disk: Run.disk(runs) }),
  redis: () => ({ redis: Run.redis(runs) }),
  postgres: () => ({ postgres: Run.postgres(runs) }),
  objects: () => ({ objects: Run.objects(runs) }),
  write: () => ({ write: Run.write(runs) }),
  transact: () => ({ transact: Run.transact(runs) }),
  derived: () => ({ derived: Run.derived(runs) }),
  markers: () => ({ markers: Run.markers(runs) }),
  turns: () => ({ turns: Run.turns(runs) }),
  lock: () => ({ lock: Run.lock(runs) }),
  start: () => ({ start: Run.millionEntries() }),
  sizes: () => ({ sizes: Run.sizes() }),
  wrappers: () => ({ wrappers: Run.wrappers(runs) }),
  formats: () => ({
    formats: Run.formats(runs),
    formatBytes: Run.formatBytes(),
    formatTurns: Run.formatTurns()
  }),
  herd: () => Run.herd(runs),
  callers: () => ({ callers: Run.callers(runs) }),
  changes: () => ({ changes: Run.changes(runs) }),
  memory: () => ({ memory: Run.memory() }),
  imports: () => ({ imports: Run.imports(runs) })
}

const chosen = process.argv.slice(2).filter((argument) => !argument.startsWith("--"))
for (const name of chosen) {
  if (!(name in sections)) {
    throw new Error(`there is no section "${name}": there are ${Object.keys(sections).join(", ")}`)
  }
}
const names = chosen.length === 0 ? Object.keys(sections) : chosen
const all = measureAll(sections, names, {
  ended: (results) => {
    console.log(`${Report.measurements(results)}\n`)
    // At once: the whole takes long, and may be stopped.
    if (!quick) record("bench", results)
  },
  failed: (name, error) => {
    console.error(`the section "${name}" failed:`, error)
    process.exitCode = 1
  }
})

console.log(Report.ratios(all))

for (const failure of Report.failures(all)) {
  console.error(`over its limit: ${failure}`)
  process.exitCode = 1
}
