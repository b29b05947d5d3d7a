/** The tables and pages of the benchmarks' results. */
import { type Case, type Check, checks, type Results } from "./checks.ts"
import { median } from "./measure.ts"
import { loadsOfFull, peersOfFull, type Values } from "./run.ts"

const ratioOf = (results: Results, { case: name, peer, subject }: Check): number =>
  median(results[name]!.map((values) => values[subject]! / values[peer]!))

const measured = (results: Results) => checks.filter((check) => results[check.case] !== undefined)

/** The checks that failed. */
export const failures = (results: Results): ReadonlyArray<string> =>
  measured(results)
    .filter((check) => !(ratioOf(results, check) <= check.atMost))
    .map((check) => `${check.title}: ${ratioOf(results, check).toFixed(3)}, at most ${check.atMost}`)

type Cells = ReadonlyArray<string>

const table = ([head, ...rows]: ReadonlyArray<Cells>): string => {
  const widths = head!.map((_, i) => Math.max(...[head!, ...rows].map((cells) => cells[i]!.length)))
  const line = (cells: Cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  return [line(head!), `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rows.map(line)].join("\n")
}

const cellsOf = (check: Check, ratio: string): Cells => [
  check.title,
  check.peer,
  ratio,
  `${check.atMost}`,
  check.goal === undefined ? "" : `${check.goal}`
]

const ratioText = (results: Results, check: Check): string =>
  ratioOf(results, check).toFixed(check.atMost < 0.2 ? 3 : 2)

const head = ["measured", "compared with", "ratio", "limit", "goal"]

export const ratios = (results: Results): string =>
  table([head, ...measured(results).map((check) => cellsOf(check, ratioText(results, check)))])

/** The ratios of this run, and for the other checks those of a former page. */
const allRatios = (results: Results, former: string, checks: ReadonlyArray<Check>): string => {
  const rows = former.split("\n").filter((line) => line.startsWith("| ")).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  )
  return table([
    head,
    ...checks.flatMap((check) => {
      if (results[check.case] !== undefined) return [cellsOf(check, ratioText(results, check))]
      const row = rows.find(([title, peer]) => title === check.title && peer === check.peer)
      return row === undefined ? [] : [cellsOf(check, row[2]!)]
    })
  ])
}

/** The text below a heading: new where it was measured now, else that of a former page. */
const section = (heading: string, text: string | undefined, former: string): string => {
  const before = former.split(/^(?=## )/m).find((part) => part.startsWith(`## ${heading}\n`))
  return text === undefined ? before?.trimEnd() ?? "" : `## ${heading}\n\n${text}`
}

const subjects = (values: ReadonlyArray<Values>): ReadonlyArray<readonly [string, number]> =>
  Object.keys(values[0]!).map((name) => [name, median(values.map((run) => run[name]!))])

export const bytes = (values: ReadonlyArray<Values>): string =>
  table([["subject", "bytes"], ...subjects(values).map(([name, value]) => [name, value.toFixed(0)])])

/** How often eight processes load, and when all of them are served. */
export const herd = ({ loads = [], served = [] }: Results): string => {
  const times = new Map(subjects(served))
  return table([
    ["cache", "loads", "ms until all are served"],
    ...subjects(loads).map(([name, value]) => [name, value.toFixed(0), (times.get(name)! / 1e6).toFixed(0)])
  ])
}

const policiesOfTraces = [
  "lru-cache",
  "Eviction.fifo",
  "Eviction.s3Fifo",
  "Eviction.wTinyLfu",
  "Eviction.adaptive",
  "optimum"
]

/** Hit ratios in percent, by trace and size. */
const hitRatios = (values: ReadonlyArray<Values>): string => {
  const all = new Map(subjects(values))
  const percent = (value: number): string => (value * 100).toFixed(1)
  const cells = [...all.keys()].flatMap((name) => /^(.* %): lru-cache$/.exec(name)?.slice(1) ?? [])
  return table([
    ["trace, share of the ids", ...policiesOfTraces],
    ...cells.map((cell) => [cell, ...policiesOfTraces.map((policy) => percent(all.get(`${cell}: ${policy}`)!))]),
    [
      "share of the way from LRU to the optimum",
      ...policiesOfTraces.map((policy) => all.get(`share: ${policy}`)!.toFixed(2))
    ],
    [
      "worst cell, percentage points compared with LRU",
      ...policiesOfTraces.map((policy) => (all.get(`worst: ${policy}`)! * 100).toFixed(2))
    ]
  ])
}

/** Reads of a full cache: times as multiples of the median of `lru-cache`. */
const fullCaches = (values: ReadonlyArray<Values>): string => {
  const all = new Map(subjects(values))
  return loadsOfFull.map((load) => {
    const unit = all.get(`${load}, p50: lru-cache`)!
    return table([
      [load, "hit ratio", "p50", "p90", "p99"],
      ...peersOfFull.map((peer) => [
        peer,
        `${(all.get(`${load}, hit ratio: ${peer}`)! * 100).toFixed(1)} %`,
        ...["p50", "p90", "p99"].map((percentile) => (all.get(`${load}, ${percentile}: ${peer}`)! / unit).toFixed(1))
      ])
    ])
  }).join("\n\n")
}

const peersOfHerd = ["CacheLayer.redis", "bentocache", "cacheable", "async-cache-dedupe"]

const leftOut = ({ loads = [] }: Results): string =>
  peersOfHerd.every((name) => loads.every((values) => name in values))
    ? ""
    : `\n**Left out, because there was no Redis: ${peersOfHerd.join(", ")}.**\n`

const nanoseconds = (values: ReadonlyArray<Values>): string =>
  table([["subject", "ns"], ...subjects(values).map(([name, value]) => [name, value.toFixed(0)])])

const shares = (values: ReadonlyArray<Values>): string =>
  table([["subject", "share"], ...subjects(values).map(([name, value]) => [name, value.toFixed(4)])])

const units: { readonly [name in Case]?: string } = {
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
    if (name === "traces") return [`hit ratios\n${shares(values)}\n`]
    if (name === "full") return [`full caches\n${fullCaches(values)}\n`]
    const title = units[name as Case]
    return [title === undefined ? `${name}\n${nanoseconds(values)}\n` : `${title}\n${bytes(values)}\n`]
  }).join("\n")

const whenMeasured = (
  values: ReadonlyArray<Values> | undefined,
  text: (values: ReadonlyArray<Values>) => string | undefined
): string | undefined => values && text(values)

/** The texts of a page that are not empty, one after the other. */
const joined = (parts: ReadonlyArray<string>): string => `${parts.filter((part) => part !== "").join("\n\n")}\n`

/** Checks that have pages of their own. */
const elsewhere: ReadonlySet<Case> = new Set([
  "bulk",
  "formats",
  "wrappers",
  "pipeline",
  "cli",
  "http",
  "httpServer",
  "tiers",
  "postgres",
  "objects"
])

const summary = (results: Results, former: string): string =>
  joined([
    `# Benchmarks

This page compares effect-cached with similar libraries, measured by \`npm run prove -- bench\`.

\`\`\`sh
npm run prove -- bench           # measures everything, and fails if a ratio exceeds its limit
npm run prove -- bench hit miss  # measures these sections, and leaves the others
npm run prove -- bench --quick   # measures less, and writes nothing
\`\`\`

Smaller ratios are better. [Method](benchmarks/method.md) explains each row. There are pages on [hit ratios](benchmarks/hit-ratios.md),
[bulk calls](benchmarks/bulk.md), [pipelines and the command](benchmarks/pipelines.md), [HTTP](benchmarks/http.md), [tiers](benchmarks/tiers.md),
[storages](benchmarks/storages.md) and [formats](benchmarks/formats.md).

${allRatios(results, former, checks.filter((check) => !elsewhere.has(check.case)))}`,
    section(
      "Reads of a full cache",
      whenMeasured(results.full, (values) =>
        `Each cache holds 10,000 entries and is read one key after another; the load of a miss returns a value at once. Times are
multiples of the median of \`lru-cache\`, which does less: it does not share loads, and cannot wait for one.

${fullCaches(values)}`),
      former
    ),
    section(
      "Eight processes, one cold key",
      whenMeasured(results.loads, () =>
        `\`CacheLayer.disk\` uses one folder. The others, and \`CacheLayer.redis\`, share a Redis server on the same machine. Each
cache has a memory tier of its own, except async-cache-dedupe.
${leftOut(results)}
${herd(results)}`),
      former
    ),
    section(
      "Ten thousand records",
      whenMeasured(results.sizes, (values) =>
        `In bytes: the length of the files, and the file-system blocks that they occupy, without the 2 MiB that \`CacheLayer.disk\`
reserves in its folder in case the disk is full.

${bytes(values)}`),
      former
    ),
    section(
      "Bytes allocated per hit",
      whenMeasured(results.bytes, (values) =>
        `Growth of the heap over 100,000 hits, divided by their number, with a young generation so large that nothing is collected
meanwhile. The loop itself allocates too, and every row includes its share.

${bytes(values)}`),
      former
    ),
    section("Bytes per entry", whenMeasured(results.memory, bytes), former)
  ])

const policies = (results: Results, former: string): string =>
  joined([
    `# Hit ratios of eviction policies

This page shows how many recorded reads each policy answers from memory, as \`npm run prove -- bench ratios\` measured it.

\`simulate\` does the same for the reads of your program: [memory](../memory.md).`,
    section(
      "Recorded reads",
      whenMeasured(results.traces, (values) =>
        `Hit ratios in percent. The optimum (Belady) knows the future. The last two rows summarize each policy: the average share
of the way from LRU to the optimum, over the rows in which these two are at least half a point apart, and the worst row.

${hitRatios(values)}`),
      former
    )
  ])

const bulk = (results: Results, former: string): string =>
  joined([
    `# Bulk calls beside their storage

This page compares bulk calls of 100,000 keys with the plain storage, as \`npm run prove -- bench bulk\` measured them.

Each value has 300 bytes. The plain side (\`raw\`) reads the ids, encodes and writes the same rows in transactions or pipelines
of 256, and keeps the results of hits. [What bulk work costs](../bulk/costs.md) lists times and memory use.

${allRatios(results, former, checks.filter((check) => check.case === "bulk"))}`
  ])

const pipelines = (results: Results, former: string): string =>
  joined([
    `# Pipelines and the command beside raw statements

This page compares [pipelines](../pipelines.md) and [the command](../command-line.md) with the same steps by hand, as
\`npm run prove -- bench pipeline cli\` measured them in processor time.

- **Pipelines** read a million rows from an NDJSON file, and write a CSV file, over a cache on disk, in a heap of 256 MB. The
  first run is compared with calls of \`Cached.many\` for the same rows, and the second run, all cached, with a program that
  reads the file, looks the rows up with \`Cached.many\`, and writes them.
- **The command** copies a million entries of 300 bytes, in a heap of 128 MB. The raw side reads or writes the rows of the
  store with \`node:sqlite\`, in pages and transactions of 256, and converts the same lines with \`JSON\`. The time of the
  command includes its start; that of the raw side does not.

A million rows took, end to end, 95 seconds of processor time in the first run and 35 in the second, all cached, with a
resident set (RSS) of 315 and 289 MB at most: a heap of 256 MB, the buffers of files and the database. On two cores that
other programs kept busy, the runs lasted 7 and 3 minutes.

${allRatios(results, former, checks.filter((check) => check.case === "pipeline" || check.case === "cli"))}`
  ])

const http = (results: Results, former: string): string =>
  joined([
    `# HTTP beside constant answers

This page compares [the HTTP client](../http-client.md) and [the HTTP server](../http-server.md) with the same program
without a cache, which always has the answer at hand, as \`npm run prove -- bench http\` measured them in processor time. A route
that calculates its answer, or reads it from elsewhere, costs more than a constant.

${allRatios(results, former, checks.filter((check) => check.case === "http" || check.case === "httpServer"))}`,
    section(
      "Where the time of a hit is",
      whenMeasured(results.httpServer, (values) =>
        `${table([["a request", "processor, µs"], ...subjects(values).map(([name, value]) => [name, micros(value)])])}

A constant that has the bytes and the fields of a hit is the floor of a hit, and a constant \`304\` that of a \`304\`: Node
parses the request, Effect routes it, and the kernel sends the answer. Above the floor, a hit reads the request's fields and
its \`Host\`, finds the resource, reads the entry in memory without an effect (\`src/internal/engine/read/plainHit.ts\`), compares \`Vary\`, \`If-None-Match\` and
the age, and writes \`Age\` and \`Cache-Status\` into fields of its own. A \`304\` saves the sending of 2 kB, which takes less
than that.`),
      former
    ),
    section(
      "Beside Varnish and nginx",
      whenMeasured(
        results.httpRates?.filter((values) =>
          Object.keys(values).length > 0
        ),
        rates
      ),
      former
    ),
    section(
      "A purge of eight processes",
      whenMeasured(results.httpPurge, (values) => {
        const [middle, longest] = subjects(values)
        return `Eight servers share one Redis. The last of them has lost a purged page ${
          (middle![1] / 1e6).toFixed(0)
        } ms after the purge of one was answered
(the median of 40 purges; the longest took ${
          (longest![1] / 1e6).toFixed(0)
        } ms), on two processors for all of them, Redis and the client.`
      }),
      former
    )
  ])

const micros = (nanos: number): string => (nanos / 1000).toFixed(1)

const rates = (values: ReadonlyArray<Values>): string | undefined => {
  if (values.length === 0) return undefined
  const all = new Map(subjects(values))
  const names = [...all.keys()].filter((name) => name.endsWith(", a second")).map((name) => name.slice(0, -10))
  return `Requests of a cached response of 2 kB by \`wrk\` with sixteen connections on one machine of two processors, and the
processor time of a request in the server. Varnish and nginx are those of Debian 12, and wrote no logs.

${
    table([
      ["answered by", "requests a second", "processor, µs"],
      ...names.map((
        name
      ) => [name, all.get(`${name}, a second`)!.toFixed(0), micros(all.get(`${name}, processor`)!)])
    ])
  }

Varnish uses all processors with one program; a program on Node uses one, so it needs a process for each. In a program that
answers by Effect already, the middleware costs the difference to the route itself.`
}

const milliseconds = (values: ReadonlyArray<Values>): string =>
  table([
    ["while a value of 10 MB is encoded and decoded", "longest turn, ms"],
    ...subjects(values).filter(([name]) => name !== "20 ms").map(([name, value]) => [name, (value / 1e6).toFixed(0)])
  ])

const formats = (results: Results, former: string): string =>
  joined([
    `# Formats beside their libraries

This page compares the serializers and their wrappers with the libraries that they use.

\`\`\`sh
npm run prove -- bench formats wrappers   # measures them again
\`\`\`

A thousand records of six short fields are written and read. Where a serializer has a schema, so has its library: the
values are converted by the schema's JSON codec, and checked. Wrappers are measured around \`Json\`, with a hundred records.

${allRatios(results, former, checks.filter((check) => check.case === "formats" || check.case === "wrappers"))}`,
    section(
      "Size",
      whenMeasured(results.formatBytes, (values) => `In bytes, a thousand records.\n\n${bytes(values)}`),
      former
    ),
    section(
      "Values of 10 MB",
      whenMeasured(results.formatTurns, (values) =>
        `A format encodes and decodes a value in one turn, which holds the event loop: split such a value into several entries, or
a [stream](../streams.md). Wrappers work in pieces or on another thread; their rows are without the time of the format. Turns
are measured by the processor time of the program's thread, which includes its collections of garbage.

${milliseconds(values)}`),
      former
    )
  ])

const tiers = (results: Results, former: string): string =>
  joined([
    `# Routes and tiers

This page compares [a routed cache](../several-caches.md#one-cache-made-of-several) and [tiers](../tiers.md#more-than-two)
with the caches of which they consist, as \`npm run prove -- bench tiers\` measured them in processor time. The cache asks a folder that is alone
at once. It asks tiers through a callback, because the next tier may have to answer, and in front of the same folder that
callback alone is the floor.

${allRatios(results, former, checks.filter((check) => check.case === "tiers"))}`
  ])

const storages = (results: Results, former: string): string =>
  joined([
    `# Storages on servers

This page compares reads from [PostgreSQL](../postgres.md) and [buckets](../objects.md), without a memory tier, with the
plain client and \`JSON.parse\`, as \`npm run prove -- bench postgres objects\` measured them in processor time of the client, fifty
reads at a time. The plain client of buckets is that of \`aws4fetch\`, which signs the requests of both sides. The
clean-up of a bucket leaves a few thousand of 100,000 small entries. Its longest turn is processor time, and includes
collections of garbage.

${allRatios(results, former, checks.filter((check) => check.case === "postgres" || check.case === "objects"))}`
  ])

/** The pages by their files in \`docs/\`: what was measured now, and of the rest what the former page says. */
export const pages: { readonly [file: string]: (results: Results, former: string) => string } = {
  "benchmarks.md": summary,
  "benchmarks/bulk.md": bulk,
  "benchmarks/formats.md": formats,
  "benchmarks/hit-ratios.md": policies,
  "benchmarks/http.md": http,
  "benchmarks/pipelines.md": pipelines,
  "benchmarks/storages.md": storages,
  "benchmarks/tiers.md": tiers
}
