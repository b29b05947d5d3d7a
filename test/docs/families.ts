/**
 * Families of values between which a user has to choose. Each has a section *When to use*, and a `@see` to another
 * member of one of its families.
 */
const of = (module: string, ...names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.map((name) => `${module}.${name}`)

export const families: ReadonlyArray<ReadonlyArray<string>> = [
  // Strategies
  of(
    "Cached",
    ...["ttl", "softTtl", "refreshAhead", "probabilistic", "sliding", "maxHits", "failover", "untilInvalidated"],
    "withStrategy"
  ),
  // Loads
  [...of("Cached", "fn", "recursive", "many", "resolver", "stream"), "Cached.ttl"],
  of("Cached", "warm", "keepFresh", "many"),
  of("Cached", "previous", "notModified", "annotate"),
  // Operations by hand.
  of("Cached", "getOption", "getEntry", "has", "getMany", "getMatching", "entries"),
  of("Cached", "set", "setMany", "update", "touch"),
  of("Cached", "counter", "counters", "update"),
  of("Cached", "invalidate", "invalidateAfter", "remove", "clear"),
  ["CachePolicy.invalidating", "CachePolicy.refresh"],
  ["Cached.invalidateAfter", "Transaction.withSql"],
  // Inspection
  of("Cached", "events", "detect", "onRemoval", "logEvents", "stats"),
  ["Cached.stats", "Store.timings", "Store.tap"],
  of("Cached", "entries", "ranking", "getMatching"),
  of("Cached", "size", "stats"),
  ["Cached.stats", "Cached.resize", "CacheLayer.withHeapLimit", "CacheLayer.withQuotas", "testing.simulate"],
  // Caches
  [
    ...of("CacheLayer", "memory", "disk", "files", "redis", "layer", "disabled"),
    "CachePolicy.bypass"
  ],
  ["CacheLayer.named", "Cached.withCache"],
  of("CacheLayer", "routed", "named"),
  ["CacheLayer.disabled", "CacheLayer.memory"],
  of("CachePolicy", "refresh", "invalidating", "bypass", "disable"),
  ["CacheLayer.withDisabled", "CacheLayer.disabled", "CachePolicy.disable"],
  of("CacheConfig", "fromUrl", "layer"),
  of("CachePolicy", "strict", "storeTimeout"),
  of("Weigher", "bytes", "byClass", "atMost"),
  ["Cached.events", "testing.RecordingCache"],
  ["Store.tap", "ChaosStore.make"],
  ["Cached.invalidateAfter", "CacheReactivity.layer"],
  of("Transaction", "run", "rollback", "withSql", "outbox"),
  of("CacheKey", "Class", "template", "codeOf"),
  of("Ttl", "parse", "toMillis"),
  ["Json.Json", "IndentedJson.IndentedJson", "Binary.Binary", "Structured.Structured", "Serializer.make"],
  // Guards
  of("Guard", "locked", "rateLimit", "circuitBreaker"),
  of("Guard", "bloom", "dualBloom"),
  // Stores, locks and the state of guards.
  of("Store", "make", "makeSync", "complete"),
  ["Store.Store", "Store.make"],
  ["MemoryStore.layer", "FilesStore.layer", "SqliteStore.layer", "IndexedDbStore.layer", "RedisStore.layer"],
  ["MemoryGuards.layer", "SqliteGuards.layer", "RedisGuards.layer"],
  ["Lock.Lock", "SqliteGuards.layer", "RedisGuards.layer"],
  of("Lock", "Lock", "make"),
  ["GuardStore.GuardStore", "MemoryGuards.layer"],
  of("MemoryStore", "make", "layer"),
  // Tests
  of("testing", "storeLaws", "sharedStoreLaws", "lastingStoreLaws", "lockLaws", "serializerLaws")
]
