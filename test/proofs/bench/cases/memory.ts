/** Bytes an entry takes in memory, of a million small ones. One subject a process: `memory.ts <subject>`. */
import { Cache, Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { LRUCache } from "lru-cache"
import { type Body, bytesUsed, measure, repeat } from "../measure.ts"

const entries = 1_000_000
const keyOf = (i: number): string => `user:${i}`

const fillMap = (map: { readonly set: (key: string, value: number) => unknown }): void => {
  for (let i = 0; i < entries; i++) map.set(keyOf(i), keyOf(i).length)
}

const cached: Body = (i) => {
  const key = keyOf(i)
  return Cached.ttl(Effect.sync(() => key.length), key, { ttl: "1 hour" })
}

/** Each fills itself, and answers how many entries it has and what keeps them. */
const fill = Effect.fnUntraced(function*(subject: string) {
  switch (subject) {
    case "Map": {
      const map = new Map<string, number>()
      fillMap(map)
      return { size: map.size, map }
    }
    case "lru-cache": {
      const lru = new LRUCache<string, number>({ max: entries, ttl: 3_600_000 })
      fillMap(lru)
      return { size: lru.size, lru }
    }
    case "Effect Cache": {
      const lookup = (key: string) => Effect.succeed(key.length)
      const cache = yield* Cache.make({ capacity: entries, lookup, timeToLive: "1 hour" })
      yield* repeat((i) => Cache.get(cache, keyOf(i)), entries)
      return { size: yield* Cache.size(cache), cache }
    }
    default: {
      yield* repeat(cached, entries)
      return { size: (yield* Cached.stats).size }
    }
  }
})

const program = Effect.gen(function*() {
  const name = process.argv[2]!
  const before = bytesUsed()
  const filled = yield* fill(name)
  // Lets go of objects that only the run loop held.
  yield* Effect.sleep(10)
  const value = (bytesUsed() - before) / entries
  // Looked at after the measurement, so it is still there then.
  if (filled.size !== entries) throw new Error(`${filled.size} entries`)
  return [{ name, value }]
})

await measure(program.pipe(Effect.provide(CacheLayer.memory({ capacity: entries }))))
