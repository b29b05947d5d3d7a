/**
 * The costs of `CacheMetrics.layer`: hits and misses in memory with it and without it, a scrape of 100 classes, and the
 * bytes of a class: `metrics.ts <times|bytes>`.
 */
import { Context, Effect, Layer, Metric, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import * as CacheMetrics from "effect-cached/CacheMetrics"
import { PrometheusMetrics } from "effect/observability"
import { type Body, bytesUsed, inTurn, nanos, print, repeat } from "../measure.ts"

const keys = 1000
const classes = 100
const many = 2000
const capacity = 10_000
const ids = Array.from({ length: keys }, (_, i) => `user:${i}`)
const load = Effect.sync(() => 1)

const hit: Body = (i) => Cached.ttl(load, ids[i % keys]!, { ttl: "1 hour" })

let reads = 0
const miss: Body = () => Cached.ttl(load, `cold:${++reads}`, { ttl: "1 hour" })

const memory = () => Layer.fresh(CacheLayer.memory({ capacity }))

let built = 0

const caches: { readonly [name: string]: () => Layer.Layer<Caching.Caching> } = {
  "without metrics": memory,
  "CacheMetrics.layer": () => CacheMetrics.layer(memory(), { name: `cache ${++built}`, maxClasses: 2 * many })
}

/** Nanoseconds a call, with metrics and without. */
const calls = Effect.fnUntraced(function*(what: string, body: Body, count: number, rounds: number) {
  const contexts = new Map<string, Context.Context<Caching.Caching>>()
  for (const [name, make] of Object.entries(caches)) {
    const cache = yield* Layer.build(make())
    yield* Effect.provide(repeat(hit, keys), cache)
    contexts.set(`${what}, ${name}`, cache)
  }
  return yield* inTurn({ subjects: [...contexts.keys()], warmup: 40, rounds }, (name) =>
    Effect.gen(function*() {
      const start = nanos()
      yield* Effect.provide(repeat(body, count), contexts.get(name)!)
      return (nanos() - start) / count
    }))
})

const classesFrom = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => {
    const name = `Class${first + i}`
    class Key extends CacheKey.Class<Key>()(name, { payload: { id: Schema.Int }, success: Schema.Int }) {}
    return Key
  })

const readAll = (keyClasses: ReturnType<typeof classesFrom>) =>
  Effect.forEach(
    keyClasses,
    (Key) => repeat((id) => Cached.ttl(Effect.succeed(id), new Key({ id: id % 2 }), { ttl: "1 hour" }), 4),
    { discard: true }
  )

/** Plain metrics of the same names, labels and numbers. */
const copy = (registry: Metric.MetricRegistry): Metric.MetricRegistry => {
  const copied: Metric.MetricRegistry = new Map()
  const context = Context.make(Metric.MetricRegistry, copied)
  for (const one of Metric.snapshotUnsafe(Context.make(Metric.MetricRegistry, registry))) {
    const { attributes, description, id, type } = one
    const options = { description, attributes }
    if (type === "Histogram") {
      const boundaries = one.state.buckets.map(([boundary]) => boundary)
      Metric.histogram(id, { ...options, boundaries }).updateUnsafe(0.01, context)
    } else if (type === "Counter") Metric.counter(id, { ...options, incremental: true }).updateUnsafe(1, context)
    else Metric.gauge(id, options).updateUnsafe(1, context)
  }
  if (copied.size !== registry.size) throw new Error(`${copied.size} of ${registry.size} series are static`)
  return copied
}

/** Milliseconds a scrape. */
const scrape = Effect.gen(function*() {
  const registry: Metric.MetricRegistry = new Map()
  const cache = yield* Layer.build(caches["CacheMetrics.layer"]!()).pipe(
    Effect.provideService(Metric.MetricRegistry, registry)
  )
  yield* Effect.provide(readAll(classesFrom(0, classes)), cache)
  const registries = new Map([["a scrape, CacheMetrics.layer", registry], ["a scrape, static series", copy(registry)]])
  return yield* inTurn({ subjects: [...registries.keys()], warmup: 20, rounds: 100 }, (name) =>
    Effect.gen(function*() {
      const start = nanos()
      yield* Effect.provideService(PrometheusMetrics.format(), Metric.MetricRegistry, registries.get(name)!)
      return nanos() - start
    }))
})

const times = Effect.gen(function*() {
  const scraped = yield* scrape
  const ofScrape = scraped.find(({ name }) => name.endsWith("CacheMetrics.layer"))!
  return [
    ...yield* calls("hit", hit, 2000, 600),
    ...yield* calls("miss", miss, 500, 600),
    ...scraped,
    { name: "a scrape, its turn", value: ofScrape.value },
    { name: "20 ms", value: 20e6 }
  ]
})

/** How much more a cache grows by a class if it has metrics. Its code and first series are there before. */
const bytes = Effect.gen(function*() {
  const first = classesFrom(0, classes)
  const both = yield* Effect.forEach(Object.values(caches), (make) => Layer.build(make()))
  for (const cache of both) yield* Effect.provide(readAll(first), cache)
  const second = classesFrom(classes, many)
  yield* Effect.provide(readAll(second), yield* Layer.build(memory()))
  const grown: Array<number> = []
  for (const cache of both) {
    const before = bytesUsed()
    yield* Effect.provide(readAll(second), cache)
    yield* Effect.sleep(10)
    grown.push(bytesUsed() - before)
  }
  return [{ name: "a class", value: (grown[1]! - grown[0]!) / many }, { name: "4 KiB", value: 4096 }]
})

print(await Effect.runPromise(Effect.scoped(process.argv[2] === "bytes" ? bytes : times)))
