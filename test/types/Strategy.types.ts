/** Types that the compiler must infer from strategies; checked by `tsc`, not run. */
import { type Cause, Duration, type Effect, Exit, Schema } from "effect"
import { Cached, CacheKey, type Caching, type Strategy } from "effect-cached"
import { type CacheEntry, Ttl } from "effect-cached/adapters"
import type { Of } from "../../src/ports/strategy.ts"
import { is, same } from "./same.ts"

class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { id: Schema.String, days: Schema.Number },
  success: Schema.Number,
  error: Down
}) {}

// ---------------------------------------------------------------------------------------------------------------------
// each strategy: for anything where its options ask nothing, and of what they ask where they do
// ---------------------------------------------------------------------------------------------------------------------

export const asking: ReadonlyArray<Strategy.Input> = [
  { ttl: 1 },
  { strategy: "ttl", ttl: 1, jitter: 0.1 },
  { strategy: "softTtl", ttl: 1, softTtl: 1 },
  { strategy: "refreshAhead", ttl: "1 day", refreshAfter: "1 hour" },
  { strategy: "probabilistic", ttl: Duration.days(1) },
  { strategy: "sliding", idle: 1 },
  { strategy: "sliding", idle: 1, ttl: "1 day", jitter: 0.1 },
  { strategy: "maxHits", ttl: 1, hits: 3, refreshAfter: 2 },
  { strategy: "failover", ttl: 1 },
  { strategy: "untilInvalidated" }
]

type OfWeather = Strategy.Input<number, Down, Weather>
const length = (exit: Exit.Exit<number, Down>, key: Weather) => Exit.isSuccess(exit) ? exit.value : key.days
export const answering: ReadonlyArray<OfWeather> = [
  { ttl: length },
  { strategy: "softTtl", ttl: length, softTtl: 1 },
  { strategy: "refreshAhead", ttl: length, refreshAfter: 1 },
  { strategy: "probabilistic", ttl: length, beta: 2 },
  { strategy: "sliding", ttl: length, idle: 1 },
  { strategy: "maxHits", ttl: length, hits: 1 },
  { strategy: "failover", ttl: length }
]
const ofLength = { strategy: "sliding", idle: 1, ttl: length } as const
export const byTtl: OfWeather = {
  strategy: "maxHits",
  hits: 1,
  ttl: (exit, key) => {
    same<typeof exit, Exit.Exit<number, Down>>(true)
    same<typeof key, Weather>(true)
    return 1
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// one's own
// ---------------------------------------------------------------------------------------------------------------------

export const own: Strategy.Strategy<number> = {
  name: "own",
  decide: (entry, now, random) => {
    same<typeof entry, CacheEntry.Timing | undefined>(true)
    same<typeof now, number>(true)
    same<typeof random, () => number>(true)
    return "LoadOrStale"
  },
  lifetime: (exit, key) => {
    same<typeof exit, Exit.Exit<number, unknown>>(true)
    same<typeof key, unknown>(true)
    return Exit.isSuccess(exit) ? { softTtl: exit.value, ttl: Infinity } : "skip"
  },
  touch: (entry, now) => Math.max(entry.expiresAt, now + 1),
  countsReads: true,
  jitter: 0.1,
  retryAfter: "1 second"
}
same<Strategy.Decision, "Serve" | "ServeAndRefresh" | "Load" | "LoadOrStale">(true)
same<ReturnType<Strategy.Strategy["lifetime"]>, Strategy.Lifetime | "skip">(true)
export const of: Of<number, Down, Weather, number> = length
// One for anything is one for what is narrower.
declare const anything: Strategy.Strategy
export const narrower: OfWeather = anything

// ---------------------------------------------------------------------------------------------------------------------
// the combinators of the same names
// ---------------------------------------------------------------------------------------------------------------------

declare const load: Effect.Effect<number, Down>
const key = new Weather({ id: "a", days: 1 })
type Loaded = Effect.Effect<number, Down, Caching.Caching>
const combined = [
  load.pipe(Cached.sliding(key, { idle: 1 })),
  load.pipe(Cached.sliding("k", { idle: "1 hour" })),
  load.pipe(Cached.sliding("k", { idle: "1 hour", ttl: "1 day", jitter: 0.5 })),
  load.pipe(Cached.sliding(key, { idle: 1, ttl: length, tags: (_, key) => [key.id] })),
  load.pipe(Cached.sliding("k", { idle: 1, ttl: (exit) => Exit.isSuccess(exit) ? exit.value : 0 })),
  Cached.sliding(load, key, { idle: 1 }),
  Cached.sliding(load, "k", { idle: 1, when: (exit) => Exit.isSuccess(exit) && exit.value > 1 }),
  load.pipe(Cached.maxHits(key, { ttl: 1, hits: 3 })),
  load.pipe(Cached.maxHits("k", { ttl: 1, hits: 3, refreshAfter: 1 })),
  Cached.maxHits(load, key, { ttl: length, hits: 3 }),
  Cached.maxHits(load, "k", { ttl: 1, hits: 3 }),
  load.pipe(Cached.ttl(key, { ttl: 1, copy: "structured", memoryTtl: "1 second", minLoad: 1, shareLoad: false })),
  load.pipe(Cached.ttl(key, { ttl: 1, copy: (value) => value + 1 })),
  load.pipe(Cached.ttl("k", { ttl: 1, copy: (value) => value })),
  load.pipe(Cached.ttl("k", { ttl: 1, memoryTtl: 0, minLoad: "1 second", retryAfter: 0 })),
  load.pipe(Cached.withStrategy(key, { strategy: own, copy: (value) => value })),
  load.pipe(
    Cached.withStrategy("k", {
      strategy: { strategy: "maxHits", hits: 3, refreshAfter: 1, ttl: "24 hours" },
      tags: ["t"],
      memoryTtl: 1
    })
  ),
  load.pipe(
    Cached.withStrategy(key, { strategy: ofLength, fallbackOn: (cause: Cause.Cause<Down>) => cause !== null })
  )
] as const
same<(typeof combined)[number], Loaded>(true)

// ---------------------------------------------------------------------------------------------------------------------
// lifetimes
// ---------------------------------------------------------------------------------------------------------------------

is<Duration.Duration>()(Ttl.parse("1d2h"))
export const millis: number = Ttl.toMillis("1 hour", "idle")

// ---------------------------------------------------------------------------------------------------------------------
// what must not compile
// ---------------------------------------------------------------------------------------------------------------------

const given = (_: Strategy.Input) => {}
// @ts-expect-error no idle
given({ strategy: "sliding", ttl: 1 })
// @ts-expect-error an unknown option
given({ strategy: "sliding", idle: 1, idel: 1 })
// @ts-expect-error no hits
given({ strategy: "maxHits", ttl: 1 })
// @ts-expect-error no ttl
given({ strategy: "maxHits", hits: 1 })
// @ts-expect-error reads are counted in numbers
given({ strategy: "maxHits", ttl: 1, hits: "3" })
// @ts-expect-error no refreshAfter
given({ strategy: "refreshAhead", ttl: 1 })
// @ts-expect-error another strategy's option
given({ strategy: "probabilistic", ttl: 1, softTtl: 1 })
// @ts-expect-error the word of the strategy is missing
given({ ttl: 1, softTtl: 1 })
// @ts-expect-error a misspelt word
given({ strategy: "softTll", ttl: 1, softTtl: 1 })
// @ts-expect-error a jitter that is no number
given({ strategy: "failover", ttl: 1, jitter: "much" })
// @ts-expect-error which outcomes are stored is said by a read
given({ strategy: "untilInvalidated", when: () => true })
// @ts-expect-error which outcomes are stored is said by a read
given({ ttl: 1, when: () => true })
// @ts-expect-error neither options nor a strategy
given({})
// @ts-expect-error a lifetime in text
export const text: Strategy.Strategy = { ...own, lifetime: () => "1 hour" }
// @ts-expect-error one for weather is none for anything
export const wider: Strategy.Input = ofLength
// @ts-expect-error no name
export const nameless: Strategy.Strategy = { decide: () => "Load", lifetime: () => "skip" }
// @ts-expect-error no idle
load.pipe(Cached.sliding(key, { ttl: 1 }))
// @ts-expect-error no hits
load.pipe(Cached.maxHits("k", { ttl: 1 }))
// @ts-expect-error a fallback where nothing falls back
load.pipe(Cached.sliding(key, { idle: 1, fallbackOn: () => true }))
// @ts-expect-error a copy of another type
load.pipe(Cached.ttl(key, { ttl: 1, copy: (value) => String(value) }))
// @ts-expect-error no such way to copy
load.pipe(Cached.ttl(key, { ttl: 1, copy: "deep" }))
// @ts-expect-error a lease that is neither on nor off
load.pipe(Cached.ttl(key, { ttl: 1, lease: "5 seconds" }))
// @ts-expect-error a text that is no duration
load.pipe(Cached.ttl(key, { ttl: 1, memoryTtl: "short" }))
// @ts-expect-error the options of a strategy are its own
load.pipe(Cached.withStrategy(key, { strategy: { strategy: "untilInvalidated" }, ttl: 1 }))
// @ts-expect-error a compact duration is a text
Ttl.parse(5)
