/**
 * A hit in a full memory of ten thousand ids, some of them popular: by policy, and with the curve of other capacities.
 */
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { randomOf } from "../../../support/random.ts"
import { measure, timeHits } from "../measure.ts"

const capacity = 10_000
const calls = 20_000
const lookup = Effect.sync(() => 1)
const random = randomOf(1)
const reads = Array.from({ length: calls }, () => `user:${Math.floor(capacity ** random()) - 1}`)

const layers = {
  lru: CacheLayer.memory({ capacity, eviction: "lru" }),
  adaptive: CacheLayer.memory({ capacity }),
  "with a curve": CacheLayer.memory({ capacity, curve: true })
}

await measure(timeHits(layers, {
  body: (i) => Cached.ttl(lookup, reads[i]!, { ttl: "1 hour" }),
  fill: (i) => Cached.set(`user:${i}`, 1, { ttl: "1 hour" }),
  ...{ keys: capacity, calls, warmup: 20, rounds: 40 }
}))
