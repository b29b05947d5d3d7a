/** The comparisons and their limits, and the tables of their results. */
import { median } from "./measure.ts"
import { fastestPeer, loadsOfFull, peersOfFull, type Values } from "./run.ts"

export type Case =
  | "hit"
  | "bytes"
  | "many"
  | "bulk"
  | "stream"
  | "strategies"
  | "listeners"
  | "guards"
  | "miss"
  | "cold"
  | "traces"
  | "policies"
  | "full"
  | "expiry"
  | "coherence"
  | "disk"
  | "redis"
  | "write"
  | "transact"
  | "derived"
  | "markers"
  | "turns"
  | "lock"
  | "start"
  | "sizes"
  | "loads"
  | "served"
  | "callers"
  | "changes"
  | "memory"
  | "imports"

/** The measurements; a run of some cases has only theirs. */
export type Results = { readonly [name in Case]?: ReadonlyArray<Values> }

interface Check {
  readonly case: Case
  readonly subject: string
  readonly peer: string
  readonly atMost: number
  readonly goal?: number
}

const strings = { case: "hit", peer: "Effect Cache.get, string", atMost: 0.85, goal: 0.7 } as const
const objects = { case: "hit", peer: "Effect Cache.get, fresh object", atMost: 0.12, goal: 0.08 } as const
const onDisk = { case: "disk", peer: "node:sqlite and JSON.parse", atMost: 2 } as const
const onRedis = { case: "redis", peer: "GET and JSON.parse" } as const
const inTransaction = { case: "transact", peer: "node:sqlite, the same rows" } as const
const records = { case: "sizes", peer: "raw JSON" } as const
const overRedis = { subject: "CacheLayer.redis" } as const
const bulk = { case: "bulk" } as const
const alone = { subject: "CacheLayer.disk", peer: "no cache" } as const

const checks: ReadonlyArray<Check & { readonly title: string }> = [
  {
    case: "hit",
    title: "Hit in memory, string key, against the floor",
    subject: "Cached.ttl(effect, …), string",
    peer: "the floor, string",
    atMost: 1.2,
    goal: 1.1
  },
  {
    case: "hit",
    title: "The same with a fresh key of one field",
    subject: "Cached.ttl(effect, …), fresh key of one field",
    peer: "the floor, template literal",
    atMost: 2
  },
  { ...strings, title: "Hit in memory, string key", subject: "Cached.softTtl(effect, …), string" },
  { ...strings, title: "The same in a pipe", subject: "effect.pipe(Cached.softTtl(…)), string" },
  { ...objects, title: "Hit in memory, fresh key of three fields", subject: "Cached.softTtl(effect, …), fresh object" },
  { ...objects, title: "The same in a pipe", subject: "effect.pipe(Cached.softTtl(…)), fresh object" },
  { ...objects, title: "The same through `Cached.fn`", subject: "Cached.fn, fresh object" },
  {
    case: "many",
    title: "Hit of `Cached.many`, 1,000 keys at once",
    subject: "Cached.many, keys",
    peer: "Cached.fn, key by key",
    atMost: 0.3
  },
  {
    case: "many",
    title: "The same from payloads, with a new key for each",
    subject: "Cached.many",
    peer: "Cached.fn, one by one",
    atMost: 0.6,
    goal: 0.5
  },
  {
    ...bulk,
    title: "`Cached.many`, 100,000 cold keys in memory",
    subject: "memory: Cached.many, cold",
    peer: "memory: Cached.fn one by one, cold",
    atMost: 1.5,
    goal: 0.7
  },
  {
    ...bulk,
    title: "The same, hits",
    subject: "memory: Cached.many, hits",
    peer: "memory: Cached.fn one by one, hits",
    atMost: 1,
    goal: 0.5
  },
  {
    ...bulk,
    title: "`Cached.many`, 100,000 cold keys on disk",
    subject: "disk: Cached.many, cold",
    peer: "disk: raw, cold",
    atMost: 4,
    goal: 2.5
  },
  {
    ...bulk,
    title: "The same, hits",
    subject: "disk: Cached.many, hits",
    peer: "disk: raw, hits",
    atMost: 4,
    goal: 2.5
  },
  {
    ...bulk,
    title: "`Cached.setMany` on disk",
    subject: "disk: Cached.setMany",
    peer: "disk: raw, set",
    atMost: 3,
    goal: 2
  },
  {
    ...bulk,
    title: "`Cached.removeMany` on disk",
    subject: "disk: Cached.removeMany",
    peer: "disk: raw, remove",
    atMost: 6,
    goal: 3
  },
  {
    ...bulk,
    title: "`Cached.many`, 100,000 cold keys on Redis",
    subject: "redis: Cached.many, cold",
    peer: "redis: raw, cold",
    atMost: 5,
    goal: 4
  },
  {
    ...bulk,
    title: "The same, hits",
    subject: "redis: Cached.many, hits",
    peer: "redis: raw, hits",
    atMost: 3,
    goal: 2.5
  },
  {
    ...bulk,
    title: "`Cached.setMany` on Redis",
    subject: "redis: Cached.setMany",
    peer: "redis: raw, set",
    atMost: 4,
    goal: 3
  },
  {
    ...bulk,
    title: "50,000 loads at once in memory: longest turn",
    subject: "50,000 loads at once in memory, longest turn",
    peer: "50,000 fibers that sleep, longest turn",
    atMost: 2,
    goal: 1.3
  },
  {
    ...bulk,
    title: "The same on disk",
    subject: "50,000 loads at once on disk, longest turn",
    peer: "50,000 fibers that sleep, longest turn",
    atMost: 2,
    goal: 1.3
  },
  {
    ...bulk,
    title: "`Cached.many` of a million keys in memory, a key",
    subject: "memory: a key of 1000000",
    peer: "memory: a key of 10000",
    atMost: 1.5,
    goal: 1.2
  },
  {
    ...bulk,
    title: "The same on disk",
    subject: "disk: a key of 1000000",
    peer: "disk: a key of 10000",
    atMost: 1.5,
    goal: 1.2
  },
  ...["memory", "disk", "redis"].map((storage) => ({
    ...bulk,
    title: `A bulk call of 100,000 keys, ${storage}: longest turn`,
    subject: `${storage}, longest turn`,
    peer: "20 ms",
    atMost: 1,
    goal: 0.5
  })),
  {
    case: "stream",
    title: "A stored stream of 10,000 elements",
    subject: "Cached.stream",
    peer: "Stream.fromIterable",
    atMost: 1.5
  },
  {
    case: "traces",
    title: "Recorded accesses: distance left from LRU to the optimum",
    subject: "left: Eviction.adaptive",
    peer: "left: Eviction.lru",
    atMost: 0.46,
    goal: 0.42
  },
  {
    case: "policies",
    title: "Hit in a full memory, `Eviction.adaptive`",
    subject: "Eviction.adaptive",
    peer: "Eviction.lru",
    atMost: 1.05
  },
  {
    case: "policies",
    title: "The same with `curve: true`",
    subject: "with a curve",
    peer: "Eviction.adaptive",
    atMost: 1.05
  },
  {
    case: "expiry",
    title: "A million entries expire in one second: longest turn",
    subject: "while they leave",
    peer: "20 ms",
    atMost: 1
  },
  { case: "strategies", title: "Hit of `Cached.sliding`", subject: "Cached.sliding", peer: "Cached.ttl", atMost: 1.2 },
  { case: "strategies", title: "Hit of `Cached.maxHits`", subject: "Cached.maxHits", peer: "Cached.ttl", atMost: 1.2 },
  {
    case: "listeners",
    title: "Hit in memory, with a listener",
    subject: "a listener",
    peer: "no listener",
    atMost: 1.15
  },
  {
    case: "listeners",
    title: "The same with `Cached.events`",
    subject: "Cached.events",
    peer: "no listener",
    atMost: 1.25,
    goal: 1.15
  },
  {
    case: "guards",
    title: "`Guard.rateLimit`, a call that passes",
    subject: "Guard.rateLimit",
    peer: "RateLimiter, fixed window",
    atMost: 1.2
  },
  {
    case: "guards",
    title: "The same with a token bucket",
    subject: "Guard.rateLimit, token bucket",
    peer: "RateLimiter, token bucket",
    atMost: 1.2
  },
  {
    case: "guards",
    title: "`Guard.slidingRateLimit` with counters",
    subject: "Guard.slidingRateLimit, counter",
    peer: "RateLimiter, fixed window",
    atMost: 1.2
  },
  {
    case: "guards",
    title: "The same with a log",
    subject: "Guard.slidingRateLimit",
    peer: "RateLimiter, fixed window",
    atMost: 2
  },
  {
    case: "guards",
    title: "`Guard.circuitBreaker`, closed",
    subject: "Guard.circuitBreaker",
    peer: "CircuitBreaker",
    atMost: 1.2
  },
  { case: "guards", title: "`Guard.locked`, free", subject: "Guard.locked", peer: "Lock.acquire", atMost: 1.2 },
  {
    case: "miss",
    title: "Miss, load and eviction, string key",
    subject: "Cached.ttl, adaptive",
    peer: "Effect Cache.get, beside adaptive",
    atMost: 1
  },
  {
    case: "miss",
    title: "The same with `Eviction.lru`",
    subject: "Cached.ttl, lru",
    peer: "Effect Cache.get, beside lru",
    atMost: 0.9
  },
  { case: "cold", title: "10,000 callers, one load", subject: "Cached.ttl", peer: "Effect Cache.get", atMost: 1 },
  {
    case: "coherence",
    title: "Hit in memory, in front of a shared folder",
    subject: "CacheLayer.disk",
    peer: "CacheLayer.memory",
    atMost: 1.1
  },
  {
    ...overRedis,
    case: "coherence",
    title: "The same in front of a Redis server",
    peer: "CacheLayer.memory",
    atMost: 1.05
  },
  { ...onDisk, title: "Hit on disk, string key", subject: "string key (JSON)", atMost: 1.4, goal: 1.2 },
  {
    ...onDisk,
    title: "Hit on disk, key class",
    subject: "key class (JSON, checked by its schema)",
    atMost: 1.6,
    goal: 1.4
  },
  { ...onRedis, title: "Hit on Redis, string key", subject: "string key (JSON)", atMost: 1.5, goal: 1.3 },
  {
    ...onRedis,
    title: "Hit on Redis, key class",
    subject: "key class (JSON, checked by its schema)",
    atMost: 2,
    goal: 1.5
  },
  {
    ...onRedis,
    title: "The same beside `Persistence`",
    subject: "key class (JSON, checked by its schema)",
    peer: "Effect Persistence",
    atMost: 0.15,
    goal: 0.1
  },
  {
    case: "write",
    title: "Write on disk: `acquire` and `commit`",
    subject: "acquire and commit",
    peer: "node:sqlite, INSERT OR REPLACE",
    atMost: 2.8
  },
  { ...inTransaction, title: "The commit of 100 sets on disk", subject: "fast, its commit", atMost: 2 },
  {
    ...inTransaction,
    title: "The whole transaction with its 100 calls of `Cached.set`",
    subject: "fast",
    atMost: 2
  },
  { ...inTransaction, title: "The same under locks, the default", subject: "locked", atMost: 9 },
  {
    case: "derived",
    title: "A load that reads 10 cached values, `inherit: \"changes\"`",
    subject: "inherit: \"changes\"",
    peer: "without inherit",
    atMost: 1.5
  },
  {
    case: "markers",
    title: "A write by hand on disk, without derived entries",
    subject: "Cached.set",
    peer: "markers left alone",
    atMost: 1.03
  },
  {
    case: "turns",
    title: "Eight writers at full speed: longest turn",
    subject: "SqliteStore, longest",
    peer: "node:sqlite, longest",
    atMost: 3,
    goal: 1.5
  },
  {
    case: "turns",
    title: "The same: 99 of 100 turns",
    subject: "SqliteStore, p99",
    peer: "node:sqlite, p99",
    atMost: 3,
    goal: 1.5
  },
  {
    case: "lock",
    title: "2,000 misses while another process holds the lock: longest turn",
    subject: "CacheLayer.disk, longest turn",
    peer: "20 ms",
    // A collection of garbage falls into it.
    atMost: 1.5,
    goal: 1
  },
  {
    case: "lock",
    title: "The same: until all are answered",
    subject: "CacheLayer.disk, all answered",
    peer: "500 ms",
    atMost: 1
  },
  { case: "start", title: "Opening a million entries", subject: "SqliteStore.make", peer: "50 ms", atMost: 1 },
  { ...records, title: "Size on disk", subject: "CacheLayer.disk", atMost: 2 },
  { ...records, title: "Size in files", subject: "CacheLayer.files", atMost: 4 },
  { ...alone, case: "loads", title: "Eight processes, one cold key: loads", atMost: 0.125 },
  { ...alone, case: "served", title: "Eight processes, one cold key: time", atMost: 1.5 },
  {
    ...overRedis,
    case: "loads",
    title: "Eight processes on Redis, one cold key: loads",
    peer: "no cache",
    atMost: 0.125
  },
  { ...overRedis, case: "served", title: "The same: time", peer: "bentocache", atMost: 2.5, goal: 1.3 },
  {
    ...overRedis,
    case: "callers",
    title: "Eight processes on Redis, 500 callers in each: time",
    peer: fastestPeer,
    atMost: 1.3
  },
  {
    case: "changes",
    title: "An invalidation on Redis reaches another process",
    subject: "an invalidation",
    peer: "5 ms",
    atMost: 1
  },
  {
    case: "changes",
    title: "Seven processes waiting for a load are served",
    subject: "seven who wait for a load",
    peer: "5 ms",
    atMost: 1
  },
  {
    case: "changes",
    title: "A load while others invalidate 1,000 tags a second",
    subject: "1,000 invalidated tags a second",
    peer: "quiet",
    atMost: 1.3
  },
  {
    case: "changes",
    title: "100,000 removals by others arrive: longest turn",
    subject: "100,000 removals, the longest turn",
    peer: "20 ms",
    atMost: 1
  },
  { case: "memory", title: "Bytes per entry", subject: "effect-cached", peer: "Effect Cache", atMost: 0.49, goal: 0.4 },
  { case: "imports", title: "Importing the root", subject: "effect-cached", peer: "its effect modules", atMost: 1.3 }
]

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

const cellsOf = (results: Results, check: typeof checks[number]): Cells => [
  check.title,
  check.peer,
  ratioOf(results, check).toFixed(check.atMost < 0.2 ? 3 : 2),
  `${check.atMost}`,
  check.goal === undefined ? "" : `${check.goal}`
]

const head = ["measured", "compared with", "ratio", "limit", "goal"]

export const ratios = (results: Results): string =>
  table([head, ...measured(results).map((check) => cellsOf(results, check))])

/** The ratios of this run, and for the other checks those of a former page. */
const allRatios = (results: Results, former: string): string => {
  const rows = former.split("\n").filter((line) => line.startsWith("| ")).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  )
  return table([
    head,
    ...checks.flatMap((check) => {
      if (results[check.case] !== undefined) return [cellsOf(results, check)]
      const row = rows.find(([title, peer]) => title === check.title && peer === check.peer)
      return row === undefined ? [] : [row]
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
  sizes: "bytes of ten thousand records"
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
  text: (values: ReadonlyArray<Values>) => string
): string | undefined => values && text(values)

/** The texts of a page that are not empty, one after the other. */
const joined = (parts: ReadonlyArray<string>): string => `${parts.filter((part) => part !== "").join("\n\n")}\n`

const summary = (results: Results, former: string): string =>
  joined([
    `# Benchmarks

This page compares effect-cached with similar libraries. \`npm run bench\` measured everything on one machine.

\`\`\`sh
npm run bench              # measures everything, and fails if a ratio exceeds its limit
npm run bench -- hit miss  # measures these sections, and leaves the others as they are
npm run bench -- --quick   # measures less, and writes nothing
\`\`\`

Smaller ratios are better. The command fails if a ratio exceeds its limit. A goal is what we want to reach.
[Method](benchmarks/method.md) explains each row, and [hit ratios](benchmarks/hit-ratios.md) compares eviction policies.

${allRatios(results, former)}`,
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
        `\`CacheLayer.disk\` shares a folder. The others, and \`CacheLayer.redis\`, share a Redis server on the same machine. Each
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

This page shows how many recorded reads each policy answers from memory, as \`npm run bench -- ratios\` measured it.

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

/** The pages by their files in \`docs/\`: what was measured now, and of the rest what the former page says. */
export const pages: { readonly [file: string]: (results: Results, former: string) => string } = {
  "benchmarks.md": summary,
  "benchmarks/hit-ratios.md": policies
}
