/** A hit in memory under the strategies that do more for one than to look at deadlines, beside one that does not. */
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { type Body, print, timeCalls } from "../measure.ts"

const keys = 1000
const ids = Array.from({ length: keys }, (_, i) => `user:${i}`)
const lookup = Effect.sync(() => 1)

const subjects: { readonly [name: string]: Body } = {
  "Cached.ttl": (i) => Cached.ttl(lookup, `a${ids[i % keys]!}`, { ttl: "10 minutes" }),
  "Cached.sliding": (i) => Cached.sliding(lookup, `b${ids[i % keys]!}`, { idle: "10 minutes" }),
  "Cached.maxHits": (i) => Cached.maxHits(lookup, `c${ids[i % keys]!}`, { ttl: "10 minutes", hits: 1e9 })
}

const program = timeCalls({ subjects, calls: 10_000, warmup: 50, rounds: 100 })

print(await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))))
