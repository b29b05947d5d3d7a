/** The costs of `CacheMetrics.layer`: hits and misses in memory with it and without it. */
import { Effect, Layer } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import * as CacheMetrics from "effect-cached/CacheMetrics"
import { type Body, inTurn, measure, repeat, took } from "../measure.ts"

const keys = 1000
const ids = Array.from({ length: keys }, (_, i) => `user:${i}`)
const load = Effect.sync(() => 1)

const hit: Body = (i) => Cached.ttl(load, ids[i % keys]!, { ttl: "1 hour" })

let reads = 0
const miss: Body = () => Cached.ttl(load, `cold:${++reads}`, { ttl: "1 hour" })

const memory = CacheLayer.memory({ capacity: 10_000 })

/** Nanoseconds a call, with metrics and without. */
const calls = Effect.fnUntraced(function*(what: string, body: Body, count: number) {
  const layers = { "without metrics": memory, "CacheMetrics.layer": CacheMetrics.layer(memory, { name: what }) }
  const caches = yield* Effect.forEach(
    Object.entries(layers),
    ([name, layer]) => Effect.map(Layer.build(Layer.fresh(layer)), (cache) => [`${what}, ${name}`, cache] as const)
  )
  for (const [, cache] of caches) yield* Effect.provide(repeat(hit, keys), cache)
  return yield* inTurn(
    Object.fromEntries(caches),
    { warmup: 40, rounds: 600 },
    (cache) => took(Effect.provide(repeat(body, count), cache), count)
  )
})

await measure(Effect.gen(function*() {
  return [...yield* calls("hit", hit, 2000), ...yield* calls("miss", miss, 500)]
}))
