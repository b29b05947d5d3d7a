/**
 * Measures, prints and records each section as it ends, continues where one fails, and ends with an error then, or
 * where a ratio is over its limit. With names of sections, as in `bench hit miss`, it measures only these. `npm run
 * generate` makes the pages of what was recorded.
 */
import { record } from "../../support/measured.ts"
import { build, each, importing, once, processes, quick, servedBy } from "./cases.ts"
import { fastestPeer, type Values } from "./checks.ts"
import * as Report from "./report.ts"
import { measureAll, type Sections } from "./sections.ts"

/** As many processes with all callers, on Redis. */
const callers = (): ReadonlyArray<Values> =>
  servedBy("callers").served.map((served) => {
    const { "CacheLayer.redis": _, ...others } = served
    return { ...served, [fastestPeer]: Math.min(...Object.values(others)) }
  })

const largeHeap = ["--max-old-space-size=4096"]

const sections: Sections = {
  hit: () => each("hit"),
  // Bytes do not depend on what else the machine does: one run is enough.
  bytes: () => ({
    bytes: once("hit", [["--bytes"]], ["--min-semi-space-size=256", "--max-semi-space-size=256"])
  }),
  many: () => each("many"),
  // Each storage has rounds of its own: 100,000 keys take seconds.
  bulk: () => ({
    bulk: once("bulk", ["memory", "disk", "redis", "atOnce"].map((storage) => [storage, quick ? "1" : "5"]))
  }),
  pipeline: () => ({
    pipeline: once("pipeline", [quick ? ["100000", "2"] : ["1000000", "1"]], ["--max-old-space-size=256"])
  }),
  cli: () => ({ cli: once("cli", [[`${build()}/bin.js`, ...quick ? ["100000", "2"] : ["1000000", "3"]]]) }),
  stream: () => each("stream"),
  http: () => ({ ...each("http"), ...each("httpServer"), httpRates: once("httpRates"), ...each("httpPurge") }),
  strategies: () => each("strategies"),
  listeners: () => each("listeners"),
  metrics: () => each("metrics"),
  guards: () => each("guards"),
  miss: () => each("miss", [["adaptive"], ["lru"]]),
  cold: () => each("cold"),
  // It has seeds of its own.
  ratios: () => ({ traces: once("ratios") }),
  policies: () => each("policies"),
  // Each of its reads is measured: one run is enough.
  full: () => ({
    full: once("full", Report.peersOfFull.flatMap((peer) => Report.loadsOfFull.map((load) => [peer, load])))
  }),
  expiry: () => ({ expiry: once("expiry", [[]], largeHeap) }),
  freshness: () => each("freshness"),
  tiers: () => each("tiers"),
  disk: () => each("disk"),
  redis: () => each("redis"),
  postgres: () => each("postgres"),
  objects: () => each("objects"),
  write: () => each("write"),
  transact: () => each("transact"),
  derived: () => each("derived"),
  // Each takes half a minute, and has rounds of its own.
  turns: () => ({ turns: once("turns", [[quick ? "1" : "3"]]) }),
  sizes: () => ({ sizes: once("sizes") }),
  wrappers: () => each("wrappers"),
  formats: () => ({
    ...each("formats", [[]], Math.min(3, processes)),
    formatBytes: once("formats", [["--bytes"]]),
    formatTurns: once("formats", [["--turns"]])
  }),
  herd: () => servedBy(),
  callers: () => ({ callers: callers() }),
  changes: () => each("changes", [[]], Math.min(3, processes)),
  memory: () => ({ memory: once("memory", Report.peersOfMemory.map((subject) => [subject]), largeHeap) }),
  imports: () => ({ imports: importing() })
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
