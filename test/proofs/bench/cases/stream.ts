/** A cached stream of 10,000 elements, replayed from memory, beside `Stream.fromIterable` in the same chunks. */
import { Effect, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"
import { inTurn, nanos, print } from "../measure.ts"

const count = 10_000
const repeats = 20

const elements = Array.from({ length: count }, (_, i) => i)
const cached = Stream.fromIterable(elements).pipe(Cached.stream("elements", { ttl: "1 hour" }))

const program = Effect.gen(function*() {
  yield* Stream.runDrain(cached)
  const sizes: Array<number> = []
  yield* Stream.runForEachArray(cached, (chunk) => Effect.sync(() => void sizes.push(chunk.length)))
  const subjects = {
    "Cached.stream": cached,
    "Stream.fromIterable": Stream.fromIterable(elements, { chunkSize: sizes[0]! })
  }
  return yield* inTurn({ subjects: Object.keys(subjects), warmup: 50, rounds: 200 }, (name) =>
    Effect.gen(function*() {
      const stream = subjects[name as keyof typeof subjects]
      const start = nanos()
      for (let i = 0; i < repeats; i++) {
        const got = yield* Stream.runCollect(stream)
        if (got.length !== count) throw new Error(`only ${got.length} elements`)
      }
      return (nanos() - start) / repeats
    }))
})

print(await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))))
