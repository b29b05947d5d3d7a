/**
 * A hit through `CacheLayer.routed`, in the first of three tiers and in the second one, each beside the cache that is
 * alone. The floor of the second tier is its store, asked through a callback as tiers are. Processor time of a thread
 * is too coarse for it: some systems count it in ticks of milliseconds.
 */
import { Effect, Exit, Layer } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { SqliteStore } from "effect-cached/sqlite"
import { join } from "node:path"
import { storeFrom } from "../../../support/storeFrom.ts"
import { measure, startRedis, temporaryFolder, timeHits } from "../measure.ts"

const keys = 250
const ids = Array.from({ length: keys }, (_, i) => `user:${i}`)

const root = temporaryFolder()
const url = await startRedis()
const folder = (name: string) => ({ directory: join(root, name) })
const region = (prefix: string) => CacheLayer.redis({ url, prefix, connect: "required" })

/** A store that answers at once, but through a callback. */
const throughCallback = Effect.map(storeFrom(SqliteStore.layer(folder("callback"))), (store): Store.Store => {
  const { getUnsafe } = store
  return {
    ...store,
    getUnsafe: undefined,
    getCallback: (id, tags, done) => done(Exit.succeed(getUnsafe!(id, tags)))
  }
})

const layers = {
  "CacheLayer.memory": CacheLayer.memory(),
  "CacheLayer.routed": CacheLayer.routed({
    default: CacheLayer.memory(),
    routes: [["page:", CacheLayer.memory()], ["user:", CacheLayer.memory()]]
  }),
  "first of three tiers": CacheLayer.tiered([
    CacheLayer.memory(),
    CacheLayer.disk(folder("near")),
    region("first")
  ]),
  "CacheLayer.disk": CacheLayer.disk({ ...folder("alone"), memory: false }),
  "the same through a callback": CacheLayer.layer({ memory: false }).pipe(
    Layer.provide(Layer.effect(Store.Store, throughCallback))
  ),
  "second tier": CacheLayer.tiered([CacheLayer.disk(folder("second")), region("second")])
}

await measure(timeHits(layers, {
  body: (i) => Cached.ttl(Effect.succeed(1), ids[i % keys]!, { ttl: "1 hour" }),
  ...{ keys, fills: 3, calls: 20_000, stored: /disk|second|callback/, warmup: 20, rounds: 60 }
}))
