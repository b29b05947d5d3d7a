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
  readonly sentence?: string | undefined
  /** The lists, as in the comment in front of a table. */
  readonly lists: string
}

const rows: ReadonlyArray<readonly [heading: string, of: string, lists: string, sentence?: string]> = [
  [
    "Layers",
    "`CacheLayer.memory` and all other layers",
    "src/layers/options.ts MemoryOptions",
    "`CacheLayer.memory` and all other layers take these options."
  ],
  [
    "Defaults of a layer",
    "`defaults` of a layer",
    "src/cached/options.ts ReadDefaults",
    "`defaults` may contain the [options of reads](#reads) except `tags`, `timeout` and `inherit`, and `jitter`."
  ],
  [
    "Refreshes",
    "`refresh` of a layer",
    "src/layers/options.ts RefreshOptions",
    "`refresh` is an object with these options."
  ],
  [
    "Layers over a store",
    "all layers over a store",
    "src/layers/options.ts LayerOptions",
    "`disk`, `files`, `redis`, `postgres`, `sql`, `objects` and `layer` also take these options. The last three have an effect if several processes share the store."
  ],
  [
    "Routed caches",
    "`CacheLayer.routed`",
    "src/layers/routed.ts RoutedOptions",
    "`CacheLayer.routed` makes [one cache of several](several-caches.md#one-cache-made-of-several)."
  ],
  [
    "Tiers",
    "a tier of `CacheLayer.tiered`",
    "src/layers/tiered.ts TierOptions",
    "A tier of `CacheLayer.tiered` is a layer, or an object with these options."
  ],
  ["Limits of memory", "`CacheLayer.withHeapLimit`", "src/layers/withHeapLimit.ts HeapLimitOptions"],
  ["A folder", "`CacheLayer.disk`", "src/layers/disk.ts DiskOptions"],
  ["Files", "`CacheLayer.files`", "src/layers/files.ts FilesOptions"],
  [
    "Redis",
    "`CacheLayer.redis`",
    "src/drivers/redis/options.ts ServerOptions, src/drivers/redis/options.ts CommonOptions"
  ],
  [
    "Sentinels",
    "`sentinel` of `CacheLayer.redis`",
    "src/drivers/redis/options.ts SentinelOptions",
    "`sentinel` is an object with these options."
  ],
  [
    "PostgreSQL",
    "`CacheLayer.sql`, `postgres`",
    "src/drivers/shared/sql/options.ts SchemaOptions, src/drivers/shared/sql/options.ts StoreOptions"
  ],
  [
    "Connections to PostgreSQL",
    "`CacheLayer.postgres`",
    "src/drivers/shared/sql/options.ts ConnectionOptions",
    "`CacheLayer.postgres` opens connections of its own."
  ],
  [
    "Buckets",
    "`CacheLayer.objects`",
    "src/drivers/objects/options.ts BucketOptions",
    "`CacheLayer.objects` takes these options. Its `storeTimeout` is 2 seconds by default."
  ],
  ["IndexedDB", "`IndexedDbStore.layer`", "src/drivers/indexedDb/IndexedDbStore.ts Options"],
  ["Unstorage", "`UnstorageStore.layer`", "src/drivers/unstorage/UnstorageStore.ts Options"],
  ["Persistence of Effect", "`PersistenceStore.layer`", "src/drivers/persistence/PersistenceStore.ts Options"],
  [
    "URLs and variables",
    "`CacheConfig.fromUrl`, `CacheConfig.layer`",
    "src/config/CacheConfig.ts UrlOptions, src/config/CacheConfig.ts ConfigOptions"
  ],
  [
    "Profiles",
    "a profile of `CacheProfiles`",
    "src/layers/profiles.ts Profile",
    "A profile changes the strategy of a key class."
  ],
  ["Layers with profiles", "`CacheProfiles.layer`", "src/CacheProfiles.ts Options"],
  [
    "Reads",
    "every combinator and cached function",
    "src/cached/options.ts ReadOptions, src/cached/options.ts Timeout",
    "All combinators and cached functions take these options, and those of their [strategy](strategies.md)."
  ],
  [
    "Fallbacks",
    "strategies that fall back: `softTtl`, `failover`, those of your own",
    "src/cached/options.ts FallbackOptions",
    "`softTtl` and `failover` require `fallbackOn` if the effect can fail in typed ways."
  ],
  [
    "Strategies",
    "all strategies except `untilInvalidated`",
    "src/ports/strategy.ts TtlOptions",
    "All strategies except `untilInvalidated` take these options. Those of `sliding` may omit `ttl`."
  ],
  ["Soft lifetimes", "`Cached.softTtl`", "src/ports/strategy.ts SoftTtlOptions"],
  ["Refreshing ahead", "`Cached.refreshAhead`", "src/ports/strategy.ts RefreshAheadOptions"],
  ["Probabilistic refreshes", "`Cached.probabilistic`", "src/ports/strategy.ts ProbabilisticOptions"],
  ["Sliding lifetimes", "`Cached.sliding`", "src/ports/strategy.ts SlidingOptions"],
  ["A number of hits", "`Cached.maxHits`", "src/ports/strategy.ts MaxHitsOptions"],
  [
    "Streams",
    "`Cached.stream`",
    "src/cached/stream.ts StreamOptions",
    "`Cached.stream` takes the options of `ttl`, `softTtl` or `untilInvalidated`, and these."
  ],
  ["Key classes", "`CacheKey.Class`", "src/CacheKey.ts Options"],
  ["Key templates", "`CacheKey.template`", "src/CacheKey.ts TemplateOptions"],
  ["Writes", "`Cached.set`, `setMany`", "src/cached/byHand.ts SetOptions"],
  [
    "Conditions of writes",
    "conditions of `Cached.set`",
    "src/cached/byHand.ts SetCondition",
    "`Cached.set` takes one of these conditions."
  ],
  ["Updates", "`Cached.update`", "src/cached/update.ts UpdateOptions"],
  ["Sets", "`Cached.members`", "src/cached/collections.ts MembersOptions"],
  ["Bits", "`Cached.bits`", "src/cached/collections.ts BitsOptions"],
  ["Windows", "`Cached.countInWindow`", "src/cached/collections.ts WindowOptions"],
  [
    "Counters",
    "`Cached.counter(…).increment`",
    "src/cached/counters.ts IncrementOptions",
    "`increment` of a counter takes these options."
  ],
  [
    "Invalidation",
    "`Cached.invalidate`; `invalidateAfter` takes `mode` alone",
    "src/cached/invalidation.ts InvalidateOptions",
    "`Cached.invalidate` takes these options, and `Cached.invalidateAfter` takes `mode`."
  ],
  ["Warming", "`Cached.warm`", "src/cached/warm.ts WarmOptions"],
  ["Transforming", "`Cached.transform`", "src/cached/transform.ts TransformOptions"],
  ["Annotations", "`Cached.annotate`", "src/cached/duringLoad.ts Annotations"],
  ["Detecting", "`Cached.detect`", "src/cached/events.ts DetectOptions"],
  ["Events", "`Cached.events`", "src/cached/events.ts EventsOptions"],
  ["Logging of events", "`Cached.logEvents`", "src/cached/logEvents.ts LogEventsOptions"],
  ["Explanations", "`Explanation.layer`", "src/explain/Explanation.ts Options"],
  ["Metrics", "`CacheMetrics.layer`", "src/CacheMetrics.ts Options"],
  ["Spans", "`CacheLayer.withTelemetry`", "src/layers/withTelemetry.ts TelemetryOptions"],
  ["Calls of a store", "`Store.tap`", "src/ports/tapStore.ts TapOptions"],
  ["Transactions", "`Transaction.run`", "src/Transaction.ts Options"],
  ["Transactions of a database", "`Transaction.withSql`", "src/Transaction.ts SqlOptions"],
  ["The outbox", "`Transaction.outbox`", "src/Transaction.ts OutboxOptions"],
  [
    "Limits of calls",
    "`Guard.rateLimit`",
    "src/guard/guardKey.ts KeyOptions, src/guard/limits.ts RateLimitOptions, src/guard/place.ts PlaceOptions"
  ],
  ["Circuit breakers", "`Guard.circuitBreaker`", "src/guard/circuitBreaker.ts CircuitBreakerOptions"],
  ["Locked effects", "`Guard.locked`", "src/guard/locked.ts LockedOptions"],
  ["Filters", "`Guard.bloom`", "src/guard/bloom.ts BloomOptions"],
  ["Double filters", "`Guard.dualBloom`", "src/guard/bloom.ts DualBloomOptions"],
  ["Locks", "`acquire` of a `Lock`", "src/ports/lock.ts AcquireOptions", "`acquire` of a lock takes these options."],
  ["Serializers", "`Serializer.make`", "src/Serializer.ts Options"],
  ["Compression", "`Compressed.make`", "src/serializers/Compressed.ts Options"],
  ["Keys of signatures and encryption", "`Signed.make`, `Encrypted.make`", "src/internal/codec/keys.ts Protection"],
  ["Encryption", "`Encrypted.make`", "src/serializers/Encrypted.ts Options"],
  ["CSV", "`Csv.with`", "src/serializers/Csv.ts CsvOptions"],
  ["Parquet", "`Parquet.with`", "src/serializers/Parquet.ts ParquetOptions"],
  [
    "The HTTP client",
    "`CachedHttpClient.layer`, `wrap`",
    "src/http/CachedHttpClient.ts Options, src/http/client/options.ts CommonOptions"
  ],
  [
    "The HTTP server",
    "`HttpCacheMiddleware.layer`",
    "src/http/HttpCacheMiddleware.ts Options, src/http/client/options.ts CommonOptions"
  ],
  ["Purges", "`HttpCacheMiddleware.purge`", "src/http/HttpCacheMiddleware.ts PurgeOptions"],
  ["Endpoints", "`HttpCache.annotate`", "src/http/endpoints/calls.ts EndpointOptions"],
  [
    "Clients and handlers of endpoints",
    "`HttpCache.client`, `handlers`",
    "src/http/HttpCache.ts Options",
    "Clients and handlers of endpoints take these options."
  ],
  ["Pipelines", "`Pipeline.run`", "src/pipeline/Pipeline.ts Options"],
  [
    "The inspector",
    "`CacheInspector.layer`, `layerHttp`",
    "src/inspector/options.ts CommonOptions",
    "Both layers of [the inspector](inspector.md) take these options."
  ],
  ["The server of the inspector", "`CacheInspector.layer`", "src/inspector/options.ts ServerOptions"],
  ["The route of the inspector", "`CacheInspector.layerHttp`", "src/inspector/options.ts HttpOptions"],
  [
    "A Persistence over the cache",
    "`CachePersistence.layerBacking`",
    "src/bridges/CachePersistence.ts Options",
    "`CachePersistence.layerBacking` is a `Persistence` over the cache."
  ],
  [
    "A Keyv over the cache",
    "`KeyvCache.make`",
    "src/bridges/KeyvCache.ts Options",
    "`KeyvCache.make` makes a Keyv over the cache."
  ],
  ["Stores that go wrong", "`ChaosStore.make`", "src/testing/ChaosStore.ts Options, src/testing/ChaosStore.ts Faults"],
  ["Schedulers of tests", "`SeededScheduler.make`", "src/testing/SeededScheduler.ts Options"],
  ["Simulated caches", "`simulate`", "src/testing/simulate.ts SimulateOptions"],
  ["Time in tests", "`withTimePassing`", "src/testing/withTimePassing.ts TimeOptions"],
  [
    "The store in a folder",
    "`SqliteStore.layer`",
    "src/drivers/sqlite/SqliteStore.ts Options.storeTimeout",
    "`SqliteStore.layer` takes the options of `CacheLayer.disk` from `directory` on, and:"
  ],
  [
    "The store on Redis",
    "`RedisStore.layer`",
    "src/drivers/redis/RedisStore.ts Options",
    "`RedisStore.layer` takes the options of the layer, and this one."
  ],
  [
    "The store in a bucket",
    "`ObjectStore.layer`",
    "src/drivers/objects/ObjectStore.ts Options",
    "`ObjectStore.layer` takes the options of the layer, and this one."
  ]
]

export const parts: ReadonlyArray<Part> = rows.map(([heading, of, lists, sentence]) => ({
  heading,
  of,
  lists,
  sentence
}))

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
  const tables = parts.flatMap((part) => {
    const here = listsOfPart(part).filter((list) => linkTo(list) === undefined)
    if (here.length === 0) return []
    const table = fill(
      `<!-- ${part.lists.endsWith("Condition") ? "conditions" : "options"} ${here.join(", ")} -->\n<!-- end -->`
    ).split("\n").slice(2, -2).join("\n")
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
