/** A hit in the memory of a process that follows what others do to its folder, or to its server, beside that of one that is alone. */
import { type Context, Effect, Layer } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Body, inTurn, nanos, print, repeat } from "../measure.ts"
import * as Redis from "../redis.ts"

const keys = 1000
const calls = 20_000
const warmup = 20
const rounds = 80
const ids = Array.from({ length: keys }, (_, i) => `user:${i}`)

const body: Body = (i) => Cached.ttl(Effect.succeed(1), { key: ids[i % keys]!, ttl: "1 hour" })

const directory = mkdtempSync(join(tmpdir(), "effect-cached-bench-"))
const server = await Redis.start()
if (server === undefined) console.error("NO REDIS")

const program = Effect.gen(function*() {
  const caches: { readonly [name: string]: Context.Context<Caching.Caching> } = {
    "CacheLayer.memory": yield* Layer.build(CacheLayer.memory()),
    "CacheLayer.disk": yield* Layer.build(CacheLayer.disk({ directory })),
    ...server === undefined ? {} : {
      "CacheLayer.redis": yield* Layer.build(
        CacheLayer.redis({ url: `redis://127.0.0.1:${server.port}`, connect: "required" })
      )
    }
  }
  for (const cache of Object.values(caches)) yield* Effect.provide(repeat(body, keys), cache)
  const rows = yield* inTurn({ subjects: Object.keys(caches), warmup, rounds }, (name) =>
    Effect.gen(function*() {
      // a process that serves others comes to its timers: what it follows by runs
      yield* Effect.sleep(1)
      const start = nanos()
      yield* Effect.provide(repeat(body, calls), caches[name]!)
      return (nanos() - start) / calls
    }))
  for (const cache of Object.values(caches)) {
    const stats = yield* Effect.provide(Cached.stats, cache)
    if (stats.hits !== calls * (warmup + rounds)) throw new Error(`only ${stats.hits} hits in memory`)
  }
  return rows
})

try {
  print(await Effect.runPromise(Effect.scoped(program)))
} finally {
  await server?.stop()
  rmSync(directory, { recursive: true, force: true })
}
