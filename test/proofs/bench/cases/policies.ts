/**
 * A hit in a full memory of ten thousand ids, some of them popular: by policy, and with the curve of other capacities.
 */
import { Context, Effect, Layer } from "effect"
import { Cached, CacheLayer, Caching } from "effect-cached"
import { randomOf } from "../../../support/random.ts"
import { type Body, print, timeCalls } from "../measure.ts"

const capacity = 10_000
const lookup = Effect.sync(() => 1)
const random = randomOf(1)
const reads = Array.from({ length: 100_000 }, () => `user:${Math.floor(capacity ** random()) - 1}`)

const program = Effect.gen(function*() {
  const cache = Effect.fnUntraced(function*(options: CacheLayer.MemoryOptions) {
    const context = yield* Layer.build(Layer.fresh(CacheLayer.memory({ capacity, ...options })))
    const caching = Context.get(context, Caching.Caching)
    for (let i = 0; i < capacity; i++) {
      yield* Effect.provideService(Cached.set(`user:${i}`, 1, { ttl: "1 hour" }), Caching.Caching, caching)
    }
    return caching
  })
  const caches = {
    lru: yield* cache({ eviction: "lru" }),
    adaptive: yield* cache({}),
    "with a curve": yield* cache({ curve: true })
  }
  // One call is a hundred hits, so that to provide another cache costs little.
  const subjects = Object.fromEntries(
    Object.entries(caches).map(([name, caching]): [string, Body] => [
      name,
      (i) =>
        Effect.provideService(
          Effect.gen(function*() {
            const from = i * 100 % reads.length
            for (let place = from; place < from + 100; place++) {
              yield* Cached.ttl(lookup, reads[place]!, { ttl: "1 hour" })
            }
          }),
          Caching.Caching,
          caching
        )
    ])
  )
  return yield* timeCalls({ subjects, calls: 200, warmup: 20, rounds: 40 })
})

print(await Effect.runPromise(Effect.scoped(program) as Effect.Effect<never>))
