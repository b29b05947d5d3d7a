/**
 * A hit through `CacheLayer.routed`, in the first of three tiers and in the second one, each beside the cache that is
 * alone. The floor of the second tier is its store, asked through a callback as tiers are. Processor time of a thread
 * is too coarse for it: some systems count it in ticks of milliseconds.
 */
import { type Context, Effect, Exit, Layer } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { Store } from "effect-cached/adapters"
import { SqliteStore } from "effect-cached/sqlite"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { storeFrom } from "../../../support/storeFrom.ts"
import { type Body, inTurn, nanos, print, repeat } from "../measure.ts"
import * as Redis from "../redis.ts"

const keys = 250
const memoryCalls = 20_000
const storeCalls = 1000
const warmup = 20
const rounds = 60
const ids = Array.from({ length: keys }, (_, i) => `user:${i}`)

const body: Body = (i) => Cached.ttl(Effect.succeed(1), ids[i % keys]!, { ttl: "1 hour" })

const root = mkdtempSync(join(tmpdir(), "effect-cached-bench-"))
const folder = (name: string) => ({ directory: join(root, name) })

/** A store that answers at once, but through a callback. */
const throughCallback = Effect.map(storeFrom(SqliteStore.layer(folder("callback"))), (store): Store.Store => {
  const { getUnsafe } = store
  return {
    ...store,
    getUnsafe: undefined,
    getCallback: (id, tags, done) => done(Exit.succeed(getUnsafe!(id, tags)))
  }
})

const server = await Redis.start()

const program = Effect.gen(function*() {
  const region = (prefix: string) =>
    server === undefined
      ? CacheLayer.disk(folder(prefix))
      : CacheLayer.redis({ url: `redis://127.0.0.1:${server.port}`, prefix, connect: "required" })
  const layers: { readonly [name: string]: Layer.Layer<Caching.Caching, unknown> } = {
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
  const caches: { [name: string]: Context.Context<Caching.Caching> } = {}
  // In another order in each process: the entries of the last one lie less close to one another.
  for (const [name, layer] of Object.entries(layers).toSorted(() => Math.random() - 0.5)) {
    caches[name] = yield* Layer.build(layer)
  }
  const readAll = Effect.forEach(Object.values(caches), (cache) => Effect.provide(repeat(body, keys), cache), {
    discard: true
  })
  // An entry is copied to the second tier in the background, and a server reports own writes, too.
  for (let i = 0; i < 3; i++) yield* Effect.delay(readAll, "300 millis")
  for (let i = 0; i < 4; i++) globalThis.gc?.()
  const loads = Effect.map(
    Effect.forEach(Object.values(caches), (cache) => Effect.provide(Cached.stats, cache)),
    (all) => all.reduce((sum, stats) => sum + stats.loads, 0)
  )
  const before = yield* loads
  const rows = yield* inTurn({ subjects: Object.keys(layers), warmup, rounds }, (name) =>
    Effect.gen(function*() {
      const calls = /disk|second|callback/.test(name) ? storeCalls : memoryCalls
      // A process that serves others reaches its timers: tracking depends on them.
      yield* Effect.sleep(1)
      const start = nanos()
      yield* Effect.provide(repeat(body, calls), caches[name]!)
      return (nanos() - start) / calls
    }))
  if ((yield* loads) !== before) throw new Error("some reads were no hits")
  return rows
})

try {
  print(await Effect.runPromise(Effect.scoped(program)))
} finally {
  await server?.stop()
  rmSync(root, { recursive: true, force: true })
}
