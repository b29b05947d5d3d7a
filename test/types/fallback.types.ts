/** Types that the compiler must infer from, and refuse in, options of fallbacks; checked by `tsc`, not run. */
import { type Cause, type Context, type Effect, type Exit, pipe, type RequestResolver, Schema } from "effect"
import { Cached, type CacheError, CacheKey, type Caching } from "effect-cached"
import { is, same } from "./same.ts"

type Cache = Caching.Caching
type LoadTimeout = CacheError.LoadTimeout

class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Gone extends Schema.TaggedError<Gone>()("Gone", {}) {}
class Http extends Schema.TaggedError<Http>()("Http", {}) {}
class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { id: Schema.String },
  success: Schema.Number,
  error: Down
}) {}
const key = new Weather({ id: "a" })

declare const load: Effect.Effect<number, Down | Http, Context.Key<"Client", string>>
declare const untagged: Effect.Effect<number, string>
declare const sure: Effect.Effect<number>
type Client = Context.Key<"Client", string>
type Loaded = Effect.Effect<number, Down | Http, Client | Cache>
type TimedOut = Effect.Effect<number, Down | Http | LoadTimeout, Client | Cache>
const soft = { ttl: 2, softTtl: 1 } as const
const strategy = { strategy: "softTtl", ttl: 2, softTtl: 1 } as const

// ---------------------------------------------------------------------------------------------------------------------
// tags of the effect's own failures
// ---------------------------------------------------------------------------------------------------------------------

const byTags = [
  load.pipe(Cached.softTtl(key, { ...soft, fallbackOn: ["Http"] })),
  load.pipe(Cached.softTtl(key, { ...soft, fallbackOn: ["Http", "Down"] })),
  load.pipe(Cached.softTtl("k", { ...soft, fallbackOn: ["Http"] })),
  Cached.softTtl(load, key, { ...soft, fallbackOn: ["Http"] }),
  Cached.softTtl(load, "k", { ...soft, fallbackOn: ["Http"] }),
  pipe(load, Cached.softTtl(key, { ...soft, fallbackOn: ["Http"] })),
  load.pipe(Cached.failover(key, { ttl: 1, fallbackOn: "all" })),
  load.pipe(Cached.failover("k", { ttl: 1, fallbackOn: [] })),
  Cached.failover(load, key, { ttl: 1, fallbackOn: ["Http"] }),
  load.pipe(Cached.withStrategy(key, { strategy, fallbackOn: ["Http"] })),
  load.pipe(Cached.withStrategy("k", { strategy, fallbackOn: ["Http"] })),
  Cached.withStrategy(load, key, { strategy, fallbackOn: ["Http"] }),
  Cached.withStrategy(load, "k", { strategy, fallbackOn: ["Http"] }),
  // Beside options that are functions of the outcome.
  load.pipe(Cached.softTtl(key, { ...soft, fallbackOn: ["Http"], tags: (_, key) => [key.id] })),
  load.pipe(Cached.softTtl("k", { ...soft, fallbackOn: ["Http"], tags: () => [] })),
  load.pipe(
    Cached.softTtl("k", {
      ttl: (exit) => exit._tag === "Success" ? exit.value : 1,
      softTtl: 1,
      fallbackOn: ["Http"]
    })
  )
] as const
same<(typeof byTags)[number], Loaded>(true)
is<TimedOut>()(load.pipe(Cached.softTtl(key, { ...soft, timeout: 1, fallbackOn: ["Http"] })))

// Made before the effect is known.
const made = Cached.softTtl(key, { ...soft, fallbackOn: ["Http"] })
is<Loaded>()(load.pipe(made))
const ofText = Cached.failover("k", { ttl: 1, fallbackOn: ["Http"] })
is<Loaded>()(ofText(load))

// @ts-expect-error no failure of the effect has this tag
load.pipe(Cached.softTtl("k", { ...soft, fallbackOn: ["Http", "Htpt"] }))
// @ts-expect-error the same, beside a function of the outcome
load.pipe(Cached.softTtl("k", { ...soft, fallbackOn: ["Htpt"], tags: () => [] }))
// @ts-expect-error the same, with failover
load.pipe(Cached.failover(key, { ttl: 1, fallbackOn: ["Gone"] }))
// @ts-expect-error the same, with a strategy
load.pipe(Cached.withStrategy(key, { strategy, fallbackOn: ["Gone"] }))
// @ts-expect-error the same, with a strategy, data-first
Cached.withStrategy(load, "k", { strategy, fallbackOn: ["Gone"] })
// @ts-expect-error outages are not named
load.pipe(Cached.failover("k", { ttl: 1 }))
// @ts-expect-error the same, data-first with a text
Cached.failover(untagged, "k", { ttl: 1 })
// @ts-expect-error the same, outside of a pipe
Cached.softTtl("k", soft)
// @ts-expect-error another word
load.pipe(Cached.softTtl(key, { ...soft, fallbackOn: "some" }))
// @ts-expect-error any text may be a tag
load.pipe(Cached.softTtl(key, { ...soft, fallbackOn: ["Http" as string] }))
// @ts-expect-error failures without a tag
untagged.pipe(Cached.softTtl("k", { ...soft, fallbackOn: ["down"] }))
// @ts-expect-error it cannot fail
sure.pipe(Cached.softTtl("k", { ...soft, fallbackOn: ["Http"] }))
// @ts-expect-error a timeout is no failure of the effect: it always falls back
load.pipe(Cached.softTtl(key, { ...soft, timeout: 1, fallbackOn: ["LoadTimeout"] }))
// @ts-expect-error one tag in place of a list
load.pipe(Cached.softTtl(key, { ...soft, fallbackOn: "Http" }))
// @ts-expect-error a fallback where nothing falls back
load.pipe(Cached.ttl(key, { ttl: 1, fallbackOn: ["Http"] }))
// @ts-expect-error a fallback where nothing falls back
load.pipe(Cached.refreshAhead(key, { ttl: 2, refreshAfter: 1, fallbackOn: ["Http"] }))

// ---------------------------------------------------------------------------------------------------------------------
// the cause is the effect's
// ---------------------------------------------------------------------------------------------------------------------

const isTyped = (cause: Cause.Cause<Down | Http>) => cause.reasons.length > 0
const byCause = [
  load.pipe(Cached.softTtl(key, {
    ...soft,
    fallbackOn: (cause) => {
      same<typeof cause, Cause.Cause<Down | Http>>(true)
      return true
    }
  })),
  load.pipe(Cached.softTtl("k", {
    ...soft,
    fallbackOn: (cause) => {
      same<typeof cause, Cause.Cause<Down | Http>>(true)
      return true
    }
  })),
  load.pipe(Cached.softTtl("k", {
    ...soft,
    when: (exit) => {
      same<typeof exit, Exit.Exit<number, Down | Http>>(true)
      return true
    },
    fallbackOn: (cause) => {
      same<typeof cause, Cause.Cause<Down | Http>>(true)
      return true
    }
  })),
  Cached.softTtl(load, key, { ...soft, fallbackOn: (cause) => isTyped(cause) }),
  Cached.failover(load, "k", {
    ttl: 1,
    fallbackOn: (cause) => {
      same<typeof cause, Cause.Cause<Down | Http>>(true)
      return true
    }
  }),
  load.pipe(Cached.withStrategy(key, {
    strategy,
    fallbackOn: (cause) => {
      same<typeof cause, Cause.Cause<Down | Http>>(true)
      return true
    }
  })),
  load.pipe(Cached.failover(key, { ttl: 1, fallbackOn: isTyped })),
  load.pipe(Cached.failover("k", { ttl: 1, fallbackOn: isTyped }))
] as const
same<(typeof byCause)[number], Loaded>(true)
is<TimedOut>()(load.pipe(Cached.softTtl(key, {
  ...soft,
  timeout: 1,
  fallbackOn: (cause) => {
    same<typeof cause, Cause.Cause<Down | Http | LoadTimeout>>(true)
    return true
  }
})))
// A wider function: the failures stay those of the effect.
const wider = load.pipe(
  Cached.failover(key, {
    ttl: 1,
    fallbackOn: (cause: Cause.Cause<Down | Http | Gone>) => isTyped(cause as never)
  })
)
same<typeof wider, Loaded>(true)
is<Loaded>()(load.pipe(
  Cached.failover("k", { ttl: 1, fallbackOn: (cause: Cause.Cause<unknown>) => cause !== null })
))
const whatever = Cached.failover("k", { ttl: 1, fallbackOn: () => true })
is<Loaded>()(load.pipe(whatever))

// @ts-expect-error the effect fails with more
load.pipe(Cached.failover(key, { ttl: 1, fallbackOn: (cause: Cause.Cause<Down>) => cause !== null }))
// @ts-expect-error the same, with a text
load.pipe(Cached.failover("k", { ttl: 1, fallbackOn: (cause: Cause.Cause<Down>) => cause !== null }))
// @ts-expect-error the same, data-first
Cached.failover(load, key, { ttl: 1, fallbackOn: (cause: Cause.Cause<Down>) => cause !== null })
// @ts-expect-error the same, data-first with a text
Cached.failover(load, "k", { ttl: 1, fallbackOn: (cause: Cause.Cause<Down>) => cause !== null })
// @ts-expect-error a timeout may fall back too
Cached.failover(load, "k", { ttl: 1, timeout: 1, fallbackOn: isTyped })

// ---------------------------------------------------------------------------------------------------------------------
// functions and resolvers
// ---------------------------------------------------------------------------------------------------------------------

declare const lookup: (key: Weather) => Effect.Effect<number, Http>
declare const lookupMany: (
  keys: ReadonlyArray<Weather>
) => Effect.Effect<ReadonlyArray<Exit.Exit<number, Http>>, Gone>
declare const origin: RequestResolver.RequestResolver<Weather>

is<Effect.Effect<number, Down | Http, Cache>>()(
  Cached.fn(Weather, lookup, { ...strategy, fallbackOn: ["Http", "Down"] })({ id: "a" })
)
is<Effect.Effect<number, Down | Http, Cache>>()(
  Cached.fn(Weather, (key) => lookup(key), { ...strategy, fallbackOn: ["Http"] })({ id: "a" })
)
Cached.fn(Weather, lookup, {
  ...strategy,
  fallbackOn: (cause) => {
    same<typeof cause, Cause.Cause<Down | Http>>(true)
    return true
  }
})
Cached.recursive(Weather, (_, self) => self({ id: "b" }), { ...strategy, fallbackOn: ["Down"] })
is<Effect.Effect<ReadonlyArray<Exit.Exit<number, Down | Http>>, Gone, Cache>>()(
  Cached.many(Weather, lookupMany, {
    ...strategy,
    fallbackOn: (cause) => {
      same<typeof cause, Cause.Cause<Down | Http | Gone>>(true)
      return true
    }
  })([])
)
Cached.resolver(origin, { ...strategy, fallbackOn: ["Down"] })

// @ts-expect-error no failure of the look-up has this tag
Cached.fn(Weather, lookup, { ...strategy, fallbackOn: ["Gone"] })
// @ts-expect-error the same, for one that calls itself
Cached.recursive(Weather, (_, self) => self({ id: "b" }), { ...strategy, fallbackOn: ["Http"] })
// @ts-expect-error the same, for many
Cached.many(Weather, lookupMany, { ...strategy, fallbackOn: ["Htpt"] })
// @ts-expect-error the same, for requests
Cached.resolver(origin, { ...strategy, fallbackOn: ["Http"] })
