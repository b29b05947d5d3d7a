/** `npm run bench`: measures, prints, writes `docs/benchmarks.md`, and fails where a ratio is over its limit. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Report from "./report.ts"
import * as Run from "./run.ts"

const quick = process.argv.includes("--quick")
const runs: Run.Runs = quick ? { processes: 1, imports: 7 } : { processes: 5, imports: 21 }

const results: Report.Results = {
  hit: Run.hit(runs),
  bytes: Run.bytesOfHit(),
  many: Run.many(runs),
  strategies: Run.strategies(runs),
  listeners: Run.listeners(runs),
  cold: Run.cold(runs),
  coherence: Run.coherence(runs),
  disk: Run.disk(runs),
  write: Run.write(runs),
  sizes: Run.sizes(),
  ...Run.herd(runs),
  memory: Run.memory(),
  imports: Run.imports(runs)
}

for (
  const name of ["hit", "many", "strategies", "listeners", "cold", "coherence", "disk", "write", "imports"] as const
) {
  console.log(`${name}\n${Report.nanoseconds(results[name])}\n`)
}
console.log(`bytes per hit\n${Report.bytes(results.bytes)}\n`)
console.log(`bytes an entry\n${Report.bytes(results.memory)}\n`)
console.log(`bytes of ten thousand records\n${Report.bytes(results.sizes)}\n`)
console.log(`eight processes, one cold key\n${Report.herd(results)}\n`)
console.log(Report.ratios(results))

if (!quick) writeFileSync(join(import.meta.dirname, "../../docs/benchmarks.md"), Report.document(results))

for (const failure of Report.failures(results)) {
  console.error(`over its limit: ${failure}`)
  process.exitCode = 1
}
