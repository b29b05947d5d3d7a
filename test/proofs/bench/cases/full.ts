/**
 * Reads of a full cache, one after the other: a share of popular ids, a scan that is larger than the cache, both mixed.
 * Each read that misses loads, and what it stores takes the place of something: `full.ts <subject> <load>`.
 */
import { Cache as EffectCache, Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { LRUCache } from "lru-cache"
import { randomOf } from "../../../support/random.ts"
import { print } from "../measure.ts"

const capacity = 10_000
const ids = 100_000
const warmup = 200_000
const reads = 300_000
const hour = 3_600_000

const zipf = (random: () => number) => (): number => Math.floor(ids ** random()) - 1

/** Which id is read in each step. */
const loads: { readonly [load: string]: () => (step: number) => number } = {
  zipf: () => zipf(randomOf(1)),
  scan: () => (step) => step % (2 * capacity),
  mixed: () => {
    const popular = zipf(randomOf(1))
    // Every fourth read is of a scan.
    return (step) => step % 4 === 0 ? ids + step / 4 % (2 * capacity) : popular()
  }
}

const [subject, load] = process.argv.slice(2) as [string, string]
const nextId = loads[load]!()
const keys = Array.from({ length: warmup + reads }, (_, step) => `key:${nextId(step)}`)
const times = new Float64Array(reads)
let misses = 0
const value = (key: string): { readonly key: string } => {
  misses++
  return { key }
}

/**
 * Notes how long the read took that began at a time; the first ones fill the cache, and the compiler learns in them.
 */
const note = (step: number, began: bigint): void => {
  if (step === warmup - 1) misses = 0
  if (step >= warmup) times[step - warmup] = Number(process.hrtime.bigint() - began)
}

const inEffect = <E, R>(read: (key: string) => Effect.Effect<unknown, E, R>): Effect.Effect<void, E, R> =>
  Effect.gen(function*() {
    for (let step = 0; step < keys.length; step++) {
      const began = process.hrtime.bigint()
      yield* read(keys[step]!)
      note(step, began)
    }
  })

const inPromises = async (read: (key: string) => Promise<unknown>): Promise<void> => {
  for (let step = 0; step < keys.length; step++) {
    const began = process.hrtime.bigint()
    await read(keys[step]!)
    note(step, began)
  }
}

const subjects: { readonly [subject: string]: () => Promise<void> } = {
  "effect-cached": () =>
    Effect.runPromise(
      inEffect((key) => Cached.ttl(Effect.sync(() => value(key)), key, { ttl: "1 hour" })).pipe(
        Effect.provide(CacheLayer.memory({ capacity }))
      )
    ),
  "Effect Cache": () =>
    Effect.runPromise(Effect.gen(function*() {
      const lookup = (key: string) => Effect.sync(() => value(key))
      const cache = yield* EffectCache.make({ capacity, lookup, timeToLive: "1 hour" })
      yield* inEffect((key) => EffectCache.get(cache, key))
    })),
  "lru-cache": async () => {
    const cache = new LRUCache<string, { readonly key: string }>({ max: capacity, ttl: hour })
    for (let step = 0; step < keys.length; step++) {
      const began = process.hrtime.bigint()
      const key = keys[step]!
      if (cache.get(key) === undefined) cache.set(key, value(key))
      note(step, began)
    }
  },
  "bentocache": async () => {
    const { BentoCache, bentostore } = await import("bentocache")
    const { memoryDriver } = await import("bentocache/drivers/memory")
    const store = bentostore().useL1Layer(memoryDriver({ maxItems: capacity, serialize: false }))
    const cache = new BentoCache({ default: "memory", stores: { memory: store } })
    await inPromises((key) => cache.getOrSet({ key, ttl: hour, factory: () => value(key) }))
    await cache.disconnectAll()
  },
  "cacheable": async () => {
    const { Cacheable, createKeyv } = await import("cacheable")
    const cache = new Cacheable({ primary: createKeyv({ lruSize: capacity, useClone: false }) })
    await inPromises((key) => cache.getOrSet(key, async () => value(key), { ttl: hour }))
    await cache.disconnect()
  },
  "async-cache-dedupe": async () => {
    const { createCache } = await import("async-cache-dedupe")
    const cache = createCache({ ttl: hour / 1000, storage: { type: "memory", options: { size: capacity } } })
      .define("read", async (key: string) => value(key))
    await inPromises((key) => cache.read(key))
  }
}

await subjects[subject]!()
times.sort()
print([
  { name: `${load}, hit ratio: ${subject}`, value: 1 - misses / reads },
  { name: `${load}, p50: ${subject}`, value: times[reads >> 1]! }
])
