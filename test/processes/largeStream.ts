/**
 * A stream of many bytes through a folder, written and read back: it prints what it saw. Its starter limits its heap.
 */
import { Effect, Stream } from "effect"
import { Cached, CacheLayer } from "effect-cached"

const [directory = "", mebibytes = "1"] = process.argv.slice(2)
const elementSize = 256 * 1024
const count = (Number(mebibytes) * 1024 ** 2) / elementSize

let runs = 0
const origin = Stream.suspend(() => {
  runs++
  // One by one: a chunk would hold all that is made of it.
  return Stream.map(
    Stream.rechunk(Stream.range(0, count - 1), 1),
    (i) => String.fromCharCode(97 + i % 26).repeat(elementSize)
  )
})
const large = origin.pipe(Cached.stream("large", { ttl: "1 hour", maxBytes: "2 GB" }))

const bytesOf = (stream: typeof large) =>
  Stream.runFold(stream, () => ({ bytes: 0, wrong: 0, next: 0 }), ({ bytes, next, wrong }, one) => ({
    bytes: bytes + one.length,
    wrong: wrong + (one.charCodeAt(0) === 97 + next % 26 ? 0 : 1),
    next: next + 1
  }))

const program = Effect.gen(function*() {
  const first = yield* bytesOf(large)
  const second = yield* bytesOf(large)
  return { first, second, runs, size: yield* Cached.size }
})

const layer = CacheLayer.disk({ directory, maxSize: "4 GB" })
console.log(JSON.stringify(await Effect.runPromise(Effect.provide(program, layer))))
