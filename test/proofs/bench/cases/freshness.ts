/**
 * A hit in the memory of a process that tracks the changes of others to its folder, or to its server, compared with a
 * process that is alone.
 */
import { type Context, Effect, Layer } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Body, inTurn, nanos, print, repeat } from "../measure.ts"
import * as Redis from "../redis.ts"

// As many as where a hit is measured beside others: more would measure how far apart entries lie in the processor's
// caches.
const keys = 250
const calls = 20_000
const warmup = 20
const rounds = 80
const ids = Array.from({ length: keys }, (_, i) => `user:${i}`)

const body: Body = (i) => Cached.ttl(Effect.succeed(1), ids[i % keys]!, { ttl: "1 hour" })

const directory = mkdtempSync(join(tmpdir(), "effect-cached-bench-"))
const server = await Redis.start()
if (server === undefined) console.error("NO REDIS")

const program = Effect.gen(function*() {
  const layers: ReadonlyArray<readonly [string, Layer.Layer<Caching.Caching, unknown>]> = [
    ["CacheLayer.memory", CacheLayer.memory()],
    ["CacheLayer.disk", CacheLayer.disk({ directory })],
    ...server === undefined ? [] : [
      [
        "CacheLayer.redis",
        CacheLayer.redis({ url: `redis://127.0.0.1:${server.port}`, connect: "required" })
      ] as const
    ]
  ]
  const caches: { [name: string]: Context.Context<Caching.Caching> } = {}
  // In another order in each process: the entries of the last one lie less close to one another.
  for (const [name, layer] of layers.toSorted(() => Math.random() - 0.5)) caches[name] = yield* Layer.build(layer)
  const read = Effect.forEach(Object.values(caches), (cache) => Effect.provide(repeat(body, keys), cache), {
    discard: true
  })
  yield* read
  // The server reports own writes, too: an entry whose writer it reported late is read once more.
  yield* Effect.sleep("300 millis")
  yield* read
  // The garbage collector must not leave gaps between the entries of only one cache.
  for (let i = 0; i < 4; i++) globalThis.gc?.()
  const hitsOf = (name: string) => Effect.map(Effect.provide(Cached.stats, caches[name]!), ({ hits }) => hits)
  const before = yield* Effect.forEach(layers, ([name]) => hitsOf(name))
  const rows = yield* inTurn(
    { subjects: layers.map(([name]) => name), warmup, rounds },
    (name) =>
      Effect.gen(function*() {
        // A process that serves others reaches its timers: tracking depends on them.
        yield* Effect.sleep(1)
        const start = nanos()
        yield* Effect.provide(repeat(body, calls), caches[name]!)
        return (nanos() - start) / calls
      })
  )
  for (const [i, [name]] of layers.entries()) {
    const hits = (yield* hitsOf(name)) - before[i]!
    if (hits !== calls * (warmup + rounds)) throw new Error(`only ${hits} hits in memory`)
  }
  return rows
})

try {
  print(await Effect.runPromise(Effect.scoped(program)))
} finally {
  await server?.stop()
  rmSync(directory, { recursive: true, force: true })
}
