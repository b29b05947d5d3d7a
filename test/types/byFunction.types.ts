/** Options that are functions of outcome or key; checked by `tsc`, not run. */
import { Effect, Exit, Schema } from "effect"
import { Cached, type CacheError, CacheKey, type Caching, type Strategy } from "effect-cached"
import { same } from "./same.ts"

class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { id: Schema.String, days: Schema.Number },
  success: Schema.Number,
  error: Down
}) {}
const key = new Weather({ id: "a", days: 1 })
declare const load: Effect.Effect<number, Down>

type Loaded = Effect.Effect<number, Down, Caching.Caching>
type TimedOut = Effect.Effect<number, Down | CacheError.LoadTimeout, Caching.Caching>

// ---------------------------------------------------------------------------------------------------------------------
// lifetimes, of outcome and key
// ---------------------------------------------------------------------------------------------------------------------

const lifetimes = [
  load.pipe(
    Cached.softTtl(key, {
      ttl: "1h",
      fallbackOn: "all",
      softTtl: (exit, key) => {
        same<typeof exit, Exit.Exit<number, Down>>(true)
        same<typeof key, Weather>(true)
        return "1m"
      }
    })
  ),
  load.pipe(
    Cached.softTtl("k", {
      ttl: "1h",
      fallbackOn: "all",
      softTtl: (exit, key) => {
        same<typeof exit, Exit.Exit<number, Down>>(true)
        same<typeof key, string>(true)
        return Exit.isSuccess(exit) ? exit.value : 0
      }
    })
  ),
  Cached.softTtl(load, key, {
    ttl: (exit) => Exit.isSuccess(exit) ? exit.value : 1,
    softTtl: (_, { days }) => days,
    fallbackOn: "all"
  }),
  Cached.refreshAhead(load, "k", { ttl: "1h", refreshAfter: (exit) => Exit.isSuccess(exit) ? exit.value : 0 }),
  load.pipe(Cached.refreshAhead(key, { ttl: "1h", refreshAfter: (_, { days }) => `${days}m` })),
  load.pipe(
    Cached.withStrategy(key, { strategy: { strategy: "softTtl", ttl: "1h", softTtl: (_, key: Weather) => key.days } })
  )
] as const
same<(typeof lifetimes)[number], Loaded>(true)

const strategy: Strategy.Input<number, Down, Weather> = {
  strategy: "refreshAhead",
  ttl: "1h",
  refreshAfter: (exit, key) => Exit.isSuccess(exit) ? exit.value : key.days
}

// @ts-expect-error the key has no such field
load.pipe(Cached.softTtl(key, { ttl: "1h", softTtl: (_, { hours }) => hours, fallbackOn: "all" }))
// @ts-expect-error no duration
load.pipe(Cached.softTtl(key, { ttl: "1h", softTtl: () => "soon", fallbackOn: "all" }))
// @ts-expect-error idle is no function
load.pipe(Cached.sliding(key, { ttl: "1h", idle: () => "1m" }))

// ---------------------------------------------------------------------------------------------------------------------
// timeouts, of the key
// ---------------------------------------------------------------------------------------------------------------------

const timeouts = [
  load.pipe(Cached.ttl(key, { ttl: "1h", timeout: ({ days }) => `${days}s` })),
  load.pipe(
    Cached.ttl("k", {
      ttl: "1h",
      timeout: (key) => {
        same<typeof key, string>(true)
        return "1s"
      }
    })
  ),
  load.pipe(Cached.ttl("k", { ttl: (exit) => Exit.isSuccess(exit) ? exit.value : 1, timeout: () => 1 })),
  Cached.ttl(load, key, { ttl: "1h", timeout: ({ days }) => days }),
  Cached.ttl(load, "k", { ttl: "1h", timeout: (key) => key.length }),
  Cached.withStrategy(load, key, { strategy, timeout: ({ days }) => days })
] as const
same<(typeof timeouts)[number], TimedOut>(true)

const softTimeouts = [
  load.pipe(Cached.failover(key, { ttl: "1h", softTimeout: ({ days }) => `${days}s`, fallbackOn: "all" })),
  load.pipe(Cached.failover("k", { ttl: "1h", softTimeout: (key) => key.length, fallbackOn: "all" })),
  Cached.failover(load, key, { ttl: "1h", softTimeout: ({ days }) => days, fallbackOn: "all" })
] as const
same<(typeof softTimeouts)[number], Loaded>(true)

const weather = Cached.fn(Weather, () => load, { ...strategy, timeout: ({ days }) => days })
same<ReturnType<typeof weather>, TimedOut>(true)
Cached.many(Weather, (keys) => Effect.succeed(keys.map(() => Exit.succeed(1))), {
  ...strategy,
  timeout: ({ days }) => days,
  softTimeout: ({ id }) => id.length
})

// @ts-expect-error the key has no such field
load.pipe(Cached.ttl(key, { ttl: "1h", timeout: ({ hours }) => hours }))
// @ts-expect-error no duration
load.pipe(Cached.ttl("k", { ttl: "1h", timeout: () => "soon" }))
// @ts-expect-error it is asked before there is an outcome
load.pipe(Cached.ttl(key, { ttl: "1h", timeout: (_: Weather, exit: unknown) => exit ? 1 : 2 }))

Cached.annotate({ softTtl: "1m" })
// @ts-expect-error the load knows its outcome
Cached.annotate({ softTtl: () => "1m" })

// ---------------------------------------------------------------------------------------------------------------------
// which outcomes are stored
// ---------------------------------------------------------------------------------------------------------------------

class Gone extends Schema.TaggedError<Gone>()("Gone", {}) {}
declare const either: Effect.Effect<number, Down | Gone>
type Either = Effect.Effect<number, Down | Gone, Caching.Caching>

const conditions = [
  either.pipe(
    Cached.ttl(key, {
      ttl: 1,
      storeIf: (value, key) => {
        same<typeof value, number>(true)
        same<typeof key, Weather>(true)
        return true
      },
      storeFailures: ["Down"]
    })
  ),
  either.pipe(
    Cached.ttl("k", {
      ttl: 1,
      storeIf: (value, key) => {
        same<typeof value, number>(true)
        same<typeof key, string>(true)
        return true
      },
      storeFailures: ["Gone"]
    })
  ),
  either.pipe(Cached.ttl("k", { ttl: 1, storeFailures: ["Gone", "Down"] })),
  either.pipe(Cached.softTtl("k", { ttl: 1, softTtl: 1, storeFailures: ["Gone"], fallbackOn: ["Down"] })),
  Cached.ttl(either, key, { ttl: 1, storeFailures: ["Down"], storeIf: (value) => value > 1 }),
  Cached.ttl(either, "k", { ttl: 1, storeFailures: ["Down", "Gone"], storeIf: (value) => value > 1 }),
  either.pipe(Cached.untilInvalidated("k", { storeFailures: ["Gone"] })),
  Cached.untilInvalidated("k", { storeFailures: ["Gone"] })(either)
] as const
same<(typeof conditions)[number], Either>(true)

Cached.fn(Weather, () => load, { ttl: 1, storeFailures: ["Down"] })
Cached.fn(Weather, () => load, { ttl: 1, storeIf: (value, key) => value > key.days })

// @ts-expect-error the key declares no such failure, so nothing could store it for long
either.pipe(Cached.ttl(key, { ttl: 1, storeFailures: ["Gone"] }))
// @ts-expect-error the same, of a function's strategy
Cached.fn(Weather, () => load, { ttl: 1, storeFailures: ["Gone"] })
// @ts-expect-error one tag is no list
either.pipe(Cached.ttl(key, { ttl: 1, storeFailures: "Down" }))
