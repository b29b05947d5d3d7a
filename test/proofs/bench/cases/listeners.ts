/** A hit in memory with each kind of listener, and without one: all of them are counted. */
import { Effect, Layer, type Scope, Stream } from "effect"
import { Cached, CacheLayer, Caching } from "effect-cached"
import { listenersOf } from "../../../support/listeners.ts"
import { measure, timeHits } from "../measure.ts"

/** Few: the places of more entries in memory make a larger difference between two equal caches than a listener does. */
const keys = 100
const ids = Array.from({ length: keys }, (_, i) => `user:${i}`)
const lookup = Effect.sync(() => 1)

const listening = (listen: Effect.Effect<unknown, never, Caching.Caching | Scope.Scope>) =>
  Layer.effectDiscard(listen).pipe(Layer.provideMerge(CacheLayer.memory()))

const layers = {
  "no listener": listening(Effect.void),
  "a listener": listening(Effect.map(Caching.Caching, (caching) => listenersOf(caching).listen(() => {}))),
  "Cached.events": listening(Effect.forkScoped(Stream.runDrain(Cached.events()), { startImmediately: true }))
}

await measure(timeHits(layers, {
  body: (i) => Cached.softTtl(lookup, ids[i % keys]!, { ttl: "10 minutes", softTtl: "7 minutes" }),
  ...{ keys, calls: 2500, warmup: 80, rounds: 160 }
}))
