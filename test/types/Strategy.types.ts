/** Types that the compiler must infer from strategies; checked by `tsc`, not run. */
import { type Cause, Duration, type Effect, Exit, Schema } from "effect"
import { Cached, CacheKey, type Caching, Strategy } from "effect-cached"
import { type CacheEntry, Ttl } from "effect-cached/adapters"
import type { Of } from "../../src/ports/strategy.ts"

type Same<X, Y> = (<T>() => T extends X ? 1 : 2) extends (<T>() => T extends Y ? 1 : 2) ? true : false
const same = <X, Y>(_: Same<X, Y>) => {}

class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { id: Schema.String, days: Schema.Number },
  success: Schema.Number,
  error: Down
}) {}

// ---------------------------------------------------------------------------------------------------------------------
// each strategy: for anything where its options ask nothing, and of what they ask where they do
// ---------------------------------------------------------------------------------------------------------------------

const asking = [
  Strategy.ttl({ ttl: 1 }),
  Strategy.softTtl({ ttl: 1, softTtl: 1 }),
  Strategy.refreshAhead({ ttl: "1 day", refreshAfter: "1 hour" }),
  Strategy.probabilistic({ ttl: Duration.days(1) }),
  Strategy.sliding({ idle: 1 }),
  Strategy.sliding({ idle: 1, ttl: "1 day", jitter: 0.1 }),
  Strategy.maxHits({ ttl: 1, hits: 3, refreshAfter: 2 }),
  Strategy.maxHits({ hits: 3, refreshAfter: 1, ttl: "24 hours" }),
  Strategy.failover({ ttl: 1 }),
  Strategy.untilInvalidated
] as const
same<(typeof asking)[number], Strategy.Strategy>(true)

type OfWeather = Strategy.Strategy<number, Down, Weather>
const length = (exit: Exit.Exit<number, Down>, key: Weather) => Exit.isSuccess(exit) ? exit.value : key.days
export const answering: ReadonlyArray<OfWeather> = [
  Strategy.ttl({ ttl: length }),
  Strategy.softTtl({ ttl: length, softTtl: 1 }),
  Strategy.refreshAhead({ ttl: length, refreshAfter: 1 }),
  Strategy.probabilistic({ ttl: length, beta: 2 }),
  Strategy.sliding({ ttl: length, idle: 1 }),
  Strategy.maxHits({ ttl: length, hits: 1 }),
  Strategy.failover({ ttl: length })
]
const ofLength = Strategy.sliding({ idle: 1, ttl: length })
same<typeof ofLength, OfWeather>(true)
const byTtl = Strategy.maxHits<number, Down, Weather>({
  hits: 1,
  ttl: (exit, key) => {
    same<typeof exit, Exit.Exit<number, Down>>(true)
    same<typeof key, Weather>(true)
    return 1
  }
})
same<typeof byTtl, OfWeather>(true)

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
export const narrower: OfWeather = Strategy.untilInvalidated

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
      strategy: Strategy.maxHits({ hits: 3, refreshAfter: 1, ttl: "24 hours" }),
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

const parsed = Ttl.parse("1d2h")
same<typeof parsed, Duration.Duration>(true)
export const millis: number = Ttl.toMillis("1 hour", "idle")

// ---------------------------------------------------------------------------------------------------------------------
// what must not compile
// ---------------------------------------------------------------------------------------------------------------------

// @ts-expect-error no idle
Strategy.sliding({ ttl: 1 })
// @ts-expect-error an unknown option
Strategy.sliding({ idle: 1, idel: 1 })
// @ts-expect-error no hits
Strategy.maxHits({ ttl: 1 })
// @ts-expect-error no ttl
Strategy.maxHits({ hits: 1 })
// @ts-expect-error reads are counted in numbers
Strategy.maxHits({ ttl: 1, hits: "3" })
// @ts-expect-error no refreshAfter
Strategy.refreshAhead({ ttl: 1 })
// @ts-expect-error another strategy's option
Strategy.probabilistic({ ttl: 1, softTtl: 1 })
// @ts-expect-error a jitter that is no number
Strategy.failover({ ttl: 1, jitter: "much" })
// @ts-expect-error it takes no options
Strategy.untilInvalidated({ when: () => true })
// @ts-expect-error which outcomes are stored is said by a read
Strategy.ttl({ ttl: 1, when: () => true })
// @ts-expect-error a lifetime in text
export const text: Strategy.Strategy = { ...own, lifetime: () => "1 hour" }
// @ts-expect-error one for weather is none for anything
export const wider: Strategy.Strategy = ofLength
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
load.pipe(Cached.withStrategy(key, { strategy: Strategy.untilInvalidated, ttl: 1 }))
// @ts-expect-error a compact duration is a text
Ttl.parse(5)
