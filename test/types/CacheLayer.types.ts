/**
 * Types that the compiler must infer from layers, and from several caches in one program; checked by `tsc`, not run.
 */
import { Context, Effect, Layer, ManagedRuntime, type Option, Schedule, Schema, Stream } from "effect"
import { Cached, type CacheError, CacheKey, CacheLayer, CachePolicy, Caching, type Strategy } from "effect-cached"
import { type Serializer, type Store, Weigher } from "effect-cached/adapters"
import * as CacheReactivity from "effect-cached/CacheReactivity"
import { RecordingCache } from "effect-cached/testing"
import type { Reactivity } from "effect/reactivity"
import { is, same } from "./same.ts"

type Cache = Caching.Caching
class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Client extends Context.Service<Client, { readonly url: string }>()("Client") {}
class Pages extends Context.Service<Pages, Caching.Shape>()("Pages") {}
class Users extends Context.Service<Users, Caching.Shape>()("Users") {}
class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { id: Schema.String },
  success: Schema.Number,
  error: Down
}) {}
declare const load: Effect.Effect<number, Down, Client>
declare const serializer: Serializer.Serializer
declare const broken: Layer.Layer<Store.Store, CacheError.StoreError, Client>

// ---------------------------------------------------------------------------------------------------------------------
// every ready-made layer
// ---------------------------------------------------------------------------------------------------------------------

const files = CacheLayer.files({ directory: "x", serializer, maxSize: "1 MB", capacity: 1, eviction: "fifo" })
same<typeof files, Layer.Layer<Cache, CacheError.StoreError>>(true)
is<Layer.Layer<Cache, CacheError.StoreError>>()(CacheLayer.disk({
  directory: "x",
  maxSize: 1_000_000n,
  memory: true,
  capacity: Infinity,
  eviction: "leastRecentlyUpdated",
  storeTimeout: "1 second",
  lease: 5000,
  wait: "10 seconds",
  maxStaleness: "1 minute",
  shutdownTimeout: "1 second",
  inherit: "refuse",
  refresh: { concurrency: 1, timeout: "1 minute", retry: Schedule.recurs(1) }
}))
is<Layer.Layer<Cache, never, Store.Store>>()(
  CacheLayer.layer({ capacity: undefined, refresh: undefined, lease: undefined })
)
const overBroken = CacheLayer.layer().pipe(Layer.provide(broken))
same<typeof overBroken, Layer.Layer<Cache, CacheError.StoreError, Client>>(true)
const made = Caching.make(Caching.defaults)
export const shape: Effect.Effect<Caching.Shape, never, unknown> = made
export const disabled: Caching.Shape = Caching.disabled
// A cache is handed on, and used through `Cached` alone.
same<keyof Caching.Shape, "~effect-cached/Caching">(true)
// @ts-expect-error: only a layer, `make` and `disabled` give one
export const homemade: Caching.Shape = {}

for (const size of ["1 MB", "1MB", "100mb", "1.5 GiB", 1_000_000, 1_000_000n] as const) {
  CacheLayer.memory({ maxWeight: size, weigher: Weigher.bytes })
  CacheLayer.disk({ directory: "x", maxSize: size, maxValue: size })
  CacheLayer.memory().pipe(CacheLayer.withQuotas({ Page: size }))
  Weigher.atMost(Weigher.bytes, size)
  Cached.resize(size)
}
// @ts-expect-error no size
CacheLayer.memory({ maxWeight: "much", weigher: Weigher.bytes })

// @ts-expect-error no way to inherit
CacheLayer.memory({ inherit: true })
// @ts-expect-error an unknown option
CacheLayer.disk({ directory: "x", maxsize: 1 })
// @ts-expect-error a number is no size of text
CacheLayer.disk({ directory: "x", maxSize: true })
// @ts-expect-error no directory
CacheLayer.files({ serializer })
// @ts-expect-error a serializer by name
CacheLayer.files({ directory: "x", serializer: "json" })
// @ts-expect-error the options of files are not those of disk
CacheLayer.disk({ directory: "x", serializer })
// @ts-expect-error a lease that is no duration
CacheLayer.layer({ lease: "long" })
// @ts-expect-error a folder's option
CacheLayer.layer({ directory: "x" })
// @ts-expect-error a retry that is no schedule
CacheLayer.layer({ refresh: { retry: 3 } })
// @ts-expect-error a store is needed
export const alone: Layer.Layer<Cache> = CacheLayer.layer()

// ---------------------------------------------------------------------------------------------------------------------
// a cache with a name
// ---------------------------------------------------------------------------------------------------------------------

const pages = CacheLayer.named(Pages, CacheLayer.memory())
same<typeof pages, Layer.Layer<Pages>>(true)
is<Layer.Layer<Pages, CacheError.StoreError>>()(CacheLayer.named(Pages, CacheLayer.disk({ directory: "x" })))
is<Layer.Layer<Users, never, Store.Store>>()(CacheLayer.named(Users, CacheLayer.layer()))
is<Layer.Layer<Users, CacheError.StoreError, Client>>()(CacheLayer.named(Users, overBroken))
is<Layer.Layer<Pages | Reactivity.Reactivity>>()(CacheLayer.named(Pages, CacheReactivity.layer(CacheLayer.memory())))
is<Layer.Layer<Pages | RecordingCache, never, Store.Store>>()(
  CacheLayer.named(Pages, RecordingCache.layer(CacheLayer.layer()))
)

// @ts-expect-error a layer that gives no cache
CacheLayer.named(Pages, Layer.succeed(Client, { url: "" }))
// @ts-expect-error a service that is no cache
CacheLayer.named(Client, CacheLayer.memory())
// @ts-expect-error a text is no name
CacheLayer.named("Pages", CacheLayer.memory())

// ---------------------------------------------------------------------------------------------------------------------
// what uses it
// ---------------------------------------------------------------------------------------------------------------------

type OfPages = Effect.Effect<number, Down, Client | Pages>
const cached = load.pipe(Cached.ttl("k", { ttl: 1 }))
const piped = cached.pipe(Cached.withCache(Pages))
same<typeof piped, OfPages>(true)
is<OfPages>()(load.pipe(Cached.ttl(new Weather({ id: "x" }), { ttl: 1 }), Cached.withCache(Pages)))
const value120 = Cached.withCache(cached, Pages)
same<typeof value120, OfPages>(true)
const usesPages = Cached.withCache(Pages)
is<OfPages>()(cached.pipe(usesPages))
is<Effect.Effect<number, Down, Client | Pages | Users>>()(cached.pipe(Cached.withCache(Pages), Cached.withCache(Users)))
const value124 = Effect.zip(piped, cached)
same<typeof value124, Effect.Effect<[number, number], Down, Client | Pages | Cache>>(true)
const strict = cached.pipe(CachePolicy.strict, Cached.withCache(Pages))
type Faults = CacheError.StoreError | CacheError.SerializerError
same<typeof strict, Effect.Effect<number, Down | Faults, Client | Pages>>(true)
is<Effect.Effect<Option.Option<unknown>, never, Pages>>()(Cached.getOption("k").pipe(Cached.withCache(Pages)))
is<Effect.Effect<Caching.Stats, never, Pages>>()(Cached.stats.pipe(Cached.withCache(Pages)))
is<Stream.Stream<string, CacheError.StoreError, Pages>>()(
  Stream.map(Cached.entries("a*"), ({ id }) => id).pipe(Cached.withCache(Pages))
)

const weather = Cached.fn(Weather, () => load, { ttl: 1 })
const itsWeather = Cached.withCache(weather, Pages)
const read = itsWeather({ id: "x" })
same<typeof read, OfPages>(true)
is<OfPages>()(itsWeather.refresh({ id: "x" }))
is<Effect.Effect<void, never, Pages>>()(itsWeather.invalidate({ id: "x" }))
const key = itsWeather.key({ id: "x" })
same<typeof key, Weather>(true)
const own = Cached.withCache((id: string, days?: number) => Effect.as(cached, [id, days] as const), Pages)
is<Effect.Effect<readonly [string, number | undefined], Down, Client | Pages>>()(own("x"))

// @ts-expect-error a payload of another type
itsWeather({ id: 1 })
// @ts-expect-error the cache with this name is needed
export const needs: Effect.Effect<number, Down, Client> = piped
// @ts-expect-error the program's own cache is not the one that is needed
export const provided: Effect.Effect<number, Down, Client> = piped.pipe(Effect.provide(CacheLayer.memory()))
// @ts-expect-error a service that is no cache
cached.pipe(Cached.withCache(Client))
// @ts-expect-error a value uses no cache
Cached.withCache(5, Pages)
export const run: Effect.Effect<number, Down, Client> = piped.pipe(Effect.provide(pages))

// ---------------------------------------------------------------------------------------------------------------------
// from plain async code
// ---------------------------------------------------------------------------------------------------------------------

const runtime = ManagedRuntime.make(Layer.merge(CacheLayer.disk({ directory: "x" }), pages))
same<typeof runtime, ManagedRuntime.ManagedRuntime<Cache | Pages, CacheError.StoreError>>(true)
const promised = () => runtime.runPromise(Effect.succeed(1).pipe(Cached.ttl("k", { ttl: 1 })))
same<typeof promised, () => Promise<number>>(true)
// @ts-expect-error its layer does not give what the load needs
export const missing = () => runtime.runPromise(cached)

// ---------------------------------------------------------------------------------------------------------------------
// what a layer says for all reads
// ---------------------------------------------------------------------------------------------------------------------

const defaults: Cached.ReadDefaults = {
  retryAfter: "30s",
  jitter: 0.1,
  softTimeout: (key) => typeof key === "string" ? key.length : "1s",
  fallbackOn: ["Down"],
  copy: "structured",
  memoryTtl: "1m",
  minLoad: "10ms",
  shareLoad: false
}
CacheLayer.memory({ strategy: { ttl: "10m" }, defaults })
CacheLayer.disk({
  directory: "x",
  strategy: { strategy: "maxHits", hits: 3, refreshAfter: 1, ttl: "24 hours" },
  defaults: { copy: (value) => value }
})

is<Effect.Effect<number, Down, Client | Cache>>()(load.pipe(Cached.withStrategy(new Weather({ id: "x" }))))
const value190 = Cached.withStrategy(load, "k", { timeout: "1s" })
same<typeof value190, Effect.Effect<number, Down | CacheError.LoadTimeout, Client | Cache>>(true)

// @ts-expect-error it would change the failures of every read
CacheLayer.memory({ defaults: { timeout: "1s" } })
// @ts-expect-error tags belong to one result
CacheLayer.memory({ defaults: { tags: ["a"] } })
// @ts-expect-error an option of the layer itself
CacheLayer.memory({ defaults: { inherit: false } })
const ofText: Strategy.Input<string> = { ttl: (exit) => exit._tag === "Success" ? exit.value.length : 1 }
// @ts-expect-error a strategy of one value alone
CacheLayer.memory({ strategy: ofText })
// @ts-expect-error a function names its strategy
Cached.fn(Weather, () => load)
