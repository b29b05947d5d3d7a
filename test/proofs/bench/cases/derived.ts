/** A load that reads ten cached values in memory, with `inherit: "changes"` and without `inherit`. */
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { type Body, measure, timeCalls } from "../measure.ts"

const values = 10
const capacity = 10_000

const users = Array.from(
  { length: values },
  (_, i) => Effect.succeed(i).pipe(Cached.ttl(`user:${i}`, { ttl: "1 hour" }))
)

const page = Effect.gen(function*() {
  let sum = 0
  for (const user of users) sum += yield* user
  return sum
})

let asked = 0

const subjects: { readonly [name: string]: Body } = {
  "without inherit": () => page.pipe(Cached.ttl(`page:${asked++}`, { ttl: "1 hour" })),
  "inherit: \"changes\"": () => page.pipe(Cached.ttl(`page:${asked++}`, { ttl: "1 hour", inherit: "changes" }))
}

const program = Effect.gen(function*() {
  const rows = yield* timeCalls(subjects, { calls: 1000, warmup: 30, rounds: 60 })
  const stats = yield* Cached.stats
  if (stats.loads !== asked + values) throw new Error(`${stats.loads} loads`)
  return rows
})

await measure(program.pipe(Effect.provide(CacheLayer.memory({ capacity }))))
