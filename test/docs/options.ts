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
  /** The sentence above the table, if it says more than `of`. */
  readonly sentence?: string
  /** The lists, as in the comment in front of a table. */
  readonly lists: string
  readonly kind?: "options" | "conditions"
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
    sentence: "`disk`, `files`, `redis`, `postgres`, `sql`, `objects` and `layer` also take these " +
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
    lists: "src/layers/withHeapLimit.ts HeapLimitOptions"
  },
  {
    heading: "A folder",
    of: "`CacheLayer.disk`",
    lists: "src/layers/disk.ts DiskOptions"
  },
  {
    heading: "Files",
    of: "`CacheLayer.files`",
    lists: "src/layers/files.ts FilesOptions"
  },
  {
    heading: "Redis",
    of: "`CacheLayer.redis`",
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
    of: "`CacheLayer.sql`, `postgres`",
    lists: "src/drivers/shared/sql/options.ts SchemaOptions, src/drivers/shared/sql/options.ts StoreOptions"
  },
  {
    heading: "Connections to PostgreSQL",
    of: "`CacheLayer.postgres`",
    sentence: "`CacheLayer.postgres` opens connections of its own.",
    lists: "src/drivers/shared/sql/options.ts ConnectionOptions"
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
    lists: "src/drivers/indexedDb/IndexedDbStore.ts Options"
  },
  {
    heading: "Unstorage",
    of: "`UnstorageStore.layer`",
    lists: "src/drivers/unstorage/UnstorageStore.ts Options"
  },
  {
    heading: "Persistence of Effect",
    of: "`PersistenceStore.layer`",
    lists: "src/drivers/persistence/PersistenceStore.ts Options"
  },
  {
    heading: "URLs and variables",
    of: "`CacheConfig.fromUrl`, `CacheConfig.layer`",
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
    lists: "src/ports/strategy.ts TtlOptions"
  },
  {
    heading: "Soft lifetimes",
    of: "`Cached.softTtl`",
    lists: "src/ports/strategy.ts SoftTtlOptions"
  },
  {
    heading: "Refreshing ahead",
    of: "`Cached.refreshAhead`",
    lists: "src/ports/strategy.ts RefreshAheadOptions"
  },
  {
    heading: "Probabilistic refreshes",
    of: "`Cached.probabilistic`",
    lists: "src/ports/strategy.ts ProbabilisticOptions"
  },
  {
    heading: "Sliding lifetimes",
    of: "`Cached.sliding`",
    lists: "src/ports/strategy.ts SlidingOptions"
  },
  {
    heading: "A number of hits",
    of: "`Cached.maxHits`",
    lists: "src/ports/strategy.ts MaxHitsOptions"
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
    lists: "src/CacheKey.ts Options"
  },
  {
    heading: "Key templates",
    of: "`CacheKey.template`",
    lists: "src/CacheKey.ts TemplateOptions"
  },
  {
    heading: "Writes",
    of: "`Cached.set`, `setMany`",
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
    lists: "src/cached/update.ts UpdateOptions"
  },
  {
    heading: "Sets",
    of: "`Cached.members`",
    lists: "src/cached/collections.ts MembersOptions"
  },
  {
    heading: "Bits",
    of: "`Cached.bits`",
    lists: "src/cached/collections.ts BitsOptions"
  },
  {
    heading: "Windows",
    of: "`Cached.countInWindow`",
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
    lists: "src/cached/warm.ts WarmOptions"
  },
  {
    heading: "Transforming",
    of: "`Cached.transform`",
    lists: "src/cached/transform.ts TransformOptions"
  },
  {
    heading: "Annotations",
    of: "`Cached.annotate`",
    lists: "src/cached/duringLoad.ts Annotations"
  },
  {
    heading: "Detecting",
    of: "`Cached.detect`",
    lists: "src/cached/events.ts DetectOptions"
  },
  {
    heading: "Events",
    of: "`Cached.events`",
    lists: "src/cached/events.ts EventsOptions"
  },
  {
    heading: "Logging of events",
    of: "`Cached.logEvents`",
    lists: "src/cached/logEvents.ts LogEventsOptions"
  },
  {
    heading: "Explanations",
    of: "`Explanation.layer`",
    lists: "src/explain/Explanation.ts Options"
  },
  {
    heading: "Metrics",
    of: "`CacheMetrics.layer`",
    lists: "src/CacheMetrics.ts Options"
  },
  {
    heading: "Spans",
    of: "`CacheLayer.withTelemetry`",
    lists: "src/layers/withTelemetry.ts TelemetryOptions"
  },
  {
    heading: "Calls of a store",
    of: "`Store.tap`",
    lists: "src/ports/tapStore.ts TapOptions"
  },
  {
    heading: "Transactions",
    of: "`Transaction.run`",
    lists: "src/Transaction.ts Options"
  },
  {
    heading: "Transactions of a database",
    of: "`Transaction.withSql`",
    lists: "src/Transaction.ts SqlOptions"
  },
  {
    heading: "The outbox",
    of: "`Transaction.outbox`",
    lists: "src/Transaction.ts OutboxOptions"
  },
  {
    heading: "Limits of calls",
    of: "`Guard.rateLimit`",
    lists: "src/guard/guardKey.ts KeyOptions, src/guard/limits.ts RateLimitOptions, src/guard/place.ts PlaceOptions"
  },
  {
    heading: "Circuit breakers",
    of: "`Guard.circuitBreaker`",
    lists: "src/guard/circuitBreaker.ts CircuitBreakerOptions"
  },
  {
    heading: "Locked effects",
    of: "`Guard.locked`",
    lists: "src/guard/locked.ts LockedOptions"
  },
  {
    heading: "Filters",
    of: "`Guard.bloom`",
    lists: "src/guard/bloom.ts BloomOptions"
  },
  {
    heading: "Double filters",
    of: "`Guard.dualBloom`",
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
    lists: "src/Serializer.ts Options"
  },
  {
    heading: "Compression",
    of: "`Compressed.make`",
    lists: "src/serializers/Compressed.ts Options"
  },
  {
    heading: "Keys of signatures and encryption",
    of: "`Signed.make`, `Encrypted.make`",
    lists: "src/internal/codec/keys.ts Protection"
  },
  {
    heading: "Encryption",
    of: "`Encrypted.make`",
    lists: "src/serializers/Encrypted.ts Options"
  },
  {
    heading: "CSV",
    of: "`Csv.with`",
    lists: "src/serializers/Csv.ts CsvOptions"
  },
  {
    heading: "Parquet",
    of: "`Parquet.with`",
    lists: "src/serializers/Parquet.ts ParquetOptions"
  },
  {
    heading: "The HTTP client",
    of: "`CachedHttpClient.layer`, `wrap`",
    lists: "src/http/CachedHttpClient.ts Options, src/http/client/options.ts CommonOptions"
  },
  {
    heading: "The HTTP server",
    of: "`HttpCacheMiddleware.layer`",
    lists: "src/http/HttpCacheMiddleware.ts Options, src/http/client/options.ts CommonOptions"
  },
  {
    heading: "Purges",
    of: "`HttpCacheMiddleware.purge`",
    lists: "src/http/HttpCacheMiddleware.ts PurgeOptions"
  },
  {
    heading: "Endpoints",
    of: "`HttpCache.annotate`",
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
    of: "`CacheInspector.layer`",
    lists: "src/inspector/options.ts ServerOptions"
  },
  {
    heading: "The route of the inspector",
    of: "`CacheInspector.layerHttp`",
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
    lists: "src/testing/ChaosStore.ts Options, src/testing/ChaosStore.ts Faults"
  },
  {
    heading: "Schedulers of tests",
    of: "`SeededScheduler.make`",
    lists: "src/testing/SeededScheduler.ts Options"
  },
  {
    heading: "Simulated caches",
    of: "`simulate`",
    lists: "src/testing/simulate.ts SimulateOptions"
  },
  {
    heading: "Time in tests",
    of: "`withTimePassing`",
    lists: "src/testing/withTimePassing.ts TimeOptions"
  },
  {
    heading: "The store in a folder",
    of: "`SqliteStore.layer`",
    sentence: "`SqliteStore.layer` takes the options of `CacheLayer.disk` from `directory` on, and:",
    lists: "src/drivers/sqlite/SqliteStore.ts Options.storeTimeout"
  },
  {
    heading: "The store on Redis",
    of: "`RedisStore.layer`",
    sentence: "`RedisStore.layer` takes the options of the layer, and this one.",
    lists: "src/drivers/redis/RedisStore.ts Options"
  },
  {
    heading: "The store in a bucket",
    of: "`ObjectStore.layer`",
    sentence: "`ObjectStore.layer` takes the options of the layer, and this one.",
    lists: "src/drivers/objects/ObjectStore.ts Options"
  }
]

/** Lists of stores whose options a layer over the store has too, with the list of that layer. */
export const partsOfOthers: ReadonlyMap<string, string> = new Map([
  ["src/drivers/sqlite/SqliteStore.ts Options", "src/layers/disk.ts DiskOptions"],
  ["src/drivers/sqlite/SqliteGuards.ts Options", "src/layers/disk.ts DiskOptions"],
  ["src/drivers/files/FilesStore.ts Options", "src/layers/files.ts FilesOptions"]
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
  const linkTo = (list: string): string | undefined => {
    const members = membersIn(list.split(" ") as [string, string])
    return places.find((place) => members.every((member) => place.members.has(member)))?.link
  }
  const listed = parts.flatMap((part) => listsOfPart(part).map((list) => ({ of: part.of, link: linkTo(list) })))
  const elsewhere = [...new Set(listed.map(({ link }) => link))].flatMap((link) => {
    const those = listed.filter((one) => one.link === link).map(({ of }) => of)
    return link === undefined ? [] : [`- ${link}: ${[...new Set(those)].join("; ")}`]
  })
  const tables = parts.flatMap(({ kind = "options", ...part }) => {
    const here = listsOfPart(part).filter((list) => linkTo(list) === undefined)
    if (here.length === 0) return []
    const table = fill(`<!-- ${kind} ${here.join(", ")} -->\n<!-- end -->`).split("\n").slice(2, -2).join("\n")
    return [`## ${part.heading}\n\n${part.sentence ?? `${part.of}:`}\n\n${table}`]
  })
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
    elsewhere.join("\n")
  ].join("\n\n") + "\n"
}
