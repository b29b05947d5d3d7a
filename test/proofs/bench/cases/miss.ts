/** A read that finds nothing: it loads, and what it stores takes the place of another entry: `miss.ts <policy>`. */
import { Cache, Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { policies as builtIn } from "../../../../src/internal/eviction/policies.ts"
import { measure, timeCalls } from "../measure.ts"

const policies = { adaptive: builtIn.adaptive, lru: builtIn.lru }
const name = process.argv[2] as keyof typeof policies
const capacity = 10_000
const load = Effect.sync(() => 1)

const program = Effect.gen(function*() {
  const cache = yield* Cache.make({ capacity, lookup: (_: string) => load, timeToLive: "1 hour" })
  // A key that was not asked for before, by whichever subject.
  let reads = 0
  const rows = yield* timeCalls({
    [`Effect Cache.get, beside ${name}`]: () => Cache.get(cache, `user:${++reads}`),
    [`Cached.ttl, ${name}`]: () => Cached.ttl(load, `user:${++reads}`, { ttl: "1 hour" })
  }, { calls: 2000, warmup: 40, rounds: 100 })
  const { evictions, loads } = yield* Cached.stats
  // The first ten thousand found room.
  if (evictions !== loads - capacity) throw new Error(`${evictions} evictions after ${loads} loads`)
  return rows
})

await measure(program.pipe(Effect.provide(CacheLayer.memory({ capacity, eviction: policies[name] }))))
