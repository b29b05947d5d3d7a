/** The tables of the benchmarks' results: those that a run prints, and those of `docs/benchmarks.md`. */
import { type Check, checks, type Results, type Values } from "./checks.ts"
import { median } from "./measure.ts"

/** A peer that was not measured is a time, like "20 ms". */
const ratioOf = (results: Results, { case: name, peer, subject }: Check): number =>
  median(results[name]!.map((values) => values[subject]! / (values[peer] ?? parseFloat(peer) * 1e6)))

const measured = (results: Results) => checks.filter((check) => results[check.case] !== undefined)

const isOver = (results: Results, check: Check): boolean => !(ratioOf(results, check) <= check.atMost)

/** The checks that failed. */
export const failures = (results: Results): ReadonlyArray<string> =>
  measured(results)
    .filter((check) => isOver(results, check))
    .map((check) => `${check.title}: ${ratioOf(results, check).toFixed(3)}, at most ${check.atMost}`)

type Cells = ReadonlyArray<string>

const table = ([head, ...rows]: ReadonlyArray<Cells>): string => {
  const widths = head!.map((_, i) => Math.max(...[head!, ...rows].map((cells) => cells[i]!.length)))
  const line = (cells: Cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  return [line(head!), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)].join("\n")
}

const ratioText = (results: Results, check: Check): string =>
  ratioOf(results, check).toFixed(check.atMost < 0.2 ? 3 : 2)

/** The table that a run prints: each ratio beside its limit and its goal. */
export const ratios = (results: Results): string =>
  table([
    ["measured", "compared with", "ratio", "limit", "goal"],
    ...measured(results).map((check) => [
      check.title,
      check.peer,
      ratioText(results, check),
      `${check.atMost}`,
      `${check.goal ?? ""}`
    ])
  ])

const subjects = (values: ReadonlyArray<Values>): ReadonlyArray<readonly [string, number]> =>
  Object.keys(values[0]!).map((name) => [name, median(values.map((run) => run[name]!))])

const listOf = (values: ReadonlyArray<Values>, unit: string, digits = 0): string =>
  table([["subject", unit], ...subjects(values).map(([name, value]) => [name, value.toFixed(digits)])])

/** How often eight processes load, and when all of them are served. */
const herd = ({ loads = [], served = [] }: Results): string => {
  const times = new Map(subjects(served))
  return table([
    ["cache", "loads", "ms until all are served"],
    ...subjects(loads).map(([name, value]) => [name, value.toFixed(0), (times.get(name)! / 1e6).toFixed(0)])
  ])
}

const peersOfHerd = ["CacheLayer.redis", "bentocache", "cacheable", "async-cache-dedupe"]

/** The caches whose reads are compared, and of which loads. */
export const peersOfFull = [
  "effect-cached",
  "lru-cache",
  "Effect Cache",
  "bentocache",
  "cacheable",
  "async-cache-dedupe"
]
export const loadsOfFull = ["zipf", "scan", "mixed"]

export const peersOfMemory = ["Map", "lru-cache", "Effect Cache", "effect-cached"]

const policiesOfTraces = ["lru-cache", "fifo", "s3Fifo", "wTinyLfu", "adaptive", "optimum"]

const units: { readonly [name: string]: string } = {
  bytes: "bytes per hit",
  memory: "bytes per entry",
  sizes: "bytes of ten thousand records",
  formatBytes: "bytes of a thousand records"
}

/** All measurements. Nanoseconds say something on one machine only: they are printed and not written down. */
export const measurements = (results: Results): string =>
  Object.entries(results).flatMap(([name, values]) => {
    if (name === "served") return []
    if (name === "loads") return [`eight processes, one cold key\n${herd(results)}\n`]
    if (name === "traces" || name === "full") return [`${name}\n${listOf(values, "share", 4)}\n`]
    return [`${units[name] ?? name}\n${listOf(values, units[name] === undefined ? "ns" : "bytes")}\n`]
  }).join("\n")

// ---------------------------------------------------------------------------------------------------------------------
// the tables of docs/benchmarks.md
// ---------------------------------------------------------------------------------------------------------------------

/** A table of the page, found by the first cell of its head. */
interface Table {
  readonly head: Cells
  /** The cells with which each row begins: they say which row it is. */
  readonly rows: ReadonlyArray<Cells>
  /** The new text of a cell: `undefined` where nothing was measured, then the cell stays as it is. */
  readonly cell: (row: Cells, column: string) => string | undefined
}

const tableNamed = (name: string): RegExp =>
  new RegExp(`^\\| ${name.replaceAll(/[()]/g, "\\$&")} +\\|.*\\n(?:\\|.*\\n)+`, "m")

/** The page with one of its tables as measured now. Rows of which nothing was ever measured are left out. */
const withTable = (page: string, { cell, head, rows }: Table): string => {
  const former = tableNamed(head[0]!).exec(page)?.[0].trim().split("\n").map((line) =>
    line.split("|").slice(1, -1).map((text) => text.trim())
  )
  if (former === undefined) throw new Error(`the page has no table "${head[0]}"`)
  const next = rows.flatMap((row) => {
    const line = former.find((cells) => row.every((text, i) => cells[i] === text))
    const cells = head.slice(row.length).map((column, i) => cell(row, column) ?? line?.[row.length + i] ?? "")
    return cells.every((text) => text === "") ? [] : [[...row, ...cells]]
  })
  const lines = [head, ...next].map((cells) => `| ${cells.join(" | ")} |`)
  return page.replace(
    tableNamed(head[0]!),
    () => `${lines.toSpliced(1, 0, `|${"---|".repeat(head.length)}`).join("\n")}\n`
  )
}

/** Which cases stand in which table of ratios. The other cases have tables of their own. */
export const tablesOfRatios: { readonly [name: string]: ReadonlyArray<string> } = {
  "in memory": [
    ...["hit", "many", "stream", "policies", "strategies", "listeners", "metrics", "freshness", "tiers", "miss"],
    ...["cold", "expiry", "derived", "imports"]
  ],
  "guards and wrappers": ["guards", "wrappers"],
  "storage": ["disk", "write", "transact", "turns", "redis", "postgres", "objects"],
  "several processes": ["callers", "changes"],
  "bulk work": ["bulk", "pipeline", "cli"],
  "HTTP": ["http", "httpServer"]
}

const checksOf = (name: string): ReadonlyArray<Check> =>
  tablesOfRatios[name]!.flatMap((of) => checks.filter((check) => check.case === of))

const ofRatios = (results: Results, name: string): Table => ({
  head: [name, "compared with", "ratio"],
  rows: checksOf(name).map(({ peer, title }) => [title, peer]),
  cell: ([title, peer]) => {
    const check = checksOf(name).find((check) => check.title === title && check.peer === peer)!
    if (results[check.case] === undefined) return undefined
    return `${ratioText(results, check)}${isOver(results, check) ? ` (limit ${check.atMost})` : ""}`
  }
})

/** A number of one subject, if it was measured now. */
const numberOf = (
  values: ReadonlyArray<Values> | undefined,
  subject: string,
  text: (value: number) => string
): string | undefined => {
  const value = values && new Map(subjects(values)).get(subject)
  return value === undefined ? undefined : text(value)
}

const whole = (value: number): string => value.toFixed(0)
const millis = (nanos: number): string => (nanos / 1e6).toFixed(0)
const micros = (nanos: number): string => (nanos / 1000).toFixed(1)
const kilobytes = (size: number): string => (size / 1000).toFixed(0)

/** Reads of a full cache: times as multiples of the median of `lru-cache`. */
const ofFull = ({ full }: Results): Table => ({
  head: ["full cache", ...loadsOfFull.flatMap((load) => [`${load}: hits, %`, `${load}: p50`])],
  rows: peersOfFull.map((peer) => [peer]),
  cell: ([peer], column) => {
    const [load, what] = column.split(": ")
    if (what !== "p50") return numberOf(full, `${load}, hit ratio: ${peer}`, (share) => (share * 100).toFixed(1))
    const unit = `${load}, p50: lru-cache`
    return numberOf(full, `${load}, p50: ${peer}`, (time) => numberOf(full, unit, (one) => (time / one).toFixed(1))!)
  }
})

const traces = [
  "address_twolf",
  "cache2k_web07",
  "corda_trace_vaultservice",
  "lirs_2_pools",
  "lirs_gli",
  "lirs_loop",
  "lirs_multi1",
  "lirs_multi3",
  "lirs_ps",
  "lirs_sprite"
]
const wayRow = "share of the way from LRU to the optimum"
const worstRow = "worst cell, percentage points compared with LRU"

/** Hit ratios in percent, by trace: the three sizes in one cell. */
const ofTraces = ({ traces: values }: Results): Table => ({
  head: ["trace", ...policiesOfTraces],
  rows: [...traces, wayRow, worstRow].map((row) => [row]),
  cell: ([row], policy) => {
    if (values === undefined) return undefined
    const all = subjects(values)
    if (row === wayRow) return numberOf(values, `share: ${policy}`, (share) => share.toFixed(2))
    if (row === worstRow) return numberOf(values, `worst: ${policy}`, (points) => (points * 100).toFixed(2))
    return all.flatMap(([name, share]) =>
      name.startsWith(`${row}, `) && name.endsWith(` %: ${policy}`) ? [(share * 100).toFixed(1)] : []
    ).join("/")
  }
})

/** A format beside its library, and the number of bytes of a thousand records. */
const ofFormats = (results: Results): Table => {
  const encoding = checks.filter(({ case: of, subject }) => of === "formats" && subject.endsWith(", encode"))
  const nameOf = ({ subject }: Check): string => subject.replace(", encode", "")
  return {
    head: ["format", "compared with", "encode", "decode", "kB", "longest turn, ms"],
    rows: encoding.map((check) => [nameOf(check), check.peer.replace(", encode", "")]),
    cell: ([format], column) => {
      if (column === "kB") return numberOf(results["formatBytes"], format!, kilobytes)
      if (column === "longest turn, ms") return numberOf(results["formatTurns"], format!, millis)
      const check = checks.find(({ case: of, subject }) => of === "formats" && subject === `${format}, ${column}`)!
      return results["formats"] && ratioText(results, check)
    }
  }
}

const wrappers = [
  "Compressed, gzip",
  "Compressed, brotli",
  "Compressed, zstd",
  "Signed",
  "Encrypted, AES-256-GCM",
  "Encrypted, XChaCha20-Poly1305"
]

const ofWrappers = ({ formatBytes, formatTurns }: Results): Table => ({
  head: ["wrapper of Json", "kB", "longest turn, ms"],
  rows: wrappers.map((wrapper) => [wrapper]),
  cell: ([wrapper], column) =>
    column === "kB"
      ? numberOf(formatBytes, `Json, ${wrapper}`, kilobytes)
      : numberOf(formatTurns, wrapper!, millis)
})

const ofProcesses = ({ loads, served }: Results): Table => ({
  head: ["one cold key", "loads", "ms until all are served"],
  rows: ["no cache", "CacheLayer.disk", ...peersOfHerd].map((cache) => [cache]),
  cell: ([cache], column) => column === "loads" ? numberOf(loads, cache!, whole) : numberOf(served, cache!, millis)
})

const ofBytes = (name: string, values: ReadonlyArray<Values> | undefined, rows: ReadonlyArray<string>): Table => ({
  head: [name, "bytes"],
  rows: rows.map((row) => [row]),
  cell: ([row]) => numberOf(values, row!, whole)
})

const ofRates = ({ httpRates }: Results): Table => ({
  head: ["answered by", "requests a second", "processor, µs"],
  rows: ["HttpCacheMiddleware", "the route itself", "Varnish", "nginx"].map((server) => [server]),
  cell: ([server], column) =>
    column === "requests a second"
      ? numberOf(httpRates, `${server}, a second`, whole)
      : numberOf(httpRates, `${server}, processor`, micros)
})

const tables = (results: Results): ReadonlyArray<Table> => [
  ...Object.keys(tablesOfRatios).map((name) => ofRatios(results, name)),
  ofFull(results),
  ofTraces(results),
  ofFormats(results),
  ofWrappers(results),
  ofProcesses(results),
  ofRates(results),
  ofBytes("ten thousand records", results["sizes"], [
    "raw JSON",
    "CacheLayer.disk",
    "CacheLayer.files",
    "CacheLayer.files, in blocks"
  ]),
  ofBytes("one entry in memory", results["memory"], peersOfMemory),
  ofBytes("allocated by one hit", results["bytes"], [
    "the floor, string",
    "Effect Cache.get, string",
    "Cached.ttl(effect, …), string",
    "effect.pipe(Cached.softTtl(…)), string",
    "Cached.fn, fresh object"
  ])
]

/** `docs/benchmarks.md` with what was measured now: its text and all other cells stay. */
export const page = (results: Results, former: string): string => tables(results).reduce(withTable, former)
