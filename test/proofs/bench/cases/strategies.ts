/** A hit in memory under the strategies that do more for one than to look at deadlines, beside one that does not. */
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { measure, timeCalls } from "../measure.ts"

const keys = 1000
const ids = Array.from({ length: keys }, (_, i) => `user:${i}`)
const lookup = Effect.sync(() => 1)

const program = timeCalls({
  "Cached.ttl": (i) => Cached.ttl(lookup, `a${ids[i % keys]!}`, { ttl: "10 minutes" }),
  "Cached.sliding": (i) => Cached.sliding(lookup, `b${ids[i % keys]!}`, { idle: "10 minutes" }),
  "Cached.maxHits": (i) => Cached.maxHits(lookup, `c${ids[i % keys]!}`, { ttl: "10 minutes", hits: 1e9 })
}, { calls: 10_000, warmup: 50, rounds: 100 })

await measure(program.pipe(Effect.provide(CacheLayer.memory())))
