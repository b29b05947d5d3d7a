/** A cached stream of 10,000 elements, replayed from memory, beside `Stream.fromIterable` in the same chunks. */
import { Effect, Stream } from "effect"
import { Cached, CacheLayer, type Caching } from "effect-cached"
import { inTurn, measure, repeat, took } from "../measure.ts"

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
  const collect = (stream: Stream.Stream<number, unknown, Caching.Caching>) =>
    Effect.map(Stream.runCollect(stream), ({ length }) => {
      if (length !== count) throw new Error(`only ${length} elements`)
    })
  return yield* inTurn<Stream.Stream<number, unknown, Caching.Caching>, unknown, Caching.Caching>(
    subjects,
    { warmup: 50, rounds: 200 },
    (stream) => took(repeat(() => collect(stream), repeats), repeats)
  )
})

await measure(program.pipe(Effect.provide(CacheLayer.memory())))
