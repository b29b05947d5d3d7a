/** A thousand hits in memory through one `Cached.many`, beside a thousand single hits. */
import { Effect, Exit, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { inTurn, measure, repeat, type Subjects, took } from "../measure.ts"

const count = 1000
const warmup = 200
const rounds = 400

class Page extends CacheKey.Class<Page>()("Page", {
  payload: { name: Schema.String, page: Schema.Number },
  success: Schema.Number
}) {}

const strategy = { strategy: "softTtl", ttl: "10 minutes", softTtl: "7 minutes" } as const
const page = Cached.fn(Page, () => Effect.succeed(1), strategy)
const pages = Cached.many(Page, (keys) => Effect.succeed(keys.map(() => Exit.succeed(1))), strategy)

const payloads = Array.from({ length: count }, (_, i) => ({ name: `user:${i}`, page: i }))
const keys = payloads.map(page.key)

const subjects: Subjects<Effect.Effect<unknown, unknown, Caching.Caching>> = {
  "Cached.fn, key by key": repeat((i) => page(keys[i]!), count),
  "Cached.many, keys": Effect.suspend(() => pages(keys)),
  "Cached.fn, one by one": repeat((i) => page(payloads[i]!), count),
  "Cached.many": Effect.suspend(() => pages(payloads))
}

const program = Effect.gen(function*() {
  yield* pages(payloads)
  const rows = yield* inTurn(subjects, { warmup, rounds }, (read) => took(read, count))
  const stats = yield* Cached.stats
  if (stats.hits !== 4 * count * (warmup + rounds)) throw new Error(`only ${stats.hits} hits`)
  return rows
})

await measure(program.pipe(Effect.provide(CacheLayer.memory())))
