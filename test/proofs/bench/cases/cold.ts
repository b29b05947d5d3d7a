/** 10,000 callers that ask for the same missing key: the time until all are answered. */
import { Cache, Deferred, Effect } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { inTurn, measure, took } from "../measure.ts"

const callers = 10_000

type Get = (key: string, load: Effect.Effect<number>) => Effect.Effect<number, unknown, Caching.Caching>

/** The load ends when the last caller has come. */
const once = Effect.fnUntraced(function*(get: Get, key: string) {
  const gate = yield* Deferred.make<number>()
  let loads = 0
  const load = Effect.suspend(() => {
    loads++
    return Deferred.await(gate)
  })
  const all = [...Array.from({ length: callers }, () => get(key, load)), Deferred.succeed(gate, 1)]
  globalThis.gc!()
  const taken = yield* took(Effect.all(all, { concurrency: "unbounded", discard: true }))
  if (loads !== 1) throw new Error(`${loads} loads of ${key}`)
  return taken
})

const program = Effect.gen(function*() {
  const loads = new Map<string, Effect.Effect<number>>()
  const cache = yield* Cache.make({
    capacity: 5000,
    lookup: (key: string) => loads.get(key)!,
    timeToLive: "1 hour"
  })
  const subjects: { readonly [name: string]: Get } = {
    "Effect Cache.get": (key, load) => {
      loads.set(key, load)
      return Cache.get(cache, key)
    },
    "Cached.ttl": (key, load) => Cached.ttl(load, key, { ttl: "10 minutes" })
  }
  return yield* inTurn(subjects, { warmup: 8, rounds: 50 }, (get, round) => once(get, `cold:${round}`))
})

await measure(program.pipe(Effect.provide(CacheLayer.memory())))
