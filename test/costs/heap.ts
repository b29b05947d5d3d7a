/**
 * Prints the bytes that a call allocates, and those that an entry keeps. Nothing is collected meanwhile: the young
 * generation is so large that all calls fit into it.
 */
import { Effect, Exit, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { PerformanceObserver } from "node:perf_hooks"
import { setTimeout } from "node:timers/promises"

class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.Int }) {}

const ttl = "1 hour"
const load = Effect.succeed(1)
const users = Cached.many(User, (keys) => Effect.succeed(keys.map(({ id }) => Exit.succeed(id))), { ttl })
const held = Array.from({ length: 1000 }, (_, i) => `held:${i}`)
const keysFrom = (first: number) => Array.from({ length: 1000 }, (_, i) => new User({ id: first + i }))
const heldKeys = keysFrom(0)

let fresh = 1_000_000

/** Making keys and effects is a part of a call. */
type Subject = { readonly calls: number; readonly run: (i: number) => Effect.Effect<unknown, never, Caching.Caching> }

const subjects: { readonly [name: string]: Subject } = {
  "a hit": { calls: 100_000, run: (i) => Cached.ttl(load, held[i % 1000]!, { ttl }) },
  "a hit of a class, with a new key": {
    calls: 100_000,
    run: (i) => Cached.ttl(load, new User({ id: i % 1000 }), { ttl })
  },
  "a miss": { calls: 20_000, run: () => Cached.ttl(load, `user:${++fresh}`, { ttl }) },
  "many, 1,000 hits": { calls: 100, run: () => users(heldKeys) },
  "many, 1,000 misses": { calls: 20, run: () => users(keysFrom(fresh += 1000)) }
}

const repeat = ({ calls, run }: Subject) =>
  Effect.gen(function*() {
    for (let i = 0; i < calls; i++) yield* run(i)
  })

const collections: Array<number> = []
new PerformanceObserver((list) => {
  for (const { startTime } of list.getEntries()) collections.push(startTime)
}).observe({ entryTypes: ["gc"] })

const allocated = Effect.fnUntraced(function*(subject: Subject) {
  for (let i = 0; i < 5; i++) yield* repeat(subject)
  for (;;) {
    globalThis.gc!()
    const start = performance.now()
    const before = process.memoryUsage().heapUsed
    yield* repeat(subject)
    const bytes = process.memoryUsage().heapUsed - before
    const end = performance.now()
    // Collections are reported late.
    yield* Effect.promise(() => setTimeout(20))
    if (!collections.some((at) => at >= start && at <= end)) return bytes / subject.calls
  }
})

const bytesUsed = () => {
  for (let i = 0; i < 3; i++) globalThis.gc!()
  return process.memoryUsage().heapUsed
}

const kept = Effect.gen(function*() {
  const count = 100_000
  const ids = Array.from({ length: count }, (_, i) => `kept:${i}`)
  yield* Cached.ttl(load, "first", { ttl })
  const before = bytesUsed()
  for (const id of ids) yield* Cached.ttl(load, id, { ttl })
  yield* Effect.sleep(10)
  const bytes = (bytesUsed() - before) / count
  return ids.length === count ? bytes : 0
}).pipe(Effect.provide(CacheLayer.memory({ capacity: 100_001 })))

const program = Effect.gen(function*() {
  for (const id of held) yield* Cached.ttl(load, id, { ttl })
  for (const key of heldKeys) yield* Cached.ttl(load, key, { ttl })
  yield* users(heldKeys)
  const table: Record<string, number> = {}
  for (const [name, subject] of Object.entries(subjects)) table[name] = Math.round(yield* allocated(subject))
  return { ...table, "an entry": Math.round(yield* kept) }
})

const layer = CacheLayer.memory({ capacity: 1_000_000 })
process.stdout.write(JSON.stringify(await Effect.runPromise(Effect.provide(program, layer))))
