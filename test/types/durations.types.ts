/** Which texts the compiler takes for durations; checked by `tsc`, not run. */
import { type Duration, Effect } from "effect"
import { Cached, CacheLayer, CachePolicy } from "effect-cached"
import { Ttl } from "effect-cached/adapters"

export const taken: ReadonlyArray<Ttl.Input> = [
  "250ms",
  "90s",
  "10m",
  "1h",
  "1.5h",
  "7d",
  "2w",
  "1d12h",
  "1h30m",
  "1m1ms",
  "1w2d3h4m5s6ms",
  "10 minutes",
  "Infinity",
  600_000,
  { minutes: 10 }
]
declare const ofEffect: Duration.Input
export const ofEffectToo: Ttl.Input = ofEffect

// @ts-expect-error a number of what?
Ttl.toMillis("10")
// @ts-expect-error no unit
Ttl.toMillis("10x")
// @ts-expect-error the larger unit comes first
Ttl.toMillis("12h1d")
// @ts-expect-error each unit once
Ttl.toMillis("1h1h")
// @ts-expect-error any text: see Ttl.parse
Ttl.toMillis(String("10m"))

// A few of the places; a test runs them.
const key = "k"
const load = Effect.succeed(1)
export const reads = [
  load.pipe(Cached.ttl(key, { ttl: "1h", jitter: 0.1, timeout: "5s", minLoad: "10ms", memoryTtl: "1m" })),
  Cached.softTtl(load, key, { ttl: () => "1d12h", softTtl: "12h", softTimeout: "1s", retryAfter: "30s" }),
  load.pipe(Cached.withStrategy(key, { strategy: { strategy: "refreshAhead", ttl: "1h", refreshAfter: "45m" } })),
  Cached.touch(key, "1h30m"),
  load.pipe(CachePolicy.storeTimeout("20ms"))
]
CacheLayer.memory({ shutdownTimeout: "5s", refresh: { timeout: "30s" } })

// @ts-expect-error no duration
load.pipe(Cached.ttl(key, { ttl: "1x" }))
