import { Effect, Exit, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
import { mkdtempSync } from "node:fs"
const N = Number(process.argv[2] ?? 50000), mode = process.argv[3] ?? "cold"
const Product = Schema.Struct({ name: Schema.String, price: Schema.Number, text: Schema.String })
class K extends CacheKey.Class<K>()("P", { payload: { id: Schema.Int }, success: Product }) {}
const text = "a description of some two hundred and forty letters, as they are in a catalogue; ".repeat(3)
const product = (id: number) => ({ name: `product ${id}`, price: id / 100, text })
const strategy = Strategy.ttl({ ttl: "1 hour" })
const many = Cached.many(K, { lookup: (a) => Effect.succeed(a.map(({ id }) => Exit.succeed(product(id)))), strategy })
let asked = 0
const fresh = (c: number) => {
  asked += c
  return Array.from({ length: c }, (_, i) => ({ id: asked - i }))
}
const run = (e: any) => Effect.runPromise(e as any)
const directory = mkdtempSync("/tmp/zd-")
const timed = (name: string, e: any) =>
  Effect.gen(function*() {
    const t = performance.now(), c = (process as any).threadCpuUsage()
    yield* e
    const d = (process as any).threadCpuUsage(c)
    console.log(name, ((performance.now() - t) * 1000 / N).toFixed(1), "cpu", ((d.user + d.system) / N).toFixed(1))
  })
const layer = (memory?: false) => CacheLayer.disk({ directory, ...memory === false && { memory } }) as any
for (let r = 0; r < 4; r++) {
  if (mode === "cold") await run(timed("cold", many(fresh(N))).pipe(Effect.provide(layer())))
  if (mode === "hits") {
    if (r === 0) await run(many(fresh(N)).pipe(Effect.provide(layer()) as any))
    const ps = Array.from({ length: N }, (_, i) => ({ id: i + 1 }))
    for (let k = 0; k < 3; k++) await run(timed("hits", many(ps)).pipe(Effect.provide(layer(false))))
  }
  if (mode === "set") {
    const es = fresh(N).map(({ id }) => [new K({ id }), product(id)] as const)
    await run(
      Effect.gen(function*() {
        yield* timed("set", Cached.setMany(es, { ttl: "1 hour" }))
        if (process.argv[4]) yield* timed("remove", Cached.removeMany(es.map(([k]) => k)))
      }).pipe(Effect.provide(layer()) as any)
    )
  }
}
