/** What the compiler must infer from the language; checked by `tsc`, not run. */
import { type Cause, Context, Duration, Effect, Exit, type Option, Schema, type Scope, Stream } from "effect"
import { Cached, type CacheError, type CacheEvent, CacheKey, type Caching, Strategy } from "effect-cached"

type Same<X, Y> = (<T>() => T extends X ? 1 : 2) extends (<T>() => T extends Y ? 1 : 2) ? true : false
const same = <X, Y>(_: Same<X, Y>) => {}

type Cache = Caching.Caching
type LoadTimeout = CacheError.LoadTimeout

class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Http extends Schema.TaggedError<Http>()("Http", {}) {}
class Client extends Context.Service<Client, { readonly url: string }>()("Client") {}
class Zone extends Context.Service<Zone, { readonly name: string }>()("Zone") {}
declare const Local: Schema.Codec<Date, string, Zone, Zone>

class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { id: Schema.String, days: Schema.Number },
  success: Schema.Number,
  error: Down
}) {}
class Settings extends CacheKey.Class<Settings>()("Settings", { success: Schema.String }) {}
class Today extends CacheKey.Class<Today>()("Today", { payload: { id: Schema.String }, success: Local }) {}

declare const load: Effect.Effect<number, Down | Http, Client>
declare const five: Effect.Effect<5, Http>
declare const scoped: Effect.Effect<number, never, Scope.Scope | Client>
const key = new Weather({ id: "a", days: 1 })

type Loaded = Effect.Effect<number, Down | Http, Client | Cache>
type TimedOut = Effect.Effect<number, Down | Http | LoadTimeout, Client | Cache>

// ---------------------------------------------------------------------------------------------------------------------
// inference of values, errors and services: piped, data-first, reused, with a key and with a string
// ---------------------------------------------------------------------------------------------------------------------

const piped = load.pipe(Cached.ttl({ key, ttl: 1 }))
same<typeof piped, Loaded>(true)
const dataFirst = Cached.ttl(load, { key, ttl: 1 })
same<typeof dataFirst, Loaded>(true)
const byText = load.pipe(Cached.ttl({ key: "k", ttl: "1 hour" }))
same<typeof byText, Loaded>(true)
const byTextFirst = Cached.ttl(load, { key: "k", ttl: Duration.hours(1) })
same<typeof byTextFirst, Loaded>(true)

const withKey = Cached.ttl({ key, ttl: 1 })
const reusedKey = load.pipe(withKey)
same<typeof reusedKey, Loaded>(true)
const withText = Cached.ttl({ key: "k", ttl: 1, tags: ["a"] })
const reusedText = load.pipe(withText)
same<typeof reusedText, Loaded>(true)
const reusedElsewhere = five.pipe(withText)
same<typeof reusedElsewhere, Effect.Effect<5, Http, Cache>>(true)

// the value may be narrower than the key's: what comes back is the key's
const narrower = five.pipe(Cached.ttl({ key, ttl: 1 }))
same<typeof narrower, Effect.Effect<number, Down | Http, Cache>>(true)
// the services of the key's codecs are needed
const zoned = Effect.succeed(new Date()).pipe(Cached.ttl({ key: new Today({ id: "x" }), ttl: 1 }))
same<typeof zoned, Effect.Effect<Date, never, Zone | Cache>>(true)
// a load has a scope of its own
const ownScope = scoped.pipe(Cached.ttl({ key: "k", ttl: 1 }))
same<typeof ownScope, Effect.Effect<number, never, Client | Cache>>(true)
const ownScopeKey = Cached.ttl(scoped, { key, ttl: 1 })
same<typeof ownScopeKey, Effect.Effect<number, Down, Client | Cache>>(true)

// ---------------------------------------------------------------------------------------------------------------------
// each combinator
// ---------------------------------------------------------------------------------------------------------------------

const all = [
  load.pipe(Cached.softTtl({ key, ttl: 2, softTtl: 1, softTimeout: 1, fallbackWhen: () => true, retryAfter: 1 })),
  load.pipe(Cached.softTtl({ key: "k", ttl: 2, softTtl: 1, softTimeout: "1 second" })),
  Cached.softTtl(load, { key, ttl: 2, softTtl: 1 }),
  load.pipe(Cached.refreshAhead({ key, ttl: 2, refreshAfter: 1, jitter: 0.1 })),
  load.pipe(Cached.refreshAhead({ key: "k", ttl: 2, refreshAfter: 1, jitter: 0.1 })),
  load.pipe(Cached.probabilistic({ key, ttl: 2, beta: 1.5 })),
  load.pipe(Cached.probabilistic({ key: "k", ttl: 2 })),
  load.pipe(
    Cached.failover({ key, ttl: 2, fallbackWhen: (cause: Cause.Cause<Http | Down>) => cause.reasons.length > 0 })
  ),
  load.pipe(Cached.failover({ key: "k", ttl: 2 })),
  load.pipe(Cached.untilInvalidated({ key })),
  load.pipe(Cached.untilInvalidated({ key: "k", tags: ["a"] })),
  load.pipe(Cached.withStrategy({ key, strategy: Strategy.untilInvalidated })),
  load.pipe(Cached.withStrategy({ key: "k", strategy: Strategy.ttl({ ttl: 1 }), softTimeout: 1 })),
  Cached.withStrategy(load, { key, strategy: Strategy.softTtl({ ttl: 2, softTtl: 1 }), fallbackWhen: () => true })
] as const
same<(typeof all)[number], Loaded>(true)

// ---------------------------------------------------------------------------------------------------------------------
// functions of the outcome see its type
// ---------------------------------------------------------------------------------------------------------------------

const ofKey = load.pipe(Cached.ttl({
  key,
  ttl: (exit, key) => {
    same<typeof exit, Exit.Exit<number, Down>>(true)
    same<typeof key, Weather>(true)
    return 1
  },
  tags: (exit, key) => {
    same<typeof exit, Exit.Exit<number, Down>>(true)
    return [key.id]
  },
  when: (exit) => Exit.isSuccess(exit) && exit.value > 1
}))
same<typeof ofKey, Loaded>(true)

const ofText = load.pipe(Cached.ttl({
  key: "k",
  ttl: (exit, key) => {
    same<typeof exit, Exit.Exit<number, Down | Http>>(true)
    same<typeof key, string>(true)
    return Exit.isSuccess(exit) ? exit.value : 0
  }
}))
same<typeof ofText, Loaded>(true)

const tagsOfText = load.pipe(Cached.ttl({
  key: "k",
  ttl: "1 hour",
  tags: (exit) => {
    same<typeof exit, Exit.Exit<number, Down | Http>>(true)
    return []
  }
}))
same<typeof tagsOfText, Loaded>(true)

const whenOfText = load.pipe(Cached.softTtl({
  key: "k",
  ttl: "1 hour",
  softTtl: "1 minute",
  when: (exit) => Exit.isSuccess(exit) && exit.value > 1
}))
same<typeof whenOfText, Loaded>(true)

const dataFirstOfText = Cached.ttl(load, {
  key: "k",
  ttl: (exit) => {
    same<typeof exit, Exit.Exit<number, Down | Http>>(true)
    return 1
  },
  when: (exit) => Exit.isSuccess(exit) && exit.value > 1
})
same<typeof dataFirstOfText, Loaded>(true)

// ---------------------------------------------------------------------------------------------------------------------
// LoadTimeout is among the errors where there is a timeout, and only then
// ---------------------------------------------------------------------------------------------------------------------

const timed = [
  load.pipe(Cached.ttl({ key, ttl: 1, timeout: "1 second" })),
  load.pipe(Cached.ttl({ key: "k", ttl: 1, timeout: "1 second" })),
  Cached.ttl(load, { key, ttl: 1, timeout: 5 }),
  Cached.ttl(load, { key: "k", ttl: 1, timeout: 5 }),
  load.pipe(Cached.softTtl({ key, ttl: 1, softTtl: 1, timeout: 5, tags: (_, key) => [key.id] })),
  load.pipe(Cached.untilInvalidated({ key, timeout: Duration.seconds(1) })),
  load.pipe(Cached.withStrategy({ key, strategy: Strategy.untilInvalidated, timeout: 5 }))
] as const
same<(typeof timed)[number], TimedOut>(true)
const noTimeout = load.pipe(Cached.ttl({ key, ttl: 1, timeout: undefined }))
same<typeof noTimeout, Loaded>(true)

// ---------------------------------------------------------------------------------------------------------------------
// what must not compile
// ---------------------------------------------------------------------------------------------------------------------

// @ts-expect-error a value of another type than the key's
Effect.succeed("x").pipe(Cached.ttl({ key, ttl: 1 }))
// @ts-expect-error the same, data-first
Cached.ttl(Effect.succeed("x"), { key, ttl: 1 })
// @ts-expect-error an unknown option
load.pipe(Cached.ttl({ key, ttl: 1, tll: 2 }))
// @ts-expect-error the same, with a text
load.pipe(Cached.ttl({ key: "k", ttl: 1, tll: 2 }))
// @ts-expect-error the same, data-first
Cached.ttl(load, { key, ttl: 1, tll: 2 })
// @ts-expect-error another combinator's option
load.pipe(Cached.ttl({ key, ttl: 2, softTtl: 1 }))
// @ts-expect-error a ttl beside untilInvalidated
load.pipe(Cached.untilInvalidated({ key, ttl: 1 }))
// @ts-expect-error a fallback where nothing falls back
load.pipe(Cached.ttl({ key, ttl: 1, fallbackWhen: () => true }))
// @ts-expect-error no ttl
load.pipe(Cached.ttl({ key }))
// @ts-expect-error no soft ttl
load.pipe(Cached.softTtl({ key, ttl: 1 }))
// @ts-expect-error no key
load.pipe(Cached.ttl({ ttl: 1 }))
// @ts-expect-error a key that is none
load.pipe(Cached.ttl({ key: 5, ttl: 1 }))
// @ts-expect-error a ttl that is no duration
load.pipe(Cached.ttl({ key, ttl: "soon" }))
// @ts-expect-error a function that gives no duration
load.pipe(Cached.ttl({ key, ttl: () => true }))
// @ts-expect-error tags that are no list
load.pipe(Cached.ttl({ key, ttl: 1, tags: "t" }))
// @ts-expect-error a cache is needed
export const needs: Effect.Effect<number, Down | Http, Client> = piped
// @ts-expect-error LoadTimeout is an error
export const untimed: Loaded = load.pipe(Cached.ttl({ key, ttl: 1, timeout: "1 second" }))
const ofLength = Strategy.ttl<string>({ ttl: (exit) => Exit.isSuccess(exit) ? exit.value.length : 0 })
// @ts-expect-error a strategy for another value
load.pipe(Cached.withStrategy({ key, strategy: ofLength }))

// ---------------------------------------------------------------------------------------------------------------------
// functions
// ---------------------------------------------------------------------------------------------------------------------

const weather = Cached.fn(Weather, {
  lookup: (key) => {
    same<typeof key, Weather>(true)
    return Effect.as(load, key.days)
  },
  strategy: Strategy.softTtl({ ttl: 2, softTtl: 1 })
})
const read = weather({ id: "x", days: 1 })
same<typeof read, Loaded>(true)
const refreshed = weather.refresh({ id: "x", days: 1 })
same<typeof refreshed, Loaded>(true)
const invalidated = weather.invalidate({ id: "x", days: 1 })
same<typeof invalidated, Effect.Effect<void, never, Cache>>(true)
const itsKey = weather.key({ id: "x", days: 1 })
same<typeof itsKey, Weather>(true)

const settings = Cached.fn(Settings, { lookup: () => Effect.succeed("x"), strategy: Strategy.untilInvalidated })
const setting = settings()
same<typeof setting, Effect.Effect<string, never, Cache>>(true)

const today = Cached.fn(Today, { lookup: () => Effect.succeed(new Date()), strategy: Strategy.untilInvalidated })
const day = today({ id: "x" })
same<typeof day, Effect.Effect<Date, never, Zone | Cache>>(true)

const timedFn = Cached.fn(Weather, { lookup: () => load, strategy: Strategy.ttl({ ttl: 1 }), timeout: "1 second" })
const timedRead = timedFn({ id: "x", days: 1 })
same<typeof timedRead, TimedOut>(true)

const scopedFn = Cached.fn(Weather, { lookup: () => scoped, strategy: Strategy.ttl({ ttl: 1 }) })
const scopedRead = scopedFn({ id: "x", days: 1 })
same<typeof scopedRead, Effect.Effect<number, Down, Client | Cache>>(true)

// a strategy and tags in it see outcome and key
Cached.fn(Weather, {
  lookup: () => load,
  strategy: Strategy.ttl({
    ttl: (exit, key) => {
      same<typeof exit, Exit.Exit<number, Down>>(true)
      same<typeof key, Weather>(true)
      return key.days
    }
  }),
  tags: (exit, key) => {
    same<typeof exit, Exit.Exit<number, Down>>(true)
    return [key.id]
  }
})

class Fib extends CacheKey.Class<Fib>()("Fib", { payload: { n: Schema.Number }, success: Schema.BigInt }) {}
const fib = Cached.recursive(Fib, {
  lookup: ({ n }, self) =>
    n < 2 ? Effect.succeed(BigInt(n)) : Effect.zipWith(self({ n: n - 1 }), self({ n: n - 2 }), (a, b) => a + b),
  strategy: Strategy.untilInvalidated
})
const fibonacci = fib({ n: 10 })
same<typeof fibonacci, Effect.Effect<bigint, never, Cache>>(true)

// a function that calls itself fails with its key's error, and its callers see that
const walk = Cached.recursive(Weather, {
  lookup: (key, self) => {
    const next = self({ id: key.id, days: key.days - 1 })
    same<typeof next, Effect.Effect<number, Down, Cache>>(true)
    return key.days > 0 ? next : Effect.fail(new Down())
  },
  strategy: Strategy.untilInvalidated
})
const walked = walk({ id: "x", days: 1 })
same<typeof walked, Effect.Effect<number, Down, Cache>>(true)

// @ts-expect-error another value than the key's
Cached.fn(Weather, { lookup: () => Effect.succeed("x"), strategy: Strategy.untilInvalidated })
// @ts-expect-error an unknown option
Cached.fn(Weather, { lookup: () => load, strategy: Strategy.untilInvalidated, ttl: 1 })
// @ts-expect-error no strategy
Cached.fn(Weather, { lookup: () => load })
// @ts-expect-error a payload of another type
weather({ id: 1, days: 1 })
// @ts-expect-error no payload
weather()
// @ts-expect-error an error that the key does not describe cannot come back through `self`
Cached.recursive(Fib, { lookup: () => Effect.fail("x"), strategy: Strategy.untilInvalidated })

// ---------------------------------------------------------------------------------------------------------------------
// operations
// ---------------------------------------------------------------------------------------------------------------------

const got = Cached.getOption(key)
same<typeof got, Effect.Effect<Option.Option<number>, never, Cache>>(true)
const gotZoned = Cached.getOption(new Today({ id: "x" }))
same<typeof gotZoned, Effect.Effect<Option.Option<Date>, never, Zone | Cache>>(true)
const gotText = Cached.getOption("k")
same<typeof gotText, Effect.Effect<Option.Option<unknown>, never, Cache>>(true)
const set = Cached.set(key, 5, { ttl: "1 hour", tags: ["a"], keepTtl: true })
same<typeof set, Effect.Effect<boolean, never, Cache>>(true)
const expires = Cached.expiresIn("k")
same<typeof expires, Effect.Effect<Option.Option<Duration.Duration>, never, Cache>>(true)
const removed = Cached.remove(key)
same<typeof removed, Effect.Effect<boolean, never, Cache>>(true)
export const operations: ReadonlyArray<Effect.Effect<unknown, never, Cache>> = [
  Cached.set("k", { any: "thing" }),
  Cached.has(key),
  Cached.clear,
  Cached.stats,
  Cached.invalidate("k"),
  Cached.invalidateMany([key, "k"]),
  Cached.invalidateMany(new Set(["k"])),
  Cached.invalidateTag("t")
]
const after = load.pipe(Cached.invalidateAfter([key, "k", { tag: "t" }]))
same<typeof after, Loaded>(true)
const afterFn = load.pipe(Cached.invalidateAfter((exit) => {
  same<typeof exit, Exit.Success<number>>(true)
  return { tag: `t ${exit.value}` }
}))
same<typeof afterFn, Loaded>(true)
const afterFirst = Cached.invalidateAfter(load, (exit) => [`k ${exit.value}`])
same<typeof afterFirst, Loaded>(true)

// @ts-expect-error a value of another type than the key's
Cached.set(key, "x")
// @ts-expect-error an unknown option
Cached.set("k", 1, { tll: 1 })
// @ts-expect-error a target that is none
load.pipe(Cached.invalidateAfter([5]))
// @ts-expect-error a key that is none
Cached.invalidate(5)

// watching
const detected = Cached.detect(load)
type Detections = ReadonlyArray<CacheEvent.Detected>
same<typeof detected, Effect.Effect<readonly [result: number, reads: Detections], Down | Http, Client>>(true)
same<typeof Cached.events, Stream.Stream<CacheEvent.CacheEvent, never, Cache>>(true)
same<typeof Cached.stats, Effect.Effect<Caching.Stats, never, Cache>>(true)
const telling = Cached.onRemoval(({ cause, exit }) => {
  same<typeof cause, CacheEvent.RemovalCause>(true)
  same<typeof exit, Exit.Exit<unknown, unknown>>(true)
  return Effect.asVoid(load)
})
same<typeof telling, Effect.Effect<void, never, Client | Cache | Scope.Scope>>(true)
Cached.events.pipe(Stream.map((event) => {
  if (event._tag === "Invalidate" || event._tag === "StoreFailure") return
  same<typeof event.keyClass, string | undefined>(true)
  // @ts-expect-error no event has a value
  return event.value
}))
