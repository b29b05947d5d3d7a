/** The comparisons of the benchmarks, with their limits. */

/** The measurements, by the names of the subjects. */
export interface Values {
  readonly [subject: string]: number
}

/** The measurements by cases, one set of values a run; a run of some cases has only theirs. */
export interface Results {
  readonly [name: string]: ReadonlyArray<Values>
}

/** The time of a subject beside its peer's, and the limit of their ratio. */
export interface Check {
  readonly title: string
  readonly case: string
  readonly subject: string
  readonly peer: string
  readonly atMost: number
  readonly goal?: number | undefined
}

export const fastestPeer = "the fastest of the others"

type Row = readonly [title: string, subject: string, peer: string, atMost: number, goal?: number]

/** Encoding and decoding in a format, beside its library. */
const format = (subject: string, peer: string, atMost: number): ReadonlyArray<Row> =>
  ["encode", "decode"].map((step) => [
    `${subject.replace(/^\w+/, (name) => ["", name, ""].join("`"))}: ${step}`,
    `${subject}, ${step}`,
    `${peer}, ${step}`,
    atMost
  ])

const rows: { readonly [name: string]: ReadonlyArray<Row> } = {
  hit: [
    ["Hit in memory, string key, against the floor", "Cached.ttl(effect, …), string", "the floor, string", 1.2, 1.1],
    [
      "The same with a fresh key of one field",
      "Cached.ttl(effect, …), fresh key of one field",
      "the floor, template literal",
      2
    ],
    ["Hit in memory, string key", "Cached.softTtl(effect, …), string", "Effect Cache.get, string", 0.85, 0.7],
    ["The same in a pipe", "effect.pipe(Cached.softTtl(…)), string", "Effect Cache.get, string", 0.85, 0.7],
    [
      "Hit in memory, fresh key of three fields",
      "Cached.softTtl(effect, …), fresh object",
      "Effect Cache.get, fresh object",
      0.12,
      0.08
    ],
    ["The same through `Cached.fn`", "Cached.fn, fresh object", "Effect Cache.get, fresh object", 0.12, 0.08]
  ],
  many: [
    ["Hit of `Cached.many`, 1,000 keys at once", "Cached.many, keys", "Cached.fn, key by key", 0.65, 0.5],
    ["The same from payloads, with a new key for each", "Cached.many", "Cached.fn, one by one", 0.6, 0.5]
  ],
  bulk: [
    [
      "`Cached.many`, 100,000 cold keys in memory",
      "memory: Cached.many, cold",
      "memory: Cached.fn one by one, cold",
      0.7,
      0.4
    ],
    ["The same, hits", "memory: Cached.many, hits", "memory: Cached.fn one by one, hits", 0.5, 0.3],
    ["`Cached.many`, 100,000 cold keys on disk", "disk: Cached.many, cold", "disk: raw, cold", 4, 2.5],
    ["The same, hits", "disk: Cached.many, hits", "disk: raw, hits", 2.5, 1.8],
    ["`Cached.setMany` on disk", "disk: Cached.setMany", "disk: raw, set", 3, 2],
    ["`Cached.remove` of many on disk", "disk: Cached.remove of many", "disk: raw, remove", 3, 2],
    ["`Cached.many`, 100,000 cold keys on Redis", "redis: Cached.many, cold", "redis: raw, cold", 4, 2.5],
    ["The same, hits", "redis: Cached.many, hits", "redis: raw, hits", 2.5, 1.8],
    ["`Cached.setMany` on Redis", "redis: Cached.setMany", "redis: raw, set", 3, 2],
    [
      "50,000 loads at once in memory: longest turn",
      "50,000 loads at once in memory, longest turn",
      "50,000 fibers that sleep, longest turn",
      2,
      1.3
    ],
    [
      "The same on disk",
      "50,000 loads at once on disk, longest turn",
      "50,000 fibers that sleep, longest turn",
      2,
      1.3
    ],
    [
      "A bulk call of 100,000 keys, memory: longest turn without collections",
      "memory, longest turn without collections",
      "20 ms",
      1,
      0.5
    ],
    [
      "A bulk call of 100,000 keys, disk: longest turn without collections",
      "disk, longest turn without collections",
      "20 ms",
      1,
      0.5
    ],
    [
      "A bulk call of 100,000 keys, redis: longest turn without collections",
      "redis, longest turn without collections",
      "20 ms",
      1,
      0.5
    ]
  ],
  pipeline: [
    ["A pipeline of a million rows on disk, cold", "Pipeline.run, cold", "Cached.many, cold", 1.2],
    ["The same, all cached", "Pipeline.run, all cached", "by hand, all cached", 1.3]
  ],
  cli: [
    ["`effect-cached import`", "effect-cached import", "raw writes", 3],
    ["`effect-cached export`", "effect-cached export", "raw reads", 2],
    ["`effect-cached ls`, ten entries", "effect-cached ls", "import effect", 1.7, 1.6]
  ],
  stream: [
    ["A stored stream of 10,000 elements", "Cached.stream", "Stream.fromIterable", 1.5]
  ],
  http: [
    ["A hit of an HTTP client, 2 kB of text", "a hit", "a constant", 1.3],
    ["The same", "a hit", "undici's cache", 1]
  ],
  httpServer: [
    ["A request to a cached route, 2 kB", "a hit", "a constant", 1.15],
    ["The same, answered with `304`", "a 304", "a constant", 1],
    ["The same, 1 MB", "a hit of 1 MB", "a constant of 1 MB", 1.1]
  ],
  traces: [
    ["Recorded accesses: distance left from LRU to the optimum", "left: adaptive", "left: lru", 0.46, 0.42]
  ],
  policies: [
    ["Hit in a full memory, `adaptive`", "adaptive", "lru", 1.05],
    ["The same with `curve: true`", "with a curve", "adaptive", 1.05]
  ],
  expiry: [
    ["A million entries expire in one second: longest turn", "while they leave", "20 ms", 1]
  ],
  strategies: [
    ["Hit of `Cached.sliding`", "Cached.sliding", "Cached.ttl", 1.2],
    ["Hit of `Cached.maxHits`", "Cached.maxHits", "Cached.ttl", 1.2]
  ],
  listeners: [
    ["Hit in memory, with a listener", "a listener", "no listener", 1.15],
    ["The same with `Cached.events`", "Cached.events", "no listener", 1.25, 1.15]
  ],
  metrics: [
    ["Hit in memory, with `CacheMetrics.layer`", "hit, CacheMetrics.layer", "hit, without metrics", 1.02],
    ["Miss in memory, with `CacheMetrics.layer`", "miss, CacheMetrics.layer", "miss, without metrics", 1.03]
  ],
  guards: [
    ["`Guard.rateLimit`, a call that passes", "Guard.rateLimit", "RateLimiter, fixed window", 1.2],
    ["The same with a token bucket", "Guard.rateLimit, token bucket", "RateLimiter, token bucket", 1.2],
    ["The same with sliding counters", "Guard.rateLimit, sliding counter", "RateLimiter, fixed window", 1.2],
    ["`Guard.circuitBreaker`, closed", "Guard.circuitBreaker", "CircuitBreaker", 1.2],
    ["`Guard.locked`, free", "Guard.locked", "Lock.acquire", 1.2]
  ],
  miss: [
    ["Miss, load and eviction, string key", "Cached.ttl, adaptive", "Effect Cache.get, beside adaptive", 1],
    ["The same with `lru`", "Cached.ttl, lru", "Effect Cache.get, beside lru", 0.9]
  ],
  cold: [
    ["10,000 callers, one load", "Cached.ttl", "Effect Cache.get", 1]
  ],
  freshness: [
    ["Hit in memory, in front of a shared folder", "CacheLayer.disk", "CacheLayer.memory", 1.1],
    ["The same in front of a Redis server", "CacheLayer.redis", "CacheLayer.memory", 1.05]
  ],
  tiers: [
    ["Hit in memory, through `CacheLayer.routed`", "CacheLayer.routed", "CacheLayer.memory", 1.1],
    ["Hit in the first of three tiers", "first of three tiers", "CacheLayer.memory", 1.05],
    ["Hit in the second tier, a folder before a Redis server", "second tier", "the same through a callback", 1.2],
    ["The same beside the folder alone, which is asked at once", "second tier", "CacheLayer.disk", 1.6, 1.2]
  ],
  disk: [
    ["Hit on disk, string key", "string key (JSON)", "node:sqlite and JSON.parse", 1.4, 1.2],
    ["Hit on disk, key class", "key class (JSON, checked by its schema)", "node:sqlite and JSON.parse", 1.6, 1.4]
  ],
  redis: [
    ["Hit on Redis, string key", "string key (JSON)", "GET and JSON.parse", 1.5, 1.3],
    ["Hit on Redis, key class", "key class (JSON, checked by its schema)", "GET, JSON.parse and the schema", 2, 1.4],
    ["The same beside `Persistence`", "key class (JSON, checked by its schema)", "Effect Persistence", 0.15, 0.1],
    ["Miss on Redis, string key", "miss, string key", "GET and SET", 8, 4]
  ],
  postgres: [
    ["Hit on PostgreSQL, string key", "string key (JSON)", "SELECT and JSON.parse", 1.3, 0.6],
    ["Hit on PostgreSQL, key class", "key class (JSON, checked by its schema)", "SELECT and JSON.parse", 1.3, 0.8],
    ["Miss on PostgreSQL, string key", "miss, string key", "SELECT of nothing", 14, 3.5],
    ["`getMany` on PostgreSQL, 10,000 keys", "Cached.getMany, 10,000 keys", "SELECT = ANY and JSON.parse", 3]
  ],
  objects: [
    ["Hit in a bucket, string key", "string key (JSON)", "GET and JSON.parse", 2, 1.3],
    ["Hit in a bucket, key class", "key class (JSON, checked by its schema)", "GET and JSON.parse", 2.2, 1.5],
    [
      "A clean-up of 100,000 entries of a bucket: longest turn",
      "a clean-up of 100,000 entries: longest turn",
      "20 ms",
      1
    ]
  ],
  write: [
    ["Write on disk: `acquire` and `commit`", "acquire and commit", "node:sqlite, INSERT OR REPLACE", 2.8]
  ],
  transact: [
    ["The commit of 100 sets on disk", "fast, its commit", "node:sqlite, the same rows", 2],
    ["The whole transaction with its 100 calls of `Cached.set`", "fast", "node:sqlite, the same rows", 2],
    ["The same under locks, the default", "locked", "node:sqlite, the same rows", 9]
  ],
  derived: [
    ["A load that reads 10 cached values, `inherit: \"changes\"`", "inherit: \"changes\"", "without inherit", 1.5]
  ],
  turns: [
    ["Eight writers at full speed: longest turn", "SqliteStore, longest", "node:sqlite, longest", 3, 1.5],
    ["The same: 99 of 100 turns", "SqliteStore, p99", "node:sqlite, p99", 3, 1.5]
  ],
  wrappers: [
    ["Compression by gzip", "Compressed, gzip", "JSON and gzip", 1.3],
    ["Compression by zstd", "Compressed, zstd", "JSON and zstd", 1.3],
    ["Compression by brotli", "Compressed, brotli", "JSON and brotli", 1.3],
    ["Signatures", "Signed", "JSON and HMAC", 1.3],
    ["Encryption", "Encrypted", "JSON and AES-256-GCM", 1.3],
    ["Encryption by XChaCha20-Poly1305", "Encrypted, XChaCha20-Poly1305", "JSON and Effect's XChaCha20-Poly1305", 1.3]
  ],
  formats: [
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
    ...format("Parquet", "hyparquet and the schema", 1.5)
  ],
  sizes: [
    ["Size on disk", "CacheLayer.disk", "raw JSON", 2],
    ["Size in files", "CacheLayer.files", "raw JSON", 4]
  ],
  loads: [
    ["Eight processes, one cold key: loads", "CacheLayer.disk", "no cache", 0.125],
    ["Eight processes on Redis, one cold key: loads", "CacheLayer.redis", "no cache", 0.125]
  ],
  served: [
    ["Eight processes, one cold key: time", "CacheLayer.disk", "no cache", 1.5],
    ["The same: time", "CacheLayer.redis", "bentocache", 2.5, 1.3]
  ],
  callers: [
    ["Eight processes on Redis, 500 callers in each: time", "CacheLayer.redis", fastestPeer, 1.3]
  ],
  changes: [
    ["An invalidation on Redis reaches another process", "an invalidation", "5 ms", 1],
    ["Seven processes waiting for a load are served", "seven waiting processes", "5 ms", 1],
    ["A load while others invalidate 1,000 tags a second", "1,000 invalidated tags a second", "quiet", 1.3],
    ["100,000 removals by others arrive: longest turn", "100,000 removals, the longest turn", "20 ms", 1]
  ],
  memory: [
    ["Bytes per entry", "effect-cached", "Effect Cache", 0.49, 0.4]
  ],
  imports: [
    ["Importing the root", "effect-cached", "its effect modules", 1.5, 1.25],
    ["The same, the layer and the first read", "first read", "its effect modules", 1.9, 1.45]
  ]
}

export const checks: ReadonlyArray<Check> = Object.entries(rows).flatMap(([name, all]) =>
  all.map(([title, subject, peer, atMost, goal]) => ({ case: name, title, subject, peer, atMost, goal }))
)
