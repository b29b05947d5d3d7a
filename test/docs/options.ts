/**
 * `docs/options.md`: every list of options that the library has. A list whose table stands on the page of its subject
 * is only linked. `npm run generate` writes the page; `tables.test.ts` says when it is not what the sources give.
 */
import { fill, listsOf, membersOf, pages } from "./tables.ts"

/** A part of the page. */
export interface Part {
  readonly heading: string
  /** The calls that take the options. */
  readonly of: string
  /** The sentence above the table. */
  readonly sentence: string
  /** The lists, as in the comment in front of a table. */
  readonly lists: string
  readonly kind?: "options" | "conditions" | "policies"
}

export const parts: ReadonlyArray<Part> = [
  {
    heading: "Layers",
    of: "`CacheLayer.memory` and all other layers",
    sentence: "`CacheLayer.memory` and all other layers take these options.",
    lists: "src/layers/options.ts MemoryOptions"
  },
  {
    heading: "Defaults of a layer",
    of: "`defaults` of a layer",
    sentence:
      "`defaults` may contain the [options of reads](#reads) except `tags`, `timeout` and `inherit`, and `jitter`.",
    lists: "src/cached/options.ts ReadDefaults"
  },
  {
    heading: "Refreshes",
    of: "`refresh` of a layer",
    sentence: "`refresh` is an object with these options.",
    lists: "src/layers/options.ts RefreshOptions"
  },
  {
    heading: "Layers over a store",
    of: "all layers over a store",
    sentence: "`disk`, `files`, `redis`, `postgres`, `sql`, `objects` and `layerWith` also take these " +
      "options. The last three have an effect if several processes share the store.",
    lists: "src/layers/options.ts LayerOptions"
  },
  {
    heading: "Routed caches",
    of: "`CacheLayer.routed`",
    sentence: "`CacheLayer.routed` makes [one cache of several](several-caches.md#one-cache-made-of-several).",
    lists: "src/layers/routed.ts RoutedOptions"
  },
  {
    heading: "Tiers",
    of: "a tier of `CacheLayer.tiered`",
    sentence: "A tier of `CacheLayer.tiered` is a layer, or an object with these options.",
    lists: "src/layers/tiered.ts TierOptions"
  },
  {
    heading: "Limits of memory",
    of: "`CacheLayer.withHeapLimit`",
    sentence: "`CacheLayer.withHeapLimit` takes these options.",
    lists: "src/layers/withHeapLimit.ts HeapLimitOptions"
  },
  {
    heading: "A folder",
    of: "`CacheLayer.disk`",
    sentence: "`CacheLayer.disk` takes these options.",
    lists: "src/layers/disk.ts DiskOptions"
  },
  {
    heading: "Files",
    of: "`CacheLayer.files`",
    sentence: "`CacheLayer.files` takes these options.",
    lists: "src/layers/files.ts FilesOptions"
  },
  {
    heading: "Redis",
    of: "`CacheLayer.redis`",
    sentence: "`CacheLayer.redis` takes these options.",
    lists: "src/drivers/redis/options.ts ServerOptions, src/drivers/redis/options.ts CommonOptions"
  },
  {
    heading: "Sentinels",
    of: "`sentinel` of `CacheLayer.redis`",
    sentence: "`sentinel` is an object with these options.",
    lists: "src/drivers/redis/options.ts SentinelOptions"
  },
  {
    heading: "PostgreSQL",
    of: "`CacheLayer.postgres` and `CacheLayer.sql`",
    sentence: "`CacheLayer.postgres` and `CacheLayer.sql` take these options.",
    lists: "src/drivers/sql/options.ts SchemaOptions, src/drivers/sql/options.ts StoreOptions"
  },
  {
    heading: "Connections to PostgreSQL",
    of: "`CacheLayer.postgres` alone",
    sentence: "`CacheLayer.postgres` opens connections of its own.",
    lists: "src/drivers/sql/options.ts ConnectionOptions"
  },
  {
    heading: "Buckets",
    of: "`CacheLayer.objects`",
    sentence: "`CacheLayer.objects` takes these options. Its `storeTimeout` is 2 seconds by default.",
    lists: "src/drivers/objects/options.ts BucketOptions"
  },
  {
    heading: "IndexedDB",
    of: "`IndexedDbStore.layer`",
    sentence: "`IndexedDbStore.layer` takes these options.",
    lists: "src/drivers/indexedDb/IndexedDbStore.ts Options"
  },
  {
    heading: "Unstorage",
    of: "`UnstorageStore.layer`",
    sentence: "`UnstorageStore.layer` takes these options.",
    lists: "src/drivers/unstorage/UnstorageStore.ts Options"
  },
  {
    heading: "Persistence of Effect",
    of: "`PersistenceStore.layer`",
    sentence: "`PersistenceStore.layer` takes these options.",
    lists: "src/drivers/persistence/PersistenceStore.ts Options"
  },
  {
    heading: "URLs and variables",
    of: "`CacheConfig.fromUrl`, `CacheConfig.layer`",
    sentence: "`CacheConfig.fromUrl` and `CacheConfig.layer` take these options.",
    lists: "src/config/CacheConfig.ts UrlOptions, src/config/CacheConfig.ts ConfigOptions"
  },
  {
    heading: "Profiles",
    of: "a profile of `CacheProfiles`",
    sentence: "A profile changes the strategy of a key class.",
    lists: "src/layers/profiles.ts Profile"
  },
  {
    heading: "Layers with profiles",
    of: "`CacheProfiles.layer`",
    sentence: "`CacheProfiles.layer` takes these options.",
    lists: "src/CacheProfiles.ts Options"
  },
  {
    heading: "Reads",
    of: "every combinator and cached function",
    sentence: "All combinators and cached functions take these options, and those of their [strategy](strategies.md).",
    lists: "src/cached/options.ts ReadOptions, src/cached/options.ts Timeout"
  },
  {
    heading: "Fallbacks",
    of: "strategies that fall back: `softTtl`, `failover`, those of your own",
    sentence: "`softTtl` and `failover` require `fallbackOn` if the effect can fail in typed ways.",
    lists: "src/cached/options.ts FallbackOptions"
  },
  {
    heading: "Strategies",
    of: "all strategies except `untilInvalidated`",
    sentence: "All strategies except `untilInvalidated` take these options. Those of `sliding` may omit `ttl`.",
    lists: "src/Strategy.ts Options"
  },
  {
    heading: "Soft lifetimes",
    of: "`Cached.softTtl`",
    sentence: "`softTtl` also takes this option.",
    lists: "src/Strategy.ts SoftTtlOptions"
  },
  {
    heading: "Refreshing ahead",
    of: "`Cached.refreshAhead`",
    sentence: "`refreshAhead` also takes this option.",
    lists: "src/Strategy.ts RefreshAheadOptions"
  },
  {
    heading: "Probabilistic refreshes",
    of: "`Cached.probabilistic`",
    sentence: "`probabilistic` also takes this option.",
    lists: "src/Strategy.ts ProbabilisticOptions"
  },
  {
    heading: "Sliding lifetimes",
    of: "`Cached.sliding`",
    sentence: "`sliding` takes these options.",
    lists: "src/Strategy.ts SlidingOptions"
  },
  {
    heading: "A number of hits",
    of: "`Cached.maxHits`",
    sentence: "`maxHits` also takes these options.",
    lists: "src/Strategy.ts MaxHitsOptions"
  },
  {
    heading: "Streams",
    of: "`Cached.stream`",
    sentence: "`Cached.stream` takes the options of `ttl`, `softTtl` or `untilInvalidated`, and these.",
    lists: "src/cached/stream.ts StreamOptions"
  },
  {
    heading: "Key classes",
    of: "`CacheKey.Class`",
    sentence: "`CacheKey.Class` takes these options.",
    lists: "src/CacheKey.ts Options"
  },
  {
    heading: "Key templates",
    of: "`CacheKey.template`",
    sentence: "`CacheKey.template` takes these options.",
    lists: "src/CacheKey.ts TemplateOptions"
  },
  {
    heading: "Writes",
    of: "`Cached.set`, `setMany`",
    sentence: "`Cached.set` and `setMany` take these options.",
    lists: "src/cached/byHand.ts SetOptions"
  },
  {
    heading: "Conditions of writes",
    of: "conditions of `Cached.set`",
    sentence: "`Cached.set` takes one of these conditions.",
    lists: "src/cached/byHand.ts SetCondition",
    kind: "conditions"
  },
  {
    heading: "Updates",
    of: "`Cached.update`",
    sentence: "`Cached.update` takes these options.",
    lists: "src/cached/update.ts UpdateOptions"
  },
  {
    heading: "Sets",
    of: "`Cached.members`",
    sentence: "`Cached.members` takes these options.",
    lists: "src/cached/collections.ts MembersOptions"
  },
  {
    heading: "Bits",
    of: "`Cached.bits`",
    sentence: "`Cached.bits` takes these options.",
    lists: "src/cached/collections.ts BitsOptions"
  },
  {
    heading: "Windows",
    of: "`Cached.countInWindow`",
    sentence: "`Cached.countInWindow` takes these options.",
    lists: "src/cached/collections.ts WindowOptions"
  },
  {
    heading: "Counters",
    of: "`Cached.counter(…).increment`",
    sentence: "`increment` of a counter takes these options.",
    lists: "src/cached/counters.ts IncrementOptions"
  },
  {
    heading: "Invalidation",
    of: "`Cached.invalidate`; `invalidateAfter` takes `mode` alone",
    sentence: "`Cached.invalidate` takes these options, and `Cached.invalidateAfter` takes `mode`.",
    lists: "src/cached/invalidation.ts InvalidateOptions"
  },
  {
    heading: "Warming",
    of: "`Cached.warm`",
    sentence: "`Cached.warm` takes these options.",
    lists: "src/cached/warm.ts WarmOptions"
  },
  {
    heading: "Transforming",
    of: "`Cached.transform`",
    sentence: "`Cached.transform` takes these options.",
    lists: "src/cached/transform.ts TransformOptions"
  },
  {
    heading: "Annotations",
    of: "`Cached.annotate`",
    sentence: "`Cached.annotate` takes these options.",
    lists: "src/cached/duringLoad.ts Annotations"
  },
  {
    heading: "Detecting",
    of: "`Cached.detect`",
    sentence: "`Cached.detect` takes this option.",
    lists: "src/cached/events.ts DetectOptions"
  },
  {
    heading: "Events",
    of: "`Cached.events`",
    sentence: "`Cached.events` takes these options.",
    lists: "src/cached/events.ts EventsOptions"
  },
  {
    heading: "Logging of events",
    of: "`Cached.logEvents`",
    sentence: "`Cached.logEvents` takes this option.",
    lists: "src/cached/logEvents.ts LogEventsOptions"
  },
  {
    heading: "Explanations",
    of: "`Explanation.layer`",
    sentence: "`Explanation.layer` takes these options.",
    lists: "src/explain/Explanation.ts Options"
  },
  {
    heading: "Metrics",
    of: "`CacheMetrics.layer`",
    sentence: "`CacheMetrics.layer` takes these options.",
    lists: "src/CacheMetrics.ts Options"
  },
  {
    heading: "Spans",
    of: "`CacheLayer.withTelemetry`",
    sentence: "`CacheLayer.withTelemetry` takes these options.",
    lists: "src/layers/withTelemetry.ts TelemetryOptions"
  },
  {
    heading: "Calls of a store",
    of: "`Store.tap`",
    sentence: "`Store.tap` takes these options.",
    lists: "src/ports/tapStore.ts TapOptions"
  },
  {
    heading: "Transactions",
    of: "`Transaction.run`",
    sentence: "`Transaction.run` takes these options.",
    lists: "src/Transaction.ts Options"
  },
  {
    heading: "Transactions of a database",
    of: "`Transaction.withSql`",
    sentence: "`Transaction.withSql` takes this option.",
    lists: "src/Transaction.ts SqlOptions"
  },
  {
    heading: "The outbox",
    of: "`Transaction.outbox`",
    sentence: "`Transaction.outbox` takes this option.",
    lists: "src/Transaction.ts OutboxOptions"
  },
  {
    heading: "Policies",
    of: "the calls inside one effect: `CachePolicy`",
    sentence: "[Policies](policies.md) are functions that wrap a part of the program.",
    lists: "src/CachePolicy.ts *",
    kind: "policies"
  },
  {
    heading: "Limits of calls",
    of: "`Guard.rateLimit`, `slidingRateLimit`",
    sentence: "Both limits take these options.",
    lists: "src/guard/guardKey.ts KeyOptions, src/guard/limits.ts LimitOptions, src/guard/place.ts PlaceOptions"
  },
  {
    heading: "Rate limits",
    of: "`Guard.rateLimit` alone",
    sentence: "`Guard.rateLimit` also takes these options.",
    lists: "src/guard/limits.ts RateLimitOptions"
  },
  {
    heading: "Sliding rate limits",
    of: "`Guard.slidingRateLimit` alone",
    sentence: "`Guard.slidingRateLimit` also takes these options.",
    lists: "src/guard/limits.ts SlidingRateLimitOptions"
  },
  {
    heading: "Circuit breakers",
    of: "`Guard.circuitBreaker`",
    sentence: "`Guard.circuitBreaker` takes these options.",
    lists: "src/guard/circuitBreaker.ts CircuitBreakerOptions"
  },
  {
    heading: "Locked effects",
    of: "`Guard.locked`",
    sentence: "`Guard.locked` takes these options.",
    lists: "src/guard/locked.ts LockedOptions"
  },
  {
    heading: "Filters",
    of: "`Guard.bloom`",
    sentence: "`Guard.bloom` takes these options.",
    lists: "src/guard/bloom.ts BloomOptions"
  },
  {
    heading: "Double filters",
    of: "`Guard.dualBloom`",
    sentence: "`Guard.dualBloom` takes these options.",
    lists: "src/guard/bloom.ts DualBloomOptions"
  },
  {
    heading: "Locks",
    of: "`acquire` of a `Lock`",
    sentence: "`acquire` of a lock takes these options.",
    lists: "src/ports/lock.ts AcquireOptions"
  },
  {
    heading: "Serializers",
    of: "`Serializer.make`",
    sentence: "`Serializer.make` takes these options.",
    lists: "src/Serializer.ts Options"
  },
  {
    heading: "Compression",
    of: "`Compressed.make`",
    sentence: "`Compressed.make` takes these options.",
    lists: "src/serializers/Compressed.ts Options"
  },
  {
    heading: "Keys of signatures and encryption",
    of: "`Signed.make`, `Encrypted.make`",
    sentence: "`Signed.make` and `Encrypted.make` take these options.",
    lists: "src/internal/codec/keys.ts Protection"
  },
  {
    heading: "Encryption",
    of: "`Encrypted.make` alone",
    sentence: "`Encrypted.make` also takes this option.",
    lists: "src/serializers/Encrypted.ts Options"
  },
  {
    heading: "CSV",
    of: "`Csv.make`",
    sentence: "`Csv.make` takes these options.",
    lists: "src/serializers/Csv.ts CsvOptions"
  },
  {
    heading: "Parquet",
    of: "`Parquet.make`",
    sentence: "`Parquet.make` takes these options.",
    lists: "src/serializers/Parquet.ts ParquetOptions"
  },
  {
    heading: "The HTTP client",
    of: "`CachedHttpClient.layer`, `wrap`",
    sentence: "`CachedHttpClient.layer` takes these options.",
    lists: "src/http/CachedHttpClient.ts Options, src/http/client/options.ts CommonOptions"
  },
  {
    heading: "The HTTP server",
    of: "`HttpCacheMiddleware.layer`",
    sentence: "`HttpCacheMiddleware.layer` takes these options.",
    lists: "src/http/HttpCacheMiddleware.ts Options, src/http/client/options.ts CommonOptions"
  },
  {
    heading: "Purges",
    of: "`HttpCacheMiddleware.purge`",
    sentence: "`HttpCacheMiddleware.purge` takes these options.",
    lists: "src/http/HttpCacheMiddleware.ts PurgeOptions"
  },
  {
    heading: "Endpoints",
    of: "`HttpCache.annotate`",
    sentence: "`HttpCache.annotate` takes these options.",
    lists: "src/http/endpoints/calls.ts EndpointOptions"
  },
  {
    heading: "Clients and handlers of endpoints",
    of: "`HttpCache.client`, `handlers`",
    sentence: "Clients and handlers of endpoints take these options.",
    lists: "src/http/HttpCache.ts Options"
  },
  {
    heading: "Pipelines",
    of: "`Pipeline.run`",
    sentence: "`Pipeline.run` takes these options.",
    lists: "src/pipeline/Pipeline.ts Options"
  },
  {
    heading: "The inspector",
    of: "`CacheInspector.layer`, `layerHttp`",
    sentence: "Both layers of [the inspector](inspector.md) take these options.",
    lists: "src/inspector/options.ts CommonOptions"
  },
  {
    heading: "The server of the inspector",
    of: "`CacheInspector.layer` alone",
    sentence: "`CacheInspector.layer` also takes these options.",
    lists: "src/inspector/options.ts ServerOptions"
  },
  {
    heading: "The route of the inspector",
    of: "`CacheInspector.layerHttp` alone",
    sentence: "`CacheInspector.layerHttp` also takes these options.",
    lists: "src/inspector/options.ts HttpOptions"
  },
  {
    heading: "A Persistence over the cache",
    of: "`CachePersistence.layerBacking`",
    sentence: "`CachePersistence.layerBacking` is a `Persistence` over the cache.",
    lists: "src/bridges/CachePersistence.ts Options"
  },
  {
    heading: "A Keyv over the cache",
    of: "`KeyvCache.make`",
    sentence: "`KeyvCache.make` makes a Keyv over the cache.",
    lists: "src/bridges/KeyvCache.ts Options"
  },
  {
    heading: "Stores that go wrong",
    of: "`ChaosStore.make`",
    sentence: "`ChaosStore.make` takes these options.",
    lists: "src/testing/ChaosStore.ts Options, src/testing/ChaosStore.ts Faults"
  },
  {
    heading: "Schedulers of tests",
    of: "`SeededScheduler.make`",
    sentence: "`SeededScheduler.make` takes these options.",
    lists: "src/testing/SeededScheduler.ts Options"
  },
  {
    heading: "Simulated caches",
    of: "`simulate`",
    sentence: "`simulate` takes these options.",
    lists: "src/testing/simulate.ts SimulateOptions"
  },
  {
    heading: "Time in tests",
    of: "`withTimePassing`",
    sentence: "`withTimePassing` takes these options.",
    lists: "src/testing/withTimePassing.ts TimeOptions"
  },
  {
    heading: "The store in a folder",
    of: "`SqliteStore.make`",
    sentence: "`SqliteStore.make` takes these options.",
    lists: "src/drivers/sqlite/SqliteStore.ts Options"
  },
  {
    heading: "The store in files",
    of: "`FilesStore.make`",
    sentence: "`FilesStore.make` takes these options.",
    lists: "src/drivers/files/FilesStore.ts Options"
  },
  {
    heading: "Locks and guards in a folder",
    of: "`SqliteLock.layer`, `SqliteGuardStore.layer`",
    sentence: "`SqliteLock.layer` and `SqliteGuardStore.layer` take these options.",
    lists: "src/drivers/sqlite/SqliteLock.ts Options"
  },
  {
    heading: "The store on Redis",
    of: "`RedisStore.make`",
    sentence: "`RedisStore.make` takes the options of the layer, and this one.",
    lists: "src/drivers/redis/RedisStore.ts Options"
  },
  {
    heading: "The store in a bucket",
    of: "`ObjectStore.make`",
    sentence: "`ObjectStore.make` takes the options of the layer, and this one.",
    lists: "src/drivers/objects/ObjectStore.ts Options"
  }
]

/** Lists that say the same as another one, member for member. */
export const sameAs: ReadonlyMap<string, string> = new Map([
  ["src/drivers/sqlite/SqliteGuardStore.ts Options", "src/drivers/sqlite/SqliteLock.ts Options"]
])

export const page = "docs/options.md"

const known = new Map<string, ReadonlyArray<string>>()

/** The members of a list, each with its list. */
export const membersIn = ([file, name]: readonly [string, string]): ReadonlyArray<string> => {
  const list = `${file} ${name}`
  const members = known.get(list) ?? membersOf(file, name).map((one) => `${file} ${name.split(".")[0]} ${one.name}`)
  known.set(list, members)
  return members
}

/** A heading's anchor, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(/\s/g, "-")

interface Place {
  readonly link: string
  readonly members: ReadonlySet<string>
}

/** The sections of the other pages that have tables, with all members that their tables list. */
const placesOf = (textOf: (file: string) => string): ReadonlyArray<Place> =>
  pages.filter((file) => file.startsWith("docs/") && file !== page).flatMap((file) => {
    const text = textOf(file)
    if (!text.includes("<!-- ")) return []
    const [title, ...sections] = text.split(/^#+ /m).slice(1)
    const name = title!.split("\n")[0]!
    return [title!, ...sections].flatMap((section, i) => {
      const members = new Set(listsOf(section).flatMap(membersIn))
      const target = file.slice("docs/".length) + (i === 0 ? "" : `#${anchorOf(section.split("\n")[0]!)}`)
      return members.size === 0 ? [] : [{ link: `[${name}](${target})`, members }]
    })
  })

/** The lists of a part, each as in the comment in front of a table. */
export const listsOfPart = ({ lists }: Part): ReadonlyArray<string> => lists.split(", ")

/** The page, with links to the tables of the other pages. */
export const optionsPage = (textOf: (file: string) => string): string => {
  const places = placesOf(textOf)
  const linkTo = (part: Part): string | undefined => {
    const members = listsOfPart(part).flatMap((list) => membersIn(list.split(" ") as [string, string]))
    return places.find((place) => members.every((member) => place.members.has(member)))?.link
  }
  const rows = parts.flatMap((part) => {
    const link = linkTo(part)
    return link === undefined ? [] : [`| ${part.of} | ${link} |`]
  })
  const tables = parts.filter((part) => linkTo(part) === undefined).map((
    { heading, kind = "options", lists, sentence }
  ) => `## ${heading}\n\n${sentence}\n\n${fill(`<!-- ${kind} ${lists} -->\n<!-- end -->`)}`)
  return [
    "# Options",
    "This page lists every option of the library with its default, or links the page that does. An option that does not " +
    "exist or is invalid causes a `CacheConfigError`, with the name of the nearest option. A layer, key class, function, " +
    "strategy or policy throws it when it is created. An effect made by a combinator dies with it at its first read, before " +
    "loading. `npm run generate` writes this page from the sources.",
    "## How values are written",
    "- **Durations**: `\"10m\"` or `\"1d12h\"` (the units `w d h m s ms`, with the largest first), or Effect's own: " +
    "`\"10 minutes\"`, milliseconds, `Duration.hours(1)`, `\"Infinity\"`.\n" +
    "- **Sizes**: `\"100 MB\"` (1 MB is a million bytes), `\"100 MiB\"` (1 MiB is 1,048,576 bytes), or a number of bytes.",
    ...tables,
    "## On other pages",
    ["| options of | are listed in |", "|---|---|", ...rows].join("\n")
  ].join("\n\n") + "\n"
}
