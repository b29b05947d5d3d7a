/**
 * A hit in the memory of a process that tracks the changes of others to its folder, or to its server, compared with a
 * process that is alone.
 */
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { measure, startRedis, temporaryFolder, timeHits } from "../measure.ts"

// As many as where a hit is measured beside others: more would measure how far apart entries lie in the processor's
// caches.
const keys = 250
const ids = Array.from({ length: keys }, (_, i) => `user:${i}`)

const layers = {
  "CacheLayer.memory": CacheLayer.memory(),
  "CacheLayer.disk": CacheLayer.disk({ directory: temporaryFolder() }),
  "CacheLayer.redis": CacheLayer.redis({ url: await startRedis(), connect: "required" })
}

await measure(timeHits(layers, {
  body: (i) => Cached.ttl(Effect.succeed(1), ids[i % keys]!, { ttl: "1 hour" }),
  ...{ keys, fills: 2, calls: 20_000, warmup: 20, rounds: 80 }
}))
