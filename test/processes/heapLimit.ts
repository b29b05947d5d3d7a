/**
 * Puts more into a memory without a bound than the heap has room for: `heapLimit.ts limited` with
 * `CacheLayer.withHeapLimit`, `heapLimit.ts` without. Prints what is left, and what the bound is when there is room
 * again.
 */
import { Effect } from "effect"
import { Cached, CacheLayer } from "effect-cached"

const isLimited = process.argv[2] === "limited"
const memory = CacheLayer.memory({ capacity: Infinity })
const cache = isLimited ? memory.pipe(CacheLayer.withHeapLimit({ above: 0.6 })) : memory
const entries = 7000

const fill = (name: string, count: number) =>
  Effect.gen(function*() {
    for (let i = 0; i < count; i++) {
      // 20 kB: more than the heap in all
      yield* Cached.set(`${name} ${i}`, Array.from({ length: 2500 }, (_, n) => n + i + 0.5))
      if (i % 10 === 0) yield* Effect.sleep(1)
    }
  })

const program = Effect.gen(function*() {
  yield* fill("a", entries)
  const { evictions, size } = yield* Cached.stats
  yield* Cached.clear
  for (let i = 0; i < 20; i++) {
    globalThis.gc!()
    yield* Effect.sleep(20)
  }
  yield* fill("b", 100)
  return { evictions, size, after: (yield* Cached.stats).size }
})

process.stdout.write(JSON.stringify(await Effect.runPromise(program.pipe(Effect.provide(cache)))))
