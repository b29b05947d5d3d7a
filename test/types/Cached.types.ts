/** Types that the compiler must infer from the operations of `Cached`; checked by `tsc`, not run. */
import {
  type Cause,
  Context,
  Data,
  Duration,
  Effect,
  Exit,
  Option,
  pipe,
  type RequestResolver,
  Schedule,
  Schema,
  type Scope,
  Stream
} from "effect"
import {
  Cached,
  type CacheError,
  type CacheEvent,
  CacheKey,
  CachePolicy,
  type Caching,
  type Strategy
} from "effect-cached"
import { Store } from "effect-cached/adapters"
import type { Known } from "../../src/CacheEntry.ts"
import { is, same } from "./same.ts"

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
class Page extends CacheKey.Class<Page>()("Page", {
  payload: { page: Schema.Int, lang: Schema.String, sort: Schema.optionalKey(Schema.String) },
  success: Schema.Number,
  indexes: ["page", "sort", ["page", "lang"]]
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

const piped = load.pipe(Cached.ttl(key, { ttl: 1 }))
same<typeof piped, Loaded>(true)
const value66 = Cached.ttl(load, key, { ttl: 1 })
same<typeof value66, Loaded>(true)
is<Loaded>()(load.pipe(Cached.ttl("k", { ttl: "1 hour" })))
const value68 = Cached.ttl(load, "k", { ttl: Duration.hours(1) })
same<typeof value68, Loaded>(true)

const withKey = Cached.ttl(key, { ttl: 1 })
is<Loaded>()(load.pipe(withKey))
const withText = Cached.ttl("k", { ttl: 1, tags: ["a"] })
is<Loaded>()(load.pipe(withText))
is<Effect.Effect<5, Http, Cache>>()(five.pipe(withText))

// The value may be narrower than the key's: the result has the key's type.
const narrower = five.pipe(Cached.ttl(key, { ttl: 1 }))
same<typeof narrower, Effect.Effect<number, Down | Http, Cache>>(true)
// The services of the key's codecs are needed.
is<Effect.Effect<Date, never, Zone | Cache>>()(
  Effect.succeed(new Date()).pipe(Cached.ttl(new Today({ id: "x" }), { ttl: 1 }))
)
// A load has a scope of its own.
is<Effect.Effect<number, never, Client | Cache>>()(scoped.pipe(Cached.ttl("k", { ttl: 1 })))
const value85 = Cached.ttl(scoped, key, { ttl: 1 })
same<typeof value85, Effect.Effect<number, Down, Client | Cache>>(true)

// ---------------------------------------------------------------------------------------------------------------------
// each combinator
// ---------------------------------------------------------------------------------------------------------------------

const all = [
  load.pipe(Cached.softTtl(key, { ttl: 2, softTtl: 1, softTimeout: 1, fallbackOn: () => true, retryAfter: 1 })),
  load.pipe(Cached.softTtl("k", { ttl: 2, softTtl: 1, softTimeout: "1 second", fallbackOn: "all" })),
  Cached.softTtl(load, key, { ttl: 2, softTtl: 1, fallbackOn: ["Down"] }),
  load.pipe(Cached.refreshAhead(key, { ttl: 2, refreshAfter: 1, jitter: 0.1 })),
  load.pipe(Cached.refreshAhead("k", { ttl: 2, refreshAfter: 1, jitter: 0.1 })),
  load.pipe(Cached.probabilistic(key, { ttl: 2, beta: 1.5 })),
  load.pipe(Cached.probabilistic("k", { ttl: 2 })),
  load.pipe(
    Cached.failover(key, { ttl: 2, fallbackOn: (cause: Cause.Cause<Http | Down>) => cause.reasons.length > 0 })
  ),
  load.pipe(Cached.failover("k", { ttl: 2, fallbackOn: [] })),
  load.pipe(Cached.untilInvalidated(key)),
  load.pipe(Cached.untilInvalidated("k", { tags: ["a"] })),
  load.pipe(Cached.withStrategy(key, { strategy: { strategy: "untilInvalidated" } })),
  load.pipe(Cached.withStrategy("k", { strategy: { ttl: 1 }, softTimeout: 1 })),
  Cached.withStrategy(load, key, { strategy: { strategy: "softTtl", ttl: 2, softTtl: 1 }, fallbackOn: () => true })
] as const
same<(typeof all)[number], Loaded>(true)

// ---------------------------------------------------------------------------------------------------------------------
// functions of the outcome see its type
// ---------------------------------------------------------------------------------------------------------------------

is<Loaded>()(load.pipe(Cached.ttl(key, {
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
})))

is<Loaded>()(load.pipe(Cached.ttl("k", {
  ttl: (exit, key) => {
    same<typeof exit, Exit.Exit<number, Down | Http>>(true)
    same<typeof key, string>(true)
    return Exit.isSuccess(exit) ? exit.value : 0
  }
})))

is<Loaded>()(load.pipe(Cached.ttl("k", {
  ttl: "1 hour",
  tags: (exit) => {
    same<typeof exit, Exit.Exit<number, Down | Http>>(true)
    return []
  }
})))

is<Loaded>()(load.pipe(Cached.softTtl("k", {
  ttl: "1 hour",
  softTtl: "1 minute",
  fallbackOn: "all",
  when: (exit) => Exit.isSuccess(exit) && exit.value > 1
})))

const value151 = Cached.ttl(load, "k", {
  ttl: (exit) => {
    same<typeof exit, Exit.Exit<number, Down | Http>>(true)
    return 1
  },
  when: (exit) => Exit.isSuccess(exit) && exit.value > 1
})
same<typeof value151, Loaded>(true)

// ---------------------------------------------------------------------------------------------------------------------
// LoadTimeout is among the errors where there is a timeout, and only then
// ---------------------------------------------------------------------------------------------------------------------

const timed = [
  load.pipe(Cached.ttl(key, { ttl: 1, timeout: "1 second" })),
  load.pipe(Cached.ttl("k", { ttl: 1, timeout: "1 second" })),
  Cached.ttl(load, key, { ttl: 1, timeout: 5 }),
  Cached.ttl(load, "k", { ttl: 1, timeout: 5 }),
  load.pipe(Cached.softTtl(key, { ttl: 1, softTtl: 1, timeout: 5, fallbackOn: "all", tags: (_, key) => [key.id] })),
  load.pipe(Cached.untilInvalidated(key, { timeout: Duration.seconds(1) })),
  load.pipe(Cached.withStrategy(key, { strategy: { strategy: "untilInvalidated" }, timeout: 5 }))
] as const
same<(typeof timed)[number], TimedOut>(true)
is<Loaded>()(load.pipe(Cached.ttl(key, { ttl: 1, timeout: undefined })))

// ---------------------------------------------------------------------------------------------------------------------
// what must not compile
// ---------------------------------------------------------------------------------------------------------------------

// @ts-expect-error a value of another type than the key's
Effect.succeed("x").pipe(Cached.ttl(key, { ttl: 1 }))
// @ts-expect-error the same, data-first
Cached.ttl(Effect.succeed("x"), key, { ttl: 1 })
// @ts-expect-error a ttl beside untilInvalidated
load.pipe(Cached.untilInvalidated(key, { ttl: 1 }))
// @ts-expect-error a fallback where nothing falls back
load.pipe(Cached.ttl(key, { ttl: 1, fallbackOn: () => true }))
// @ts-expect-error no ttl
load.pipe(Cached.ttl(key))
// @ts-expect-error no soft ttl
load.pipe(Cached.softTtl(key, { ttl: 1 }))
// @ts-expect-error no key
load.pipe(Cached.ttl({ ttl: 1 }, {}))
// @ts-expect-error a key that is none
load.pipe(Cached.ttl(5, { ttl: 1 }))
// @ts-expect-error a function that gives no duration
load.pipe(Cached.ttl(key, { ttl: () => true }))
// @ts-expect-error a cache is needed
export const needs: Effect.Effect<number, Down | Http, Client> = piped
// @ts-expect-error LoadTimeout is an error
export const untimed: Loaded = load.pipe(Cached.ttl(key, { ttl: 1, timeout: "1 second" }))
const ofLength: Strategy.Input<string> = { ttl: (exit) => Exit.isSuccess(exit) ? exit.value.length : 0 }
// @ts-expect-error a strategy for another value
load.pipe(Cached.withStrategy(key, { strategy: ofLength }))

// ---------------------------------------------------------------------------------------------------------------------
// functions
// ---------------------------------------------------------------------------------------------------------------------

const weather = Cached.fn(Weather, (key) => {
  same<typeof key, Weather>(true)
  return Effect.as(load, key.days)
}, { strategy: "softTtl", ttl: 2, softTtl: 1, fallbackOn: ["Http"] })
is<Loaded>()(weather({ id: "x", days: 1 }))
is<Loaded>()(weather.refresh({ id: "x", days: 1 }))
is<Effect.Effect<void, never, Cache>>()(weather.invalidate({ id: "x", days: 1 }))
is<Weather>()(weather.key({ id: "x", days: 1 }))

const settings = Cached.fn(Settings, () => Effect.succeed("x"), { strategy: "untilInvalidated" })
is<Effect.Effect<string, never, Cache>>()(settings())

const today = Cached.fn(Today, () => Effect.succeed(new Date()), { strategy: "untilInvalidated" })
is<Effect.Effect<Date, never, Zone | Cache>>()(today({ id: "x" }))

const timedFn = Cached.fn(Weather, () => load, { ttl: 1, timeout: "1 second" })
is<TimedOut>()(timedFn({ id: "x", days: 1 }))

const scopedFn = Cached.fn(Weather, () => scoped, { ttl: 1 })
is<Effect.Effect<number, Down, Client | Cache>>()(scopedFn({ id: "x", days: 1 }))

// A strategy and tags in it see outcome and key.
Cached.fn(Weather, () => load, {
  ttl: (exit, key) => {
    same<typeof exit, Exit.Exit<number, Down>>(true)
    same<typeof key, Weather>(true)
    return key.days
  },
  tags: (exit, key) => {
    same<typeof exit, Exit.Exit<number, Down>>(true)
    return [key.id]
  }
})

// A strategy's functions see the value of the effect, as those of a combinator do.
declare const words: Effect.Effect<string, "none">
class Word extends CacheKey.Class<Word>()("Word", { payload: { id: Schema.Int }, success: Schema.String }) {}
const word = new Word({ id: 1 })
declare const ofWords: Strategy.Strategy<string, "none", string>
const byLength = [
  words.pipe(Cached.withStrategy(word, {
    strategy: { ttl: (exit) => Exit.isSuccess(exit) ? exit.value.length : 0 }
  })),
  words.pipe(Cached.withStrategy("k", {
    strategy: { ttl: (exit) => Exit.isSuccess(exit) ? exit.value.length : 0 }
  })),
  Cached.withStrategy(words, word, {
    strategy: { strategy: "softTtl", ttl: (exit) => Exit.isSuccess(exit) ? exit.value.length : 0, softTtl: 1 }
  }),
  Cached.withStrategy(words, "k", {
    strategy: { strategy: "softTtl", ttl: (exit) => Exit.isSuccess(exit) ? exit.value.length : 0, softTtl: 1 }
  }),
  words.pipe(Cached.withStrategy("k", { strategy: ofWords }))
] as const
same<(typeof byLength)[number], Effect.Effect<string, "none", Cache>>(true)
const standalone = Cached.withStrategy("k", { strategy: ofWords })
is<Effect.Effect<string, "none", Cache>>()(standalone(words))

class Fib extends CacheKey.Class<Fib>()("Fib", { payload: { n: Schema.Number }, success: Schema.BigInt }) {}
const fib = Cached.recursive(
  Fib,
  ({ n }, self) =>
    n < 2 ? Effect.succeed(BigInt(n)) : Effect.zipWith(self({ n: n - 1 }), self({ n: n - 2 }), (a, b) => a + b),
  { strategy: "untilInvalidated" }
)
is<Effect.Effect<bigint, never, Cache>>()(fib({ n: 10 }))

// A function that calls itself fails with its key's error and with what its load fails with, and its callers see that.
const walk = Cached.recursive(Weather, (key, self) => {
  const next = self({ id: key.id, days: key.days - 1 })
  same<typeof next, Effect.Effect<number, Down | Cached.FailureOfSelf, Cache>>(true)
  return key.days > 0 ? next : Effect.fail(new Down())
}, { strategy: "untilInvalidated" })
is<Effect.Effect<number, Down, Cache>>()(walk({ id: "x", days: 1 }))

// @ts-expect-error another value than the key's
Cached.fn(Weather, () => Effect.succeed("x"), { strategy: "untilInvalidated" })
// @ts-expect-error an unknown option
Cached.fn(Weather, () => load, { strategy: "untilInvalidated", ttl: 1 })
// @ts-expect-error no options
Cached.fn(Weather, () => load)
// @ts-expect-error a payload of another type
weather({ id: 1, days: 1 })
// @ts-expect-error no payload
weather()
is<Effect.Effect<bigint, Http | "big", Client | Cache>>()(
  Cached.recursive(Fib, ({ n }, self) =>
    Effect.gen(function*() {
      if (n < 0) return yield* new Http()
      yield* self({ n: n - 1 })
      return yield* loadBig
    }), { strategy: "untilInvalidated" })({ n: 1 })
)

declare const loadBig: Effect.Effect<bigint, "big", Client>

// Over string keys.
const texts = Cached.fn((id: string, days?: number) => `text:${id}:${days}`, (id, days) => {
  same<typeof id, string>(true)
  same<typeof days, number | undefined>(true)
  return Effect.andThen(loadBig, Effect.succeed(id))
}, {
  strategy: "softTtl",
  ttl: (_, key) => key.length,
  softTtl: "1 minute",
  fallbackOn: "all",
  timeout: "1 second"
})
const text = texts("a", 1)
same<typeof text, Effect.Effect<string, "big" | LoadTimeout, Client | Cache>>(true)
is<Effect.Effect<string, "big" | LoadTimeout, Client | Cache>>()(texts.refresh("a"))
is<string>()(texts.key("a"))
is<Effect.Effect<void, never, Cache>>()(texts.invalidate("a"))
// @ts-expect-error an argument of another type
texts(1)
// @ts-expect-error a key that is no text
Cached.fn((id: number) => id, () => Effect.succeed(1), { strategy: "untilInvalidated" })
// @ts-expect-error an unknown option
Cached.fn((id: string) => id, () => Effect.succeed(1), { strategy: "untilInvalidated", ttl: 1 })

// Over keys that a function makes.
const forecasts = Cached.fn((id: string, days?: number) => new Weather({ id, days: days ?? 1 }), (id, days) => {
  same<typeof id, string>(true)
  same<typeof days, number | undefined>(true)
  return Effect.as(load, days ?? 1)
}, {
  strategy: "softTtl",
  ttl: (exit, key) => Exit.isSuccess(exit) ? exit.value : key.days,
  softTtl: "1 minute",
  fallbackOn: ["Http"],
  storeFailures: ["Down"]
})
is<Effect.Effect<number, Http | Down, Client | Cache>>()(forecasts("a", 1))
is<Weather>()(forecasts.key("a"))
const anywhere = Cached.fn((id: string) => id === "" ? "none" : new Weather({ id, days: 1 }), () => load, { ttl: 1 })
is<string | Weather>()(anywhere.key("a"))
// @ts-expect-error a payload in place of its arguments
forecasts({ id: "a", days: 1 })
// @ts-expect-error a value that is not of the class
Cached.fn((id: string) => new Weather({ id, days: 1 }), () => Effect.succeed("x"), { ttl: 1 })
// @ts-expect-error a failure that the class does not declare
Cached.fn((id: string) => new Weather({ id, days: 1 }), () => load, { ttl: 1, storeFailures: ["Http"] })

// ---------------------------------------------------------------------------------------------------------------------
// operations
// ---------------------------------------------------------------------------------------------------------------------

is<Effect.Effect<Option.Option<number>, never, Cache>>()(Cached.getOption(key))
is<Effect.Effect<Option.Option<Date>, never, Zone | Cache>>()(Cached.getOption(new Today({ id: "x" })))
is<Effect.Effect<Option.Option<unknown>, never, Cache>>()(Cached.getOption("k"))
is<Effect.Effect<boolean, never, Cache>>()(Cached.set(key, 5, { ttl: "1 hour", tags: ["a"], keepTtl: true }))
const value378 = Cached.update(key, (n) => {
  same<typeof n, Option.Option<number>>(true)
  return Option.map(n, (n) => n + 1)
}, { ttl: "1 hour", keepTtl: true })
same<typeof value378, Effect.Effect<Option.Option<number>, CacheError.UpdateConflict | CacheError.StoreError, Cache>>(
  true
)
is<Effect.Effect<Option.Option<number>, "none" | CacheError.UpdateConflict | CacheError.StoreError, Cache>>()(pipe(
  key,
  Cached.update((n) => n._tag === "None" ? Effect.fail("none" as const) : Effect.succeed(Option.some(n.value + 1)))
))
const value388 = Cached.update(
  "k",
  (list: Option.Option<Array<string>>) => Option.some<Array<string>>(Option.getOrElse(list, () => []))
)
same<
  typeof value388,
  Effect.Effect<Option.Option<Array<string>>, CacheError.UpdateConflict | CacheError.StoreError, Cache>
>(true)
// @ts-expect-error a value of another type than the key's
Cached.update(key, () => Option.some("x"))
// @ts-expect-error a value that is no option
Cached.update("k", () => 5)
// @ts-expect-error a condition
Cached.update("k", (n) => n, { ifAbsent: true })
const value400 = Effect.map(Cached.getEntry("k"), Option.map(({ expiresIn }) => expiresIn))
same<typeof value400, Effect.Effect<Option.Option<Duration.Duration>, never, Cache>>(true)
is<Effect.Effect<boolean, never, Cache>>()(Cached.remove(key))
export const operations: ReadonlyArray<Effect.Effect<unknown, never, Cache>> = [
  Cached.set("k", { any: "thing" }),
  Cached.has(key),
  Cached.clear,
  Cached.stats,
  Cached.invalidate("k"),
  Cached.invalidate([key, "k"]),
  Cached.invalidate(new Set(["k"])),
  Cached.invalidate({ tag: "t" })
]
is<Loaded>()(load.pipe(Cached.invalidateAfter([key, "k", { tag: "t" }])))
is<Loaded>()(load.pipe(Cached.invalidateAfter((exit) => {
  same<typeof exit, Exit.Success<number>>(true)
  return { tag: `t ${exit.value}` }
})))
const value419 = Cached.invalidateAfter(load, (exit) => [`k ${exit.value}`])
same<typeof value419, Loaded>(true)

// @ts-expect-error a value of another type than the key's
Cached.set(key, "x")
// @ts-expect-error an unknown option
Cached.set("k", 1, { tll: 1 })
// @ts-expect-error a target that is none
load.pipe(Cached.invalidateAfter([5]))

declare const anyTargets: Array<Cached.Target>
is<Loaded>()(load.pipe(Cached.invalidateAfter([
  key,
  "k",
  { tag: "t" },
  { all: Weather },
  { where: [Page, { page: 1 }] },
  { where: [Page, { page: 1, lang: "en" }] },
  { matching: "items:page:*" }
])))
export const afters: ReadonlyArray<Loaded> = [
  load.pipe(Cached.invalidateAfter({ where: [Page, { sort: "new" }] })),
  load.pipe(Cached.invalidateAfter(({ value }) => ({ where: [Page, { page: value }] }))),
  load.pipe(Cached.invalidateAfter(({ value }) => [{ where: [Page, { page: value }] }, "k"])),
  load.pipe(Cached.invalidateAfter(({ value }) => value > 1 ? ["k", { tag: "t" }] : [])),
  load.pipe(Cached.invalidateAfter(({ value }) => [1, 2].map((n) => `k:${value}:${n}`))),
  load.pipe(Cached.invalidateAfter(anyTargets)),
  Cached.invalidateAfter(load, ({ value }) => ({ where: [Page, { page: value, lang: "en" }] }))
]
export const targets: ReadonlyArray<Effect.Effect<void, never, Cache>> = [
  Cached.invalidate({ tag: "t" }),
  Cached.invalidate({ where: [Page, { page: 1 }] }),
  Cached.invalidate(["k", key, { all: Weather }, { where: [Page, { page: 1 }] }, { matching: "k:*" }]),
  Cached.invalidate(new Set(["a", "b"])),
  Cached.invalidate(anyTargets)
]
// @ts-expect-error no index over this field
load.pipe(Cached.invalidateAfter({ where: [Page, { lang: "en" }] }))
// @ts-expect-error no index over this field, of a list
load.pipe(Cached.invalidateAfter(["k", { where: [Page, { lang: "en" }] }]))
// @ts-expect-error no index over this field, of a function
load.pipe(Cached.invalidateAfter(({ value }) => [{ where: [Page, { lang: `${value}` }] }]))
// @ts-expect-error a class without indexes
load.pipe(Cached.invalidateAfter({ where: [Weather, { id: "a" }] }))
// @ts-expect-error a key in place of its class
load.pipe(Cached.invalidateAfter({ all: key }))
// @ts-expect-error a kind that is none
load.pipe(Cached.invalidateAfter({ tags: ["t"] }))
// @ts-expect-error a kind that is none
Cached.invalidate({ tags: ["t"] })
// @ts-expect-error no index over this field
Cached.invalidate([{ where: [Page, { lang: "en" }] }])
// @ts-expect-error a key that is none
Cached.invalidate(5)

// ---------------------------------------------------------------------------------------------------------------------
// bulk
// ---------------------------------------------------------------------------------------------------------------------

const strategy = { ttl: 1 } as const
declare const loadMany: (
  keys: ReadonlyArray<Weather>
) => Effect.Effect<ReadonlyArray<Exit.Exit<number, Down | Http>>, "all", Client | Scope.Scope>
type Answers<A, E> = ReadonlyArray<Exit.Exit<A, E>>

const reportsOfMany = Cached.many(Weather, loadMany, strategy)
is<Effect.Effect<Answers<number, Down | Http>, "all", Client | Cache>>()(reportsOfMany([{ id: "a", days: 1 }]))
is<Effect.Effect<Answers<number, Down | Http>, "all", Client | Cache>>()(
  reportsOfMany.refresh(new Set([{ id: "a", days: 1 }]))
)
is<Weather>()(reportsOfMany.key({ id: "a", days: 1 }))
is<Effect.Effect<Answers<number, Down | Http | LoadTimeout>, "all", Client | Cache>>()(
  Cached.many(Weather, loadMany, { ...strategy, timeout: "1 second" })([])
)
const days = Cached.many(Today, (keys) => {
  same<typeof keys, ReadonlyArray<Today>>(true)
  return Effect.succeed(keys.map(() => Exit.succeed(new Date())))
}, strategy)([{ id: "x" }])
same<typeof days, Effect.Effect<Answers<Date, never>, never, Zone | Cache>>(true)
Cached.many(Weather, loadMany, {
  ttl: (exit: Exit.Exit<number, Down>) => Exit.isSuccess(exit) ? exit.value : 0,
  tags: (exit, key) => {
    same<typeof exit, Exit.Exit<number, Down>>(true)
    return [key.id]
  }
})
// @ts-expect-error an unknown option
Cached.many(Weather, loadMany, { ...strategy, tll: 1 })
// @ts-expect-error no options
Cached.many(Weather, loadMany)
// @ts-expect-error no ttl
Cached.many(Weather, loadMany, {})
// @ts-expect-error values of another type than the key's
Cached.many(Weather, (keys) => Effect.succeed(keys.map(() => Exit.succeed("x"))), strategy)
// @ts-expect-error no Exits
Cached.many(Weather, () => Effect.succeed([1]), strategy)
declare const mapMany: (
  keys: ReadonlyArray<Weather>
) => Effect.Effect<Map<Weather, Exit.Exit<number, Http>>, "all", Client>
is<Effect.Effect<Answers<number, Down | Http>, "all", Client | Cache>>()(Cached.many(Weather, mapMany, strategy)([]))
is<Effect.Effect<Answers<number, Down | Http>, never, Cache>>()(
  Cached.many(
    Weather,
    (keys) => Effect.succeed(new Map(keys.map((key) => [key, Exit.fail(new Http())]))),
    strategy
  )([])
)
// @ts-expect-error a map by something else than keys
Cached.many(Weather, () => Effect.succeed(new Map([["a", Exit.succeed(1)]])), strategy)
// @ts-expect-error a map of values that are no Exits
Cached.many(Weather, (keys) => Effect.succeed(new Map(keys.map((key) => [key, 1]))), strategy)
// @ts-expect-error one payload in place of a list
reportsOfMany({ id: "a", days: 1 })

is<Effect.Effect<ReadonlyArray<Option.Option<number>>, never, Cache>>()(
  Cached.getMany([key, new Weather({ id: "b", days: 2 })])
)
is<Effect.Effect<void, never, Cache>>()(Cached.setMany([[key, 5]], { ttl: 1 }))
is<Effect.Effect<number, never, Cache>>()(Cached.remove([key, "k"]))
// @ts-expect-error a value of another type than the key's
Cached.setMany([[key, "x"]])

declare const origin: RequestResolver.RequestResolver<Weather>
declare const origins: RequestResolver.RequestResolver<Weather | Today>
const resolver = Cached.resolver(origin, strategy)
same<typeof resolver, Effect.Effect<RequestResolver.RequestResolver<Weather>, never, Cache>>(true)
const value544 = Effect.request(key, resolver)
same<typeof value544, Effect.Effect<number, Down, Cache>>(true)
const resolvers = Cached.resolver(origins, { ...strategy, tags: (_, key) => [key.id] })
const value546 = Effect.request(new Today({ id: "x" }), resolvers)
same<typeof value546, Effect.Effect<Date, never, Zone | Cache>>(true)
// @ts-expect-error no room for a LoadTimeout
Cached.resolver(origin, { ...strategy, timeout: 1 })
// @ts-expect-error an unknown option
Cached.resolver(origin, { ...strategy, tll: 1 })

const oneReport = Cached.fn(Weather, () => load, strategy)
is<Stream.Stream<Cached.WarmProgress, never, Client | Cache>>()(
  Cached.warm(oneReport, [{ id: "a", days: 1 }], { concurrency: 2 })
)
is<Stream.Stream<Cached.WarmProgress, never, Client | Cache>>()(Cached.warm(reportsOfMany, [{ id: "a", days: 1 }]))
is<Effect.Effect<void, never, Client | Cache | Scope.Scope>>()(
  Cached.keepFresh(oneReport, { id: "a", days: 1 }, Schedule.spaced(1))
)
// @ts-expect-error a payload of another class
Cached.warm(oneReport, [{ id: 1 }])
// @ts-expect-error the same
Cached.keepFresh(oneReport, { id: 1 }, Schedule.spaced(1))
// @ts-expect-error no cached function
Cached.warm(() => load, [])

// ---------------------------------------------------------------------------------------------------------------------
// conditions, and the cache as a whole
// ---------------------------------------------------------------------------------------------------------------------

type StoreError = CacheError.StoreError

is<Effect.Effect<boolean, StoreError, Cache>>()(Cached.set(key, 5, { ttl: "1 hour", ifAbsent: true }))
is<Effect.Effect<boolean, StoreError, Zone | Cache>>()(
  Cached.set(new Today({ id: "x" }), new Date(), { ifUnchanged: "w" })
)
is<Effect.Effect<Option.Option<Cached.FoundEntry<number>>, never, Cache>>()(Cached.getEntry(key))
is<Effect.Effect<boolean, never, Cache>>()(Cached.touch(new Today({ id: "x" }), "1 hour"))
is<Effect.Effect<number, StoreError, Cache>>()(Cached.counter("n").increment({ by: 2, ttl: "1 hour" }))
const scanned = Stream.map(Cached.entries("user:*"), ({ id }) => id)
same<typeof scanned, Stream.Stream<string, StoreError, Cache>>(true)
is<Stream.Stream<Known, StoreError, Cache>>()(Cached.entries())
is<Effect.Effect<void, never, Cache>>()(Cached.invalidate({ matching: "user:*" }))
is<typeof load>()(CachePolicy.invalidating(load))
export const whole: ReadonlyArray<Effect.Effect<unknown, StoreError, Cache>> = [Cached.size, Store.ping]
export const byClass: ReadonlyArray<Effect.Effect<void, never, Cache>> = [
  Cached.invalidate({ all: Weather }),
  Cached.invalidate({ all: Weather }, { mode: "soft" }),
  Cached.invalidate({ all: Settings }),
  Cached.invalidate({ where: [Page, { page: 1 }] }),
  Cached.invalidate({ where: [Page, { sort: "new" }] }),
  Cached.invalidate({ where: [Page, { lang: "en", page: 1 }] }, { mode: "hard" }),
  Cached.invalidate({ tag: "t" }, { mode: "soft" })
]
export const each = Effect.forEach(["a", "b"], Cached.invalidate)
const value596 = Effect.forEach(["a", "b"], Cached.remove)
same<typeof value596, Effect.Effect<Array<boolean>, never, Cache>>(true)
is<Effect.Effect<number, never, Cache>>()(Cached.remove(["a", new Today({ id: "x" })]))
is<Effect.Effect<number, StoreError, Cache>>()(Cached.remove({ matching: "a*" }))
export const softly: ReadonlyArray<Effect.Effect<void, never, Cache>> = [
  Cached.invalidate("a", { mode: "soft" }),
  Cached.invalidate(["a", { tag: "t" }, { where: [Page, { page: 1 }] }], { mode: "soft" }),
  Cached.invalidate({ matching: "a*" }, { onProgress: ({ scanned }) => Effect.log(scanned) }),
  Effect.void.pipe(Cached.invalidateAfter({ tag: "t" }, { mode: "soft" })),
  Cached.invalidateAfter(Effect.void, ["a", { all: Page }], { mode: "soft" })
]
// @ts-expect-error a class is no target
Cached.invalidate(Page)
// @ts-expect-error there is no such option
Cached.invalidate("a", { mod: "soft" })
// @ts-expect-error the effect is awaited by its caller, who sees no progress
Cached.invalidateAfter(Effect.void, "a", { onProgress: () => Effect.void })

// @ts-expect-error a condition is true or left out
Cached.set("k", 1, { ifAbsent: false })
// @ts-expect-error what was not found has no writeId
Cached.set("k", 1, { ifUnchanged: undefined })
// @ts-expect-error a value of another type than the key's
Cached.set(key, "x", { ifAbsent: true })
// @ts-expect-error a class without indexes
Cached.invalidate({ where: [Weather, { id: "a" }] })
// @ts-expect-error a field of another type
Cached.invalidate({ where: [Page, { page: "1" }] })
// @ts-expect-error a field that is none
Cached.invalidate({ where: [Page, { city: "a" }] })
// @ts-expect-error a field that is no index by itself
Cached.invalidate({ where: [Page, { lang: "en" }] })
// @ts-expect-error two indexes at once
Cached.invalidate({ where: [Page, { page: 1, sort: "new" }] })
// @ts-expect-error no fields
Cached.invalidate({ where: [Page, {}] })
// @ts-expect-error a key instead of its class
Cached.invalidate({ all: key })
// @ts-expect-error a mode that is none
Cached.invalidate({ tag: "t" }, { mode: "softly" })
// @ts-expect-error a number has a name
Cached.counter(key).increment()

// Watching
const detected = Cached.detect(load)
type Detections = ReadonlyArray<CacheEvent.Detected>
same<typeof detected, Effect.Effect<readonly [result: number, reads: Detections], Down | Http, Client>>(true)
is<Stream.Stream<CacheEvent.CacheEvent, never, Cache>>()(Cached.events())
const loadsOnly = Cached.events({ of: ["Load", "Miss"] })
type LoadOrMiss = Extract<CacheEvent.CacheEvent, { readonly _tag: "Load" | "Miss" }>
same<typeof loadsOnly, Stream.Stream<LoadOrMiss, never, Cache>>(true)
// @ts-expect-error there is no such event
Cached.events({ of: ["Loaded"] })
same<typeof Cached.stats, Effect.Effect<Caching.Stats, never, Cache>>(true)
is<Effect.Effect<void, never, Client | Cache | Scope.Scope>>()(Cached.onRemoval(({ cause, exit }) => {
  same<typeof cause, CacheEvent.RemovalCause>(true)
  same<typeof exit, Exit.Exit<unknown, unknown>>(true)
  return Effect.asVoid(load)
}))
Cached.events().pipe(Stream.map((event) => {
  if (!("keyClass" in event)) return
  same<typeof event.keyClass, string | undefined>(true)
  // @ts-expect-error no event has a value
  return event.value
}))

// ---------------------------------------------------------------------------------------------------------------------
// keys of several classes in one list
// ---------------------------------------------------------------------------------------------------------------------

class Name extends CacheKey.Class<Name>()("Name", { success: Schema.String }) {}
class Count extends CacheKey.Class<Count>()("Count", { success: Schema.Finite }) {}

is<Effect.Effect<void, never, Caching.Caching>>()(
  Cached.setMany([["text", true], [new Name(), "Ada"], [new Count(), 1]], { ttl: "1 hour" })
)
// @ts-expect-error the values are those of the other key
Cached.setMany([[new Name(), 1], [new Count(), "Ada"]])
export const setCounts = <A>(rows: ReadonlyArray<readonly [string, A]>) => Cached.setMany(rows)

// ---------------------------------------------------------------------------------------------------------------------
// streams: what functions of the options see
// ---------------------------------------------------------------------------------------------------------------------

class Broken extends Data.TaggedError("Broken")<{ readonly row: number }> {}
const numbers = Stream.make(1) as Stream.Stream<number, Broken>

const streamed = numbers.pipe(Cached.stream("rows", {
  ttl: (exit) => {
    same<typeof exit, Exit.Exit<Cached.StreamEnd, Broken>>(true)
    return 1000
  },
  when: (exit) => Exit.isSuccess(exit) && exit.value.elements > 0,
  storeFailures: ["Broken"]
}))
same<typeof streamed, Stream.Stream<number, Broken | CacheError.StreamCut | CacheError.StreamLagged, Caching.Caching>>(
  true
)

numbers.pipe(Cached.stream("rows", {
  ttl: 1000,
  // @ts-expect-error a stream that has ended has no such field
  when: (exit) => Exit.isSuccess(exit) && exit.value.rows > 0
}))
numbers.pipe(Cached.stream("rows", {
  ttl: 1000,
  // @ts-expect-error there is no such failure
  storeFailures: ["Brocken"]
}))
// Made apart it knows nothing of failures, and loses none.
const cacheRows = Cached.stream("rows", {
  ttl: (exit) => {
    same<typeof exit, Exit.Exit<Cached.StreamEnd, any>>(true)
    return 1000
  }
})
is<typeof streamed>()(cacheRows(numbers))

is<typeof streamed>()(numbers.pipe(Cached.stream("rows", {
  strategy: "softTtl",
  ttl: 1000,
  softTtl: 1,
  fallbackOn: ["Broken"]
})))
// @ts-expect-error outages are not named
numbers.pipe(Cached.stream("rows", { strategy: "softTtl", ttl: 1000, softTtl: 1 }))
// @ts-expect-error streams have no such strategy
numbers.pipe(Cached.stream("rows", { strategy: "sliding", idle: 1000 }))
declare const ownOfStream: Strategy.Strategy<Cached.StreamEnd, Broken, string>
// @ts-expect-error streams take only words
Cached.stream(numbers, "rows", { strategy: ownOfStream })

// The failures of a stream may be a type parameter.
const streamOf = <A, E, R>(self: Stream.Stream<A, E | Broken, R>) =>
  self.pipe(Cached.stream("rows", { strategy: "softTtl", ttl: 1000, softTtl: 1, fallbackOn: "all" }))
is<typeof streamed>()(streamOf(numbers))
