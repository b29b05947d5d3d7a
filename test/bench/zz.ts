import { Effect, Exit, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
const N = Number(process.argv[2] ?? 100000), mode = process.argv[3] ?? "many"
class K extends CacheKey.Class<K>()("P", { payload: { id: Schema.Int }, success: Schema.Number }) {}
const strategy = Strategy.ttl({ ttl: "1 hour" })
const many = Cached.many(K, { lookup: (a) => Effect.succeed(a.map(({ id }) => Exit.succeed(id))), strategy })
const one = Cached.fn(K, { lookup: ({ id }) => Effect.succeed(id), strategy })
let asked = 0
const fresh = (c: number) => {
  asked += c
  return Array.from({ length: c }, (_, i) => ({ id: asked - i }))
}
const oneByOne = (ps: any) =>
  Effect.gen(function*() {
    for (const p of ps) yield* one(p)
  })
const run = (e: any) => Effect.runPromise(e as any)
for (let r = 0; r < 5; r++) {
  const ps = fresh(N)
  await run(
    Effect.gen(function*() {
      const t = performance.now()
      yield* (mode === "many" ? many(ps) : oneByOne(ps)) as any
      const t2 = performance.now()
      yield* (mode === "many" ? many(ps) : oneByOne(ps)) as any
      console.log(
        mode,
        N,
        "cold",
        ((t2 - t) * 1000 / N).toFixed(2),
        "hits",
        ((performance.now() - t2) * 1000 / N).toFixed(2),
        "µs"
      )
    }).pipe(Effect.provide(CacheLayer.memory({ capacity: 2 * N }) as any))
  )
}
