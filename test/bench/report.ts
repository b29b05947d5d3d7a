/** What is compared and how large it may become, and the tables that say what came of it. */
import { median } from "./measure.ts"
import type { Values } from "./run.ts"

export type Case =
  | "hit"
  | "bytes"
  | "many"
  | "strategies"
  | "listeners"
  | "miss"
  | "cold"
  | "coherence"
  | "disk"
  | "redis"
  | "write"
  | "turns"
  | "start"
  | "sizes"
  | "loads"
  | "served"
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
    case: "miss",
    title: "Miss, load and eviction, string key",
    subject: "Cached.ttl",
    peer: "Effect Cache.get",
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
  { ...onDisk, title: "Hit on disk, string key", subject: "string key (MessagePack)", goal: 1.4 },
  { ...onDisk, title: "Hit on disk, key class", subject: "key class (JSON, checked by its schema)", goal: 1.6 },
  { ...onRedis, title: "Hit on Redis, string key", subject: "string key (MessagePack)", atMost: 7, goal: 1.3 },
  {
    ...onRedis,
    title: "Hit on Redis, key class",
    subject: "key class (JSON, checked by its schema)",
    atMost: 8,
    goal: 1.3
  },
  {
    ...onRedis,
    title: "The same beside `Persistence`",
    subject: "key class (JSON, checked by its schema)",
    peer: "Effect Persistence",
    atMost: 0.4,
    goal: 0.1
  },
  {
    ...onRedis,
    title: "10,000 hits on Redis at once",
    subject: "Cached.many",
    peer: "MGET and JSON.parse",
    atMost: 9,
    goal: 1.5
  },
  {
    case: "write",
    title: "Write on disk: `acquire` and `commit`",
    subject: "acquire and commit",
    peer: "node:sqlite, INSERT OR REPLACE",
    atMost: 4,
    goal: 2.8
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
  { case: "memory", title: "Bytes an entry", subject: "effect-cached", peer: "Effect Cache", atMost: 0.8 },
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

export const ratios = (results: Results): string =>
  table([
    ["what", "beside", "ratio", "at most", "goal"],
    ...measured(results).map((check) => [
      check.title,
      check.peer,
      ratioOf(results, check).toFixed(check.atMost < 0.2 ? 3 : 2),
      `${check.atMost}`,
      check.goal === undefined ? "" : `${check.goal}`
    ])
  ])

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

const peersOfHerd = ["CacheLayer.redis", "bentocache", "cacheable", "async-cache-dedupe"]

const leftOut = ({ loads = [] }: Results): string =>
  peersOfHerd.every((name) => loads.every((values) => name in values))
    ? ""
    : `\n**Left out, because there was no Redis: ${peersOfHerd.join(", ")}.**\n`

const nanoseconds = (values: ReadonlyArray<Values>): string =>
  table([["subject", "ns"], ...subjects(values).map(([name, value]) => [name, value.toFixed(0)])])

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
    const title = units[name as Case]
    return [title === undefined ? `${name}\n${nanoseconds(values)}\n` : `${title}\n${bytes(values)}\n`]
  }).join("\n")

export const document = (results: Required<Results>): string =>
  `# Benchmarks

Written by \`npm run bench\`, which fails where a ratio is over its limit. \`npm run bench -- --quick\` measures less and
writes nothing.

${ratios(results)}

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
  of another one.
- **Many at once.** A thousand keys that are all stored, read by one \`Cached.many\` and one by one: the payloads are the
  same, and a key and its id are made of each in both.
- **With a listener.** The same hit with a string key, of a cache that has a listener, beside one that has none. Both
  count it for \`Cached.stats\`. Ten thousand events come before \`Cached.events\` can read them, more than it keeps.
- **10,000 callers** ask at once for a key that is not there; the load ends when the last has come. A second load fails
  the run.
- **Hit on disk.** \`CacheLayer.disk\` with \`memory: false\` beside a prepared \`SELECT\` of \`node:sqlite\` and
  \`JSON.parse\`, both of the same record of about 300 bytes. The disk store also checks a checksum and the deadlines, and
  a key class what its schema says. Both databases fit into the page cache.
- **In front of a shared folder.** The same hit in memory under \`CacheLayer.disk\`, which follows what other processes
  do to the folder, beside \`CacheLayer.memory\`.
- **Hit on Redis.** \`CacheLayer.redis\` with \`memory: false\`, fifty reads at once, beside \`GET\` of the client and
  \`JSON.parse\`: the time of this process' processor, not the time that it waits. \`Persistence\` of Effect reads the
  same key class, with a new key object a read. Ten thousand at once are one \`Cached.many\`, beside pipelined \`MGET\` of
  200 keys each.
- **Write on disk.** \`acquire\` and \`commit\` of \`SqliteStore\`, each a transaction, beside one \`INSERT OR REPLACE\` of
  \`node:sqlite\` in a transaction of its own, with the same pragmas; the record is replaced in both.
- **Eight writers at full speed**, each a process that writes 20 kB after the other for some seconds: the longest turn of
  all event loops, and the median of what 99 of 100 turns of each stay below. \`node:sqlite\` has the same pragmas and empties
  its log where it is too large. With more writers than cores a turn is mostly waiting for a core.
- **Opening a million entries**: \`SqliteStore.make\`, one hit, and closing.
- **Size.** The files of ten thousand such records, after closing, beside the length of their JSON.
- **Eight processes** are connected and warm, then ask at once for a key that nobody has. Its load takes 200 ms and notes
  itself in a file; the time ends when the last is served.
- **Bytes an entry.** A million entries of a short string and a number, one subject a process: the growth of the heap
  after full collections.
- **Importing.** The compiled root beside a file that imports those modules of \`effect\` that it uses, each in fresh
  processes, in turn.

## Eight processes, one cold key

\`CacheLayer.disk\` shares a folder. The others, and \`CacheLayer.redis\`, share a Redis on the same machine, and each has a memory of its own
(async-cache-dedupe has none).
${leftOut(results)}
${herd(results)}

## Ten thousand records

In bytes: the length of the files, and the blocks of the file system that they fill.

${bytes(results.sizes)}

## Bytes allocated per hit

Growth of the heap over 100,000 hits in a young generation so large that nothing is collected meanwhile, divided by
their number. The loop itself allocates too: its share is in every line.

${bytes(results.bytes)}

## Bytes an entry

${bytes(results.memory)}
`
