/**
 * A million entries that expire within one second: the longest turn of the event loop while the cache is used, in
 * processor time.
 */
import { Effect, Schedule } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { measure, turnsOf } from "../measure.ts"

const entries = 1_000_000
const lifeMillis = 30_000

const program = Effect.gen(function*() {
  const expiresAt = Date.now() + lifeMillis
  for (let i = 0; i < entries; i++) {
    yield* Cached.set(`user:${i}`, i, { ttl: Math.max(1, expiresAt - Date.now() + i % 1000) })
  }
  globalThis.gc!()
  const use = (key: string, endsAt: number) =>
    Effect.repeat(Cached.has(key), { schedule: Schedule.spaced("20 millis"), while: () => Date.now() < endsAt })
  yield* use("user:0", expiresAt + 500)
  const { longest } = yield* turnsOf(use("live", expiresAt + 4500))
  const { removals, size } = yield* Cached.stats
  if (size !== 0 || removals.expired !== entries) throw new Error(`${size} left, ${removals.expired} expired`)
  return [{ name: "while they leave", value: longest }]
})

await measure(program.pipe(Effect.provide(CacheLayer.memory({ capacity: Infinity }))))
