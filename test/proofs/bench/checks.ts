/** The comparisons of the benchmarks, with their limits. */
import { fastestPeer, type Values } from "./run.ts"

export type Case =
  | "hit"
  | "bytes"
  | "many"
  | "bulk"
  | "pipeline"
  | "cli"
  | "stream"
  | "http"
  | "httpServer"
  | "httpRates"
  | "httpPurge"
  | "strategies"
  | "listeners"
  | "inspector"
  | "metrics"
  | "guards"
  | "miss"
  | "cold"
  | "traces"
  | "policies"
  | "full"
  | "expiry"
  | "freshness"
  | "tiers"
  | "disk"
  | "redis"
  | "postgres"
  | "objects"
  | "write"
  | "transact"
  | "derived"
  | "markers"
  | "turns"
  | "lock"
  | "start"
  | "sizes"
  | "wrappers"
  | "formats"
  | "formatBytes"
  | "formatTurns"
  | "loads"
  | "served"
  | "callers"
  | "changes"
  | "memory"
  | "imports"

/** The measurements; a run of some cases has only theirs. */
export type Results = { readonly [name in Case]?: ReadonlyArray<Values> }

/** The time of a subject beside its peer's, and the limit of their ratio. */
export interface Check {
  readonly title: string
  readonly case: Case
  readonly subject: string
  readonly peer: string
  readonly atMost: number
  readonly goal?: number
  /** Says something of inner parts, not of what a program sees. */
  readonly isInner?: true
}

const strings = { case: "hit", peer: "Effect Cache.get, string", atMost: 0.85, goal: 0.7 } as const
const objects = { case: "hit", peer: "Effect Cache.get, fresh object", atMost: 0.12, goal: 0.08 } as const
const onDisk = { case: "disk", peer: "node:sqlite and JSON.parse", atMost: 2 } as const
const onRedis = { case: "redis", peer: "GET and JSON.parse" } as const
const onPostgres = { case: "postgres", peer: "SELECT and JSON.parse" } as const
const onObjects = { case: "objects", peer: "GET and JSON.parse" } as const
const inTransaction = { case: "transact", peer: "node:sqlite, the same rows" } as const
const wrapped = { case: "wrappers", atMost: 1.3 } as const
const records = { case: "sizes", peer: "raw JSON" } as const
const overRedis = { subject: "CacheLayer.redis" } as const
const bulk = { case: "bulk" } as const
const alone = { subject: "CacheLayer.disk", peer: "no cache" } as const

/** Encoding and decoding in a format, beside its library. */
const format = (subject: string, peer: string, atMost: number): ReadonlyArray<Check> =>
  ["encode", "decode"].map((step) => ({
    case: "formats",
    title: `${subject.replace(/^\w+/, (name) => ["", name, ""].join("`"))}: ${step}`,
    subject: `${subject}, ${step}`,
    peer: `${peer}, ${step}`,
    atMost
  }))

export const checks: ReadonlyArray<Check> = [
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
  { ...objects, title: "The same in a pipe", isInner: true, subject: "effect.pipe(Cached.softTtl(…)), fresh object" },
  { ...objects, title: "The same through `Cached.fn`", subject: "Cached.fn, fresh object" },
  {
    case: "many",
    title: "Hit of `Cached.many`, 1,000 keys at once",
    subject: "Cached.many, keys",
    peer: "Cached.fn, key by key",
    atMost: 0.65,
    goal: 0.5
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
    atMost: 0.7,
    goal: 0.4
  },
  {
    ...bulk,
    title: "The same, hits",
    subject: "memory: Cached.many, hits",
    peer: "memory: Cached.fn one by one, hits",
    atMost: 0.5,
    goal: 0.3
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
    atMost: 2.5,
    goal: 1.8
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
    title: "`Cached.remove` of many on disk",
    subject: "disk: Cached.remove of many",
    peer: "disk: raw, remove",
    atMost: 3,
    goal: 2
  },
  {
    ...bulk,
    title: "`Cached.many`, 100,000 cold keys on Redis",
    subject: "redis: Cached.many, cold",
    peer: "redis: raw, cold",
    atMost: 4,
    goal: 2.5
  },
  {
    ...bulk,
    title: "The same, hits",
    subject: "redis: Cached.many, hits",
    peer: "redis: raw, hits",
    atMost: 2.5,
    goal: 1.8
  },
  {
    ...bulk,
    title: "`Cached.setMany` on Redis",
    subject: "redis: Cached.setMany",
    peer: "redis: raw, set",
    atMost: 3,
    goal: 2
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
    isInner: true,
    subject: "memory: a key of 1000000",
    peer: "memory: a key of 10000",
    atMost: 1.5,
    goal: 1.2
  },
  {
    ...bulk,
    title: "The same on disk",
    isInner: true,
    subject: "disk: a key of 1000000",
    peer: "disk: a key of 10000",
    atMost: 1.5,
    goal: 1.2
  },
  ...["memory", "disk", "redis"].map((storage) => ({
    ...bulk,
    title: `A bulk call of 100,000 keys, ${storage}: longest turn without collections`,
    subject: `${storage}, longest turn without collections`,
    peer: "20 ms",
    atMost: 1,
    goal: 0.5
  })),
  {
    case: "pipeline",
    title: "A pipeline of a million rows on disk, cold",
    subject: "Pipeline.run, cold",
    peer: "Cached.many, cold",
    atMost: 1.2
  },
  {
    case: "pipeline",
    title: "The same, all cached",
    subject: "Pipeline.run, all cached",
    peer: "by hand, all cached",
    atMost: 1.3
  },
  {
    case: "cli",
    title: "`effect-cached import`",
    subject: "effect-cached import",
    peer: "raw writes",
    atMost: 3
  },
  {
    case: "cli",
    title: "`effect-cached export`",
    subject: "effect-cached export",
    peer: "raw reads",
    atMost: 2
  },
  {
    case: "cli",
    title: "`effect-cached ls`, ten entries",
    subject: "effect-cached ls",
    peer: "import effect",
    atMost: 1.7,
    goal: 1.6
  },
  {
    case: "cli",
    title: "`effect-cached --help`",
    isInner: true,
    subject: "effect-cached --help",
    peer: "import effect/cli",
    atMost: 1.5
  },
  {
    case: "stream",
    title: "A stored stream of 10,000 elements",
    subject: "Cached.stream",
    peer: "Stream.fromIterable",
    atMost: 1.5
  },
  {
    case: "http",
    title: "A hit of an HTTP client, 2 kB of text",
    subject: "a hit",
    peer: "a constant",
    atMost: 1.3
  },
  { case: "http", title: "The same", subject: "a hit", peer: "undici's cache", atMost: 1 },
  {
    case: "httpServer",
    title: "A request to a cached route, 2 kB",
    subject: "a hit",
    peer: "a constant",
    atMost: 1.15
  },
  { case: "httpServer", title: "The same, answered with `304`", subject: "a 304", peer: "a constant", atMost: 1 },
  { case: "httpServer", title: "The same, 1 MB", subject: "a hit of 1 MB", peer: "a constant of 1 MB", atMost: 1.1 },
  {
    case: "traces",
    title: "Recorded accesses: distance left from LRU to the optimum",
    subject: "left: adaptive",
    peer: "left: lru",
    atMost: 0.46,
    goal: 0.42
  },
  {
    case: "policies",
    title: "Hit in a full memory, `adaptive`",
    subject: "adaptive",
    peer: "lru",
    atMost: 1.05
  },
  {
    case: "policies",
    title: "The same with `curve: true`",
    subject: "with a curve",
    peer: "adaptive",
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
    title: "Hit in memory, with a listener for loads only",
    isInner: true,
    subject: "a listener for loads",
    peer: "no listener",
    atMost: 1.02
  },
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
  ...([
    ["Hit in memory, with an inspector that is not open", "mounted", "no inspector", 1.02],
    ["The same with its overview open", "overview open", "no inspector", 1.03],
    ["The same with its events open", "tail open", "no inspector", 1.5],
    [
      "Turns of 100 hits and other work, with its events open",
      "beside work, tail open",
      "beside work, no inspector",
      1.05
    ],
    ["A page of a million entries beside hits: longest turn", "a page of 100", "20 ms", 1],
    ["The same with a filter", "a filter", "20 ms", 1],
    ["The same with the 100 most read", "the 100 most read", "20 ms", 1],
    ["Heap after an inspector was mounted and closed 100 times", "mounted 100 times", "6.4 MiB", 1]
  ] as const).map(([title, subject, peer, atMost]) => ({ case: "inspector" as const, title, subject, peer, atMost })),
  ...[["Hit", "hit", 1.02] as const, ["Miss", "miss", 1.03] as const].map(([title, what, atMost]) => ({
    case: "metrics" as const,
    title: `${title} in memory, with \`CacheMetrics.layer\``,
    subject: `${what}, CacheMetrics.layer`,
    peer: `${what}, without metrics`,
    atMost
  })),
  {
    case: "metrics",
    title: "A scrape of 100 key classes",
    isInner: true,
    subject: "a scrape, CacheMetrics.layer",
    peer: "a scrape, static series",
    atMost: 2
  },
  {
    case: "metrics",
    title: "The same: its turn",
    isInner: true,
    subject: "a scrape, its turn",
    peer: "20 ms",
    atMost: 1
  },
  {
    case: "metrics",
    title: "The bytes of a key class with metrics",
    isInner: true,
    subject: "a class",
    peer: "4 KiB",
    atMost: 1
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
    title: "The same with sliding counters",
    subject: "Guard.rateLimit, sliding counter",
    peer: "RateLimiter, fixed window",
    atMost: 1.2
  },
  {
    case: "guards",
    title: "The same with a sliding log",
    subject: "Guard.rateLimit, sliding log",
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
    title: "The same with `lru`",
    subject: "Cached.ttl, lru",
    peer: "Effect Cache.get, beside lru",
    atMost: 0.9
  },
  { case: "cold", title: "10,000 callers, one load", subject: "Cached.ttl", peer: "Effect Cache.get", atMost: 1 },
  {
    case: "freshness",
    title: "Hit in memory, in front of a shared folder",
    subject: "CacheLayer.disk",
    peer: "CacheLayer.memory",
    atMost: 1.1
  },
  {
    ...overRedis,
    case: "freshness",
    title: "The same in front of a Redis server",
    peer: "CacheLayer.memory",
    atMost: 1.05
  },
  {
    case: "tiers",
    title: "Hit in memory, through `CacheLayer.routed`",
    subject: "CacheLayer.routed",
    peer: "CacheLayer.memory",
    atMost: 1.1
  },
  {
    case: "tiers",
    title: "Hit in the first of three tiers",
    subject: "first of three tiers",
    peer: "CacheLayer.memory",
    atMost: 1.05
  },
  {
    case: "tiers",
    title: "Hit in the second tier, a folder before a Redis server",
    subject: "second tier",
    peer: "the same through a callback",
    atMost: 1.2
  },
  {
    case: "tiers",
    title: "The same beside the folder alone, which is asked at once",
    subject: "second tier",
    peer: "CacheLayer.disk",
    atMost: 1.6,
    goal: 1.2
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
    peer: "GET, JSON.parse and the schema",
    atMost: 2,
    goal: 1.4
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
    case: "redis",
    title: "Miss on Redis, string key",
    subject: "miss, string key",
    peer: "GET and SET",
    atMost: 8,
    goal: 4
  },
  { ...onPostgres, title: "Hit on PostgreSQL, string key", subject: "string key (JSON)", atMost: 1.3, goal: 0.6 },
  {
    ...onPostgres,
    title: "Hit on PostgreSQL, key class",
    subject: "key class (JSON, checked by its schema)",
    atMost: 1.3,
    goal: 0.8
  },
  {
    case: "postgres",
    title: "Miss on PostgreSQL, string key",
    subject: "miss, string key",
    peer: "SELECT of nothing",
    atMost: 14,
    goal: 3.5
  },
  {
    case: "postgres",
    title: "`getMany` on PostgreSQL, 10,000 keys",
    subject: "Cached.getMany, 10,000 keys",
    peer: "SELECT = ANY and JSON.parse",
    atMost: 3
  },
  { ...onObjects, title: "Hit in a bucket, string key", subject: "string key (JSON)", atMost: 2, goal: 1.3 },
  {
    ...onObjects,
    title: "Hit in a bucket, key class",
    subject: "key class (JSON, checked by its schema)",
    atMost: 2.2,
    goal: 1.5
  },
  {
    case: "objects",
    title: "A clean-up of 100,000 entries of a bucket: longest turn",
    subject: "a clean-up of 100,000 entries: longest turn",
    peer: "20 ms",
    atMost: 1
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
    isInner: true,
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
  { case: "start", title: "Opening a million entries", subject: "SqliteStore.layer", peer: "50 ms", atMost: 1 },
  { ...wrapped, title: "Compression by gzip", subject: "Compressed, gzip", peer: "JSON and gzip" },
  { ...wrapped, title: "Compression by zstd", subject: "Compressed, zstd", peer: "JSON and zstd" },
  { ...wrapped, title: "Compression by brotli", subject: "Compressed, brotli", peer: "JSON and brotli" },
  { ...wrapped, title: "Signatures", subject: "Signed", peer: "JSON and HMAC" },
  { ...wrapped, title: "Encryption", subject: "Encrypted", peer: "JSON and AES-256-GCM" },
  {
    ...wrapped,
    title: "Encryption by XChaCha20-Poly1305",
    subject: "Encrypted, XChaCha20-Poly1305",
    peer: "JSON and Effect's XChaCha20-Poly1305"
  },
  ...format("Json", "JSON and the schema", 1.3),
  ...format("Structured, no schema", "MessagePack", 1.3),
  ...format("Binary", "Effect's SchemaBinary", 1.3),
  ...format("Text, no schema", "UTF-8", 1.3),
  ...format("Bytes, no schema", "a copy", 1.3),
  ...format("Cbor, no schema", "cborg", 1.3),
  ...format("Cbor", "cborg and the schema", 1.3),
  ...format("Yaml", "yaml and the schema", 1.5),
  ...format("Csv", "Effect's CSV and the schema", 1.5),
  ...format("Ndjson", "lines of JSON and the schema", 1.3),
  ...format("Parquet", "hyparquet and the schema", 1.5),
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
    subject: "seven waiting processes",
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
  {
    case: "imports",
    title: "Importing the root",
    subject: "effect-cached",
    peer: "its effect modules",
    atMost: 1.5,
    goal: 1.25
  },
  {
    case: "imports",
    title: "The same, the layer and the first read",
    subject: "first read",
    peer: "its effect modules",
    atMost: 1.9,
    goal: 1.45
  }
]
