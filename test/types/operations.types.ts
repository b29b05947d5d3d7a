/** Types that the compiler must infer from operations on entries, and from their models; checked by `tsc`, not run. */
import { Context, type Duration, Effect, type Exit, Option, Schema, type Scope, Stream } from "effect"
import { Cached, CacheError, type CacheEvent, CacheKey, type CachePolicy, Caching, type Strategy } from "effect-cached"
import type { CacheEntry, Store } from "effect-cached/adapters"
import type { Known } from "../../src/CacheEntry.ts"
import { is, same } from "./same.ts"

type Cache = Caching.Caching
type Failure = CacheError.StoreError
class Zone extends Context.Service<Zone, { readonly name: string }>()("Zone") {}
declare const Local: Schema.Codec<Date, string, Zone, Zone>
class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { id: Schema.String },
  success: Schema.Number
}) {}
class Today extends CacheKey.Class<Today>()("Today", { payload: { id: Schema.String }, success: Local }) {}
const key = new Weather({ id: "a" })
const zoned = new Today({ id: "a" })

// ---------------------------------------------------------------------------------------------------------------------
// of one key: values and codecs are the key's
// ---------------------------------------------------------------------------------------------------------------------

is<Effect.Effect<number, never, Cache>>()(Cached.getOption(key).pipe(Effect.map(Option.getOrElse(() => 0))))
is<Effect.Effect<Option.Option<Cached.FoundEntry<number>>, never, Cache>>()(Cached.getEntry(key))
is<Effect.Effect<Option.Option<Cached.FoundEntry<Date>>, never, Zone | Cache>>()(Cached.getEntry(zoned))
is<Effect.Effect<Option.Option<Cached.FoundEntry<unknown>>, never, Cache>>()(Cached.getEntry("k"))
declare const entry: Cached.FoundEntry<number>
same<typeof entry.value, number>(true)
same<typeof entry.writeId, string>(true)
same<typeof entry.etag, string | undefined>(true)
same<typeof entry.outcome, CacheEntry.Outcome>(true)

is<Effect.Effect<boolean, never, Zone | Cache>>()(Cached.has(zoned))
const value35 = Effect.map(Cached.getEntry(zoned), Option.map(({ expiresIn }) => expiresIn))
same<typeof value35, Effect.Effect<Option.Option<Duration.Duration>, never, Zone | Cache>>(true)
is<Effect.Effect<boolean, never, Zone | Cache>>()(Cached.set(zoned, new Date(0), { etag: "x" }))
// A condition is the store's to know, and so is its failure the caller's.
const conditions = [
  Cached.set(key, 1, { ifAbsent: true }),
  Cached.set(key, 1, { ifPresent: true, ttl: "1 hour" }),
  Cached.set("k", "x", { ifUnchanged: entry.writeId, tags: ["t"] })
] as const
same<(typeof conditions)[number], Effect.Effect<boolean, Failure, Cache>>(true)
// A copy is one of the key's value; that of a string key is unknown, so a function may declare its argument.
const copies = [
  Cached.set(key, 1, { copy: "structured" }),
  Cached.set(key, 1, { copy: (value) => value + 1 }),
  Cached.set("k", ["a"], { copy: (list: ReadonlyArray<string>) => [...list] }),
  Cached.setMany([[key, 1]], { copy: (value) => value })
] as const
same<(typeof copies)[number], Effect.Effect<boolean, never, Cache> | Effect.Effect<void, never, Cache>>(true)
// @ts-expect-error - a copy of another value
Cached.set(key, 1, { copy: (value: string) => value })
// @ts-expect-error - the copy of a number is a number
Cached.set(key, 1, { copy: (value) => String(value) })
// @ts-expect-error - no way to copy
Cached.set(key, 1, { copy: "deep" })
is<Effect.Effect<boolean, Failure, Zone | Cache>>()(Cached.set(zoned, new Date(0), { ifAbsent: true }))
is<Effect.Effect<boolean, never, Cache>>()(Cached.touch(zoned, "1 hour"))
is<Effect.Effect<number, Failure, Cache>>()(Cached.counter("visits").increment({ by: -1, ttl: "1 day" }))
const visits = Cached.counter("visits")
same<
  [typeof visits.get, ReturnType<typeof visits.touch>, typeof visits.expiresIn],
  [
    Effect.Effect<number, Failure, Cache>,
    Effect.Effect<boolean, Failure, Cache>,
    Effect.Effect<Option.Option<Duration.Duration>, Failure, Cache>
  ]
>(true)
is<Stream.Stream<Store.NamedCounter, Failure, Cache>>()(Cached.counters("visits:*"))
// @ts-expect-error an unknown option
visits.increment({ to: 5 })
// @ts-expect-error numbers have names, not keys
Cached.counter(key)
is<Effect.Effect<number, Failure, Cache>>()(Cached.counter("visits").increment())

is<Effect.Effect<number, Failure, Cache>>()(Cached.remove({ matching: "user:*" }))
is<Stream.Stream<readonly [key: string, value: unknown], Failure, Cache>>()(Cached.getMatching("user:*"))

// @ts-expect-error a value of another type
Cached.set(key, "x", { ifAbsent: true })
// @ts-expect-error absent or not: there is no other way round
Cached.set(key, 1, { ifAbsent: false })
// @ts-expect-error a `writeId` is a text
Cached.set(key, 1, { ifUnchanged: 1 })
// @ts-expect-error a ttl that is no duration
Cached.set(key, 1, { ttl: "soon" })
// @ts-expect-error for how long
Cached.touch(key)
// @ts-expect-error an unknown option
Cached.counter("visits").increment({ to: 5 })
// @ts-expect-error numbers have names, not keys
Cached.counter(key).increment()
// @ts-expect-error a class is no key
Cached.getOption(Weather)

// ---------------------------------------------------------------------------------------------------------------------
// of the whole cache
// ---------------------------------------------------------------------------------------------------------------------

const entries = Cached.entries("Weather*")
same<typeof entries, Stream.Stream<Known, Failure, Cache>>(true)
const value105 = Stream.map(Cached.entries(), ({ id }) => id)
same<typeof value105, Stream.Stream<string, Failure, Cache>>(true)
is<Effect.Effect<Array<string>, Failure, Cache>>()(
  Stream.map(Cached.entries("a*"), ({ id }) => id).pipe(Stream.take(1), Stream.runCollect)
)
same<typeof Cached.size, Effect.Effect<number, Failure, Cache>>(true)
same<typeof Store.ping, Effect.Effect<void, Failure, Cache>>(true)
same<typeof Cached.clear, Effect.Effect<void, never, Cache>>(true)
same<typeof Cached.stats, Effect.Effect<Caching.Stats, never, Cache>>(true)
same<Caching.Stats["hits"], number>(true)

// @ts-expect-error a pattern is a text
Cached.entries(/a/)
declare const stats: Caching.Stats
// @ts-expect-error counters are the cache's to count
stats.hits = 1

// ---------------------------------------------------------------------------------------------------------------------
// watching
// ---------------------------------------------------------------------------------------------------------------------

is<Stream.Stream<CacheEvent.CacheEvent, never, Cache>>()(Cached.events())
is<Effect.Effect<readonly [result: never, reads: ReadonlyArray<CacheEvent.Detected>], string>>()(
  Effect.fail("down").pipe(Cached.detect)
)
type WithValues = readonly [result: never, reads: ReadonlyArray<CacheEvent.DetectedValue>]
is<Effect.Effect<WithValues, string>>()(Effect.fail("down").pipe(Cached.detect({ values: true })))
is<Effect.Effect<WithValues, string>>()(Cached.detect(Effect.fail("down"), { values: true }))
// @ts-expect-error an option that is none
Cached.detect(Effect.fail("down"), { value: true })
is<Stream.Stream<CacheEvent.ValueEvent, never, Cache>>()(Cached.events({ values: true }))
export const exitOf = (event: CacheEvent.ValueEvent): Exit.Exit<unknown, unknown> | undefined => {
  // @ts-expect-error a miss has no value
  if (event._tag === "Miss") return event.exit
  return event._tag === "Hit" || event._tag === "Evict" ? event.exit : undefined
}
is<Effect.Effect<void, never, Cache | Scope.Scope>>()(Cached.logEvents("Info", { values: true }))
// @ts-expect-error a level that is none
Cached.logEvents("Loud")
const watching = Cached.onRemoval((removal) => Effect.andThen(Zone, Effect.log(removal.id)))
same<typeof watching, Effect.Effect<void, never, Zone | Cache | Scope.Scope>>(true)
const tag = (event: CacheEvent.CacheEvent): string =>
  event._tag === "Hit" ? event.source : event._tag === "Load" ? event.outcome : event._tag
export const tags: ReadonlyArray<string> = [tag({ _tag: "Miss" } as CacheEvent.CacheEvent)]
same<CacheEvent.Removal["exit"], Exit.Exit<unknown, unknown>>(true)

// ---------------------------------------------------------------------------------------------------------------------
// models
// ---------------------------------------------------------------------------------------------------------------------

export const policies: ReadonlyArray<CachePolicy.Operation> = ["get", "set", "remove", "invalidate", "clear"]
export const timing: Strategy.Lifetime = { softTtl: 1, ttl: Infinity }
export const service: Effect.Effect<Caching.Shape, never, Cache> = Caching.Caching
declare const failing: Effect.Effect<number, Failure | CacheError.LoadTimeout>
is<Effect.Effect<number>>()(failing.pipe(
  Effect.catchTag("StoreError", ({ reason }) => {
    same<typeof reason, CacheError.StoreErrorReason>(true)
    return Effect.succeed(0)
  }),
  Effect.catchTag("LoadTimeout", ({ timeoutMillis }) => Effect.succeed(timeoutMillis))
))
export const errors: ReadonlyArray<Error> = [
  new CacheError.StoreError({ store: "x", operation: "get", reason: "Full", cause: "x" }),
  new CacheError.SerializerError({ serializer: "x", operation: "encode", reason: "x" }),
  new CacheError.LockError({ lock: "x", reason: "Lost" }),
  new CacheError.LoadTimeout({ key: "k", timeoutMillis: 1 }),
  new CacheError.CacheCycle({ path: ["k"] }),
  new CacheError.CacheClosed({ key: "k" }),
  new CacheError.CacheConfigError({ message: "x" })
]

// @ts-expect-error no such reason
new CacheError.StoreError({ store: "x", operation: "get", reason: "Tired" })
// @ts-expect-error a serializer encodes or decodes
new CacheError.SerializerError({ serializer: "x", operation: "copy", reason: "x" })
// @ts-expect-error no such operation
export const policy: CachePolicy.Operation = "read"
