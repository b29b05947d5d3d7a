/** A hit in memory with each kind of listener, and without one: all of them are counted. */
import { type Context, Effect, Layer, Stream } from "effect"
import { Cached, CacheLayer, Caching } from "effect-cached"
import { listenersOf } from "../../../support/listeners.ts"
import { type Body, inTurn, nanos, print, repeat } from "../measure.ts"

/** Few: the places of more entries in memory make a larger difference between two equal caches than a listener does. */
const keys = 100
const calls = 2500
const warmup = 80
const rounds = 160
const ids = Array.from({ length: keys }, (_, i) => `user:${i}`)
const lookup = Effect.sync(() => 1)

const body: Body = (i) => Cached.softTtl(lookup, ids[i % keys]!, { ttl: "10 minutes", softTtl: "7 minutes" })

const listeners = {
  "no listener": Effect.void,
  "a listener for loads": Effect.forkScoped(Stream.runDrain(Cached.events({ of: ["Load"] })), {
    startImmediately: true
  }),
  "a listener": Effect.map(Caching.Caching, (caching) => listenersOf(caching).listen(() => {})),
  "Cached.onRemoval": Cached.onRemoval(() => Effect.void),
  "Cached.events": Effect.forkScoped(Stream.runDrain(Cached.events()), { startImmediately: true })
}

const program = Effect.gen(function*() {
  const caches = new Map<string, Context.Context<Caching.Caching>>()
  for (const [name, listen] of Object.entries(listeners)) {
    const cache = yield* Layer.build(Layer.fresh(CacheLayer.memory()))
    yield* Effect.provide(Effect.andThen(listen, repeat(body, keys)), cache)
    caches.set(name, cache)
  }
  const rows = yield* inTurn({ subjects: [...caches.keys()], warmup, rounds }, (name) =>
    Effect.gen(function*() {
      // Listeners have their turn between the rounds.
      yield* Effect.sleep(1)
      const start = nanos()
      yield* Effect.provide(repeat(body, calls), caches.get(name)!)
      return (nanos() - start) / calls
    }))
  for (const cache of caches.values()) {
    const { hits } = yield* Effect.provide(Cached.stats, cache)
    if (hits !== calls * (warmup + rounds)) throw new Error(`only ${hits} hits were counted`)
  }
  return rows
})

print(await Effect.runPromise(Effect.scoped(program)))
