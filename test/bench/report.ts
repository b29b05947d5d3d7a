/** What is compared and how large it may become, and the tables that say what came of it. */
import { median } from "./measure.ts"
import { fastestPeer, loadsOfFull, peersOfFull, type Values } from "./run.ts"

export type Case =
  | "hit"
  | "bytes"
  | "many"
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

/** What was measured: of a run of some cases only theirs. */
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
const alone = { subject: "CacheLayer.disk", peer: "no cache" } as const

const checks: ReadonlyArray<Check & { readonly title: string }> = [
  {
    case: "hit",
    title: "Hit in memory, string key, beside the least",
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
    title: "The same of payloads, of which keys are made",
    subject: "Cached.many",
    peer: "Cached.fn, one by one",
    atMost: 0.6,
    goal: 0.5
  },
  {
    case: "stream",
    title: "A stored stream of 10,000 elements",
    subject: "Cached.stream",
    peer: "Stream.fromIterable",
    atMost: 1.5
  },
  {
    case: "traces",
    title: "Recorded accesses: what is left between LRU and the optimum",
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
  { case: "listeners", title: "Hit in memory, with a listener", subject: "a listener", peer: "nobody", atMost: 1.15 },
  {
    case: "listeners",
    title: "The same to `Cached.events`",
    subject: "Cached.events",
    peer: "nobody",
    atMost: 1.25,
    goal: 1.15
  },
  {
    case: "guards",
    title: "`Guard.rateLimit`, a call that it lets through",
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
    title: "`Guard.slidingRateLimit` of two numbers",
    subject: "Guard.slidingRateLimit, counter",
    peer: "RateLimiter, fixed window",
    atMost: 1.2
  },
  {
    case: "guards",
    title: "The same of a log",
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
    ...onRedis,
    title: "10,000 hits on Redis at once",
    subject: "Cached.many",
    peer: "MGET and JSON.parse",
    atMost: 6,
    goal: 1.5
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
    title: "A write by hand on disk, from which nothing derives",
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
    // a collection of garbage falls into it
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
    title: "An invalidation on Redis is heard by another process",
    subject: "an invalidation",
    peer: "5 ms",
    atMost: 1
  },
  {
    case: "changes",
    title: "Seven processes that wait for a load are served",
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
    title: "100,000 removals of others are heard: longest turn",
    subject: "100,000 removals, the longest turn",
    peer: "20 ms",
    atMost: 1
  },
  { case: "memory", title: "Bytes an entry", subject: "effect-cached", peer: "Effect Cache", atMost: 0.49, goal: 0.4 },
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

const head = ["what", "beside", "ratio", "at most", "goal"]

export const ratios = (results: Results): string =>
  table([head, ...measured(results).map((check) => cellsOf(results, check))])

/** What was measured now, and of the rest what a former page says. */
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
      "worst cell, points beside LRU",
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
  memory: "bytes an entry",
  sizes: "bytes of ten thousand records"
}

/** All that was measured. Nanoseconds say something on one machine only: they are printed and not written down. */
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

/** The page: what was measured now, and of the rest what the former page says. */
export const document = (results: Results, former: string): string =>
  `${
    [
      `# Benchmarks

Written by \`npm run bench\`, which fails where a ratio is over its limit. \`npm run bench -- hit miss\` measures these
sections, and leaves the others as they are; \`npm run bench -- --quick\` measures less and writes nothing.

${allRatios(results, former)}

Smaller is better. A goal is what we would like; the limit is what we promise.

## How it is measured

- **In one run.** Both sides of a ratio run in one process, in turn, many short rounds each after a warm-up, through the
  same loop in one fiber (a generator that yields one read after the other). A subject's time is the lower quartile of
  its rounds: what is far above it is the work of another process. Of five processes the median ratio counts.
- **Hit in memory.** 250 keys a subject, all stored. Effect \`Cache\` has a time to live too; every combinator has been in
  use in the process, so that nothing is compiled for one of them only. A fresh key object is made for every read: a
  \`Data.Class\` for Effect \`Cache\`, an instance of a \`CacheKey.Class\` here.
- **Beside the least.** The floor is an \`Effectable\` made for each read: it takes a service from the fiber, looks its id
  up in that service's \`Map\`, reads the fiber's clock once and returns the stored \`Exit\`. Each id has a record of its
  own. For the key of one field, the floor makes its id with a template literal.
- **Miss.** Each read asks for a key that nobody asked for before; its load ends at once, and its entry takes the place
  of another one of ten thousand.
- **Recorded accesses.** Ten traces (\`test/bench/traces/README.md\`) at three sizes each, through the policy alone; of five
  seeds the median counts. 1 is where LRU is, and 0 Belady's optimum, which knows what comes.
- **Hit in a full memory.** Ten thousand entries, some of which are read most, in three caches of one process: \`Eviction.lru\`,
  the default, and the default with a curve. A hundred hits are one call.
- **A million entries expire** within one second, in a cache without a bound that is asked fifty times a second: the longest turn of
  the event loop in processor time, collections of the heap included.
- **Reads of a full cache.** Each cache in a process of its own, through its own interface: \`yield*\` in a fiber, \`await\`, or a
  call. 100,000 ids of which few are read most (zipf), twice as many in a row as there is room for (scan), and every fourth
  read one of the scan (mixed). Each read is measured, after 200,000.
- **Many at once.** A thousand keys that are all stored, read by one \`Cached.many\` and one by one: the payloads are the
  same, and a key and its id are made of each in both.
- **A stored stream** is served from memory, and collected; \`Stream.fromIterable\` gives the same numbers in chunks of the
  same size.
- **With a listener.** The same hit with a string key, of a cache that has a listener, beside one that has none. Both
  count it for \`Cached.stats\`. Ten thousand events come before \`Cached.events\` can read them, more than it keeps.
- **10,000 callers** ask at once for a key that is not there; the load ends when the last has come. A second load fails
  the run.
- **Hit on disk.** \`CacheLayer.disk\` with \`memory: false\` beside a prepared \`SELECT\` of \`node:sqlite\` and
  \`JSON.parse\`, both of the same record of about 300 bytes. The disk store also checks a checksum and the deadlines, and
  a key class what its schema says. Both databases fit into the page cache. Reads that follow one another in one step of
  the program are one transaction of the store; a read that comes alone is one of its own, as each of those beside it.
- **In front of a shared folder.** The same hit in memory under \`CacheLayer.disk\`, which follows what other processes
  do to the folder, beside \`CacheLayer.memory\`; and under \`CacheLayer.redis\`, which is told by its server.
- **Hit on Redis.** \`CacheLayer.redis\` with \`memory: false\`, fifty reads at once, beside \`GET\` of the client and
  \`JSON.parse\`: the time of this process' processor, not the time that it waits. \`Persistence\` of Effect reads the
  same key class, with a new key object a read. Ten thousand at once are one \`Cached.many\`, beside pipelined \`MGET\` of
  200 keys each.
- **Write on disk.** \`acquire\` and \`commit\` of \`SqliteStore\`, each a transaction, beside one \`INSERT OR REPLACE\` of
  \`node:sqlite\` in a transaction of its own, with the same pragmas; the record is replaced in both.
  The folder of the store has not changed for some seconds, as in a program that runs for longer than that.
- **A transaction on disk** sets a hundred keys, in front of \`CacheLayer.disk\`: the whole of \`Transaction.run\`,
  and its commit alone, from the end of the effect on. One
  transaction of \`node:sqlite\` writes the same rows, of which one tells other processes of the change, into the same tables:
  values are encoded, and framed with their checksums, by the same code. Under locks each key has a lock, in all processes
  of the folder, before it is set: each takes a small transaction of its own in the file of locks.
- **A load that reads 10 cached values**, each by a cached effect, in memory: each time the values are there, and what is
  made of them is not. It is stored in both; with \`inherit: "changes"\` it depends on the values.
- **A write by hand on disk**, from which nothing derives: \`Cached.set\`, which deletes the markers of its id where there are
  any, beside the same sources with that one step taken out, each on a folder of its own.
- **Eight writers at full speed**, each a process that writes 20 kB after the other for some seconds: the longest turn of
  all event loops, and the median of what 99 of 100 turns of each stay below. \`node:sqlite\` has the same pragmas and empties
  its log where it is too large. With more writers than cores a turn is mostly waiting for a core.
- **2,000 misses while another process holds the lock** of the database, in \`CacheLayer.disk\`: loads of a millisecond that
  begin at once. The longest turn of the event loop in processor time, and the time until all have their values.
- **Opening a million entries**: \`SqliteStore.make\`, one hit, and closing.
- **Size.** The files of ten thousand such records, after closing, beside the length of their JSON.
- **Eight processes** are connected and warm, then ask at once for a key that nobody has. Its load takes 200 ms and notes
  itself in a file; the time ends when the last is served. With 500 callers each and a load of 50 ms (fibers of one program, or
  promises), those that share a Redis are beside each other, and the fastest of the others counts, however often it loads.
  Warm is a process that has asked 300 times for a key of all; one that has just begun still compiles, and 500 callers take
  it three times as much processor time.
- **What others change on Redis.** Another process invalidates what this one has in memory: the time from the call until the
  entry is gone there. Seven processes wait for the load of an eighth: the time from its commit on the server, as
  that tells itself, until one is served, the median of all. A load is an \`acquire\` and a \`commit\`, one after the other,
  while the other process invalidates tags that none of them has, and while it does not. And 100,000 entries in memory are
  removed on the server, as one pipeline: the longest turn of the event loop in processor time, collections included.
- **Bytes an entry.** A million entries of a short string and a number, one subject a process: the growth of the heap
  and of the buffers beside it, after full collections.
- **Importing.** The compiled root beside a file that imports those modules of \`effect\` that it uses, each in fresh
  processes, in turn.`,
      section(
        "Hit ratios",
        whenMeasured(results.traces, (values) =>
          `In percent, of recorded reads. Below each column: the part of the way from LRU to the optimum that a policy goes, on average\nover the cells where the two are half a point apart; and where it is worst.\n\n${
            hitRatios(values)
          }`),
        former
      ),
      section(
        "Reads of a full cache",
        whenMeasured(results.full, (values) =>
          `Of 10,000 entries, read one after the other; what misses loads a value that is there. Times are multiples of the median of\n\`lru-cache\`, which is no cache of effects or promises: it shares no load, and cannot wait.\n\n${
            fullCaches(values)
          }`),
        former
      ),
      section(
        "Eight processes, one cold key",
        whenMeasured(results.loads, () =>
          `\`CacheLayer.disk\` shares a folder. The others, and \`CacheLayer.redis\`, share a Redis on the same machine, and each has a memory of its own\n(async-cache-dedupe has none).\n${
            leftOut(results)
          }\n${herd(results)}`),
        former
      ),
      section(
        "Ten thousand records",
        whenMeasured(
          results.sizes,
          (values) =>
            `In bytes: the length of the files, and the blocks of the file system that they fill, without the 2 MiB that a folder of\n\`CacheLayer.disk\` reserves for a disk that is full.\n\n${
              bytes(values)
            }`
        ),
        former
      ),
      section(
        "Bytes allocated per hit",
        whenMeasured(
          results.bytes,
          (values) =>
            `Growth of the heap over 100,000 hits in a young generation so large that nothing is collected meanwhile, divided by\ntheir number. The loop itself allocates too: its share is in every line.\n\n${
              bytes(values)
            }`
        ),
        former
      ),
      section("Bytes an entry", whenMeasured(results.memory, bytes), former)
    ].filter((part) => part !== "").join("\n\n")
  }\n`
