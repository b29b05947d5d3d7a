/**
 * A million entries that expire within one second: the longest turn of the event loop while the cache is used, in
 * processor time. And how long the longest `delete` of a `Map` of as many takes, in which the engine of JavaScript
 * makes it smaller.
 */
import { Effect, Schedule } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { print, processorMillis, watchTurns } from "../measure.ts"

const entries = 1_000_000
const lifeMillis = 30_000

/** The same of a `Map`: 64 at once. */
const ofMap = (): number => {
  const map = new Map(Array.from({ length: entries }, (_, i) => [`user:${i}`, { i }]))
  let longest = 0
  let [last, steps] = [processorMillis(), 0]
  for (const key of map.keys()) {
    map.delete(key)
    if (++steps % 64 > 0) continue
    const now = processorMillis()
    longest = Math.max(longest, now - last)
    last = now
  }
  return longest
}

const program = Effect.gen(function*() {
  const expiresAt = Date.now() + lifeMillis
  for (let i = 0; i < entries; i++) {
    yield* Cached.set(`user:${i}`, i, { ttl: Math.max(1, expiresAt - Date.now() + i % 1000) })
  }
  globalThis.gc!()
  const turns = watchTurns()
  yield* Cached.has("user:0").pipe(
    Effect.repeat({ schedule: Schedule.spaced("20 millis"), while: () => Date.now() < expiresAt + 500 })
  )
  const before = turns.longest().longest
  const began = performance.now()
  yield* Cached.has("live").pipe(
    Effect.repeat({ schedule: Schedule.spaced("20 millis"), while: () => performance.now() - began < 4000 })
  )
  turns.end()
  const { removals, size } = yield* Cached.stats
  if (size !== 0 || removals.expired !== entries) throw new Error(`${size} left, ${removals.expired} expired`)
  return [
    { name: "while they are filed", value: before * 1e6 },
    { name: "while they leave", value: turns.longest().longest * 1e6 },
    { name: "a Map alone", value: ofMap() * 1e6 },
    { name: "20 ms", value: 20e6 }
  ]
})

print(await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory({ capacity: Infinity })))))
