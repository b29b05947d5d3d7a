/**
 * Fills memory and empties it, and prints how many megabytes are reachable: before, full, and empty, for each way to
 * keep it.
 */
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { Weigher } from "effect-cached/adapters"
import { policies } from "../../src/internal/eviction/policies.ts"

const count = 20_000

const megabytes = (): number => {
  for (let i = 0; i < 2; i++) globalThis.gc!()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 2 ** 20
}

const { adaptive, fifo, lru, s3Fifo, wTinyLfu } = policies
const layers = {
  ...Object.fromEntries(
    [adaptive, fifo, lru, s3Fifo, wTinyLfu].map((eviction) => [eviction.name, { capacity: count, eviction }])
  ),
  "without a bound": { capacity: Infinity },
  "by weight": { maxWeight: 2 ** 30, weigher: Weigher.bytes },
  "with a curve": { capacity: count, curve: true }
}

const fill = Effect.gen(function*() {
  for (let i = 0; i < count; i++) {
    const key = `key ${i}`
    yield* Cached.ttl(Effect.sync(() => new Array(50).fill(i)), key, { ttl: "1 hour", tags: ["tag"] })
  }
})

/** Entries invalidated by their tag leave when they are looked up. */
const invalidated = Effect.gen(function*() {
  yield* Cached.invalidate({ tag: "tag" })
  for (let i = 0; i < count; i++) yield* Cached.has(`key ${i}`)
})

/** The remaining megabytes, once they are few: on a busy machine that takes several turns. */
const left = Effect.fnUntraced(function*(small: number) {
  let most = Infinity
  for (let i = 0; i < 20 && most > small; i++) {
    yield* Effect.sleep(10)
    most = megabytes()
  }
  return most
})

/** The megabytes of memory after each way to empty it. */
const measure = Effect.fnUntraced(function*(before: number) {
  const empty: Array<number> = []
  let full = Infinity
  for (const emptied of [Cached.clear, invalidated]) {
    yield* fill
    full = Math.min(full, megabytes())
    yield* emptied
    empty.push(yield* left(before + 2))
  }
  return { full, empty: Math.max(...empty) }
})

const lines: Array<unknown> = []
// Run once before measuring: this compiles code and creates lasting objects.
await Effect.runPromise(Effect.provide(measure(megabytes()), CacheLayer.memory()))
for (const [name, options] of Object.entries(layers)) {
  const before = megabytes()
  const measured = await Effect.runPromise(Effect.provide(measure(before), CacheLayer.memory(options)))
  lines.push({ name, before, ...measured, closed: megabytes() })
}
process.stdout.write(JSON.stringify(lines))
