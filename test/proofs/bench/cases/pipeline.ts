/**
 * A pipeline from an NDJSON file to a CSV file over a cache on disk, processor time in nanoseconds a row: cold beside
 * `Cached.many` on the same rows, and all cached beside the same steps by hand. `pipeline.ts rows rounds`. It keeps no
 * rows, so that a million of them can be measured with `--max-old-space-size=256`.
 */
import { Effect, Exit, Schema } from "effect"
import { Cached, CacheKey, CacheLayer, type Caching } from "effect-cached"
import { Pipeline } from "effect-cached/pipeline"
import { appendFileSync, createReadStream, createWriteStream } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { finished } from "node:stream/promises"
import { inTurn, measure, processorNanos, temporaryFolder, took } from "../measure.ts"

const count = Number(process.argv[2] ?? 100_000)
const rounds = Number(process.argv[3] ?? 3)
const chunk = 1000
// A million rows need no warm-up.
const warmup = count < 1_000_000 ? 1 : 0

class City extends CacheKey.Class<City>()("City", {
  payload: { zip: Schema.Int },
  success: Schema.Struct({ city: Schema.String, area: Schema.Number })
}) {}

const cities = Cached.many(
  City,
  (keys) =>
    Effect.succeed(keys.map(({ zip }) => Exit.succeed({ city: `a city with the number ${zip}`, area: zip / 10 }))),
  { ttl: "1 hour" }
)

const folder = temporaryFolder()
const input = join(folder, "in.ndjson")
const starts = Array.from({ length: Math.ceil(count / chunk) }, (_, i) => i * chunk)
const zipsFrom = (start: number) =>
  Array.from({ length: Math.min(chunk, count - start) }, (_, i) => ({ zip: start + i }))
for (const start of starts) {
  const lines = zipsFrom(start).map(({ zip }) => `${JSON.stringify({ zip, name: `row ${zip}` })}\n`)
  appendFileSync(input, lines.join(""))
}

const pipeline = Pipeline.run({
  from: input,
  payload: ({ zip }) => ({ zip: Number(zip) }),
  through: cities,
  to: join(folder, "out.csv"),
  overwrite: true
})

const many = Effect.forEach(starts, (start) => cities(zipsFrom(start)), { concurrency: 4, discard: true })

const byHand = Effect.gen(function*() {
  const context = yield* Effect.context<never>()
  const answer = Effect.runPromiseWith(context)
  yield* Effect.promise(async () => {
    const out = createWriteStream(join(folder, "by-hand.csv"))
    out.write("zip,name,city,area\r\n")
    const calls: Array<Promise<string>> = []
    const ask = async (some: ReadonlyArray<{ readonly zip: number; readonly name: string }>) => {
      const exits = await answer(cities(some.map(({ zip }) => ({ zip }))) as Effect.Effect<any>)
      return some.map(({ name, zip }, i) => {
        const { area, city } = exits[i].value
        return `${zip},${name},${city},${area}\r\n`
      }).join("")
    }
    let some: Array<{ zip: number; name: string }> = []
    for await (const line of createInterface({ input: createReadStream(input) })) {
      some.push(JSON.parse(line))
      if (some.length < chunk) continue
      calls.push(ask(some))
      some = []
      if (calls.length === 4) out.write(await calls.shift()!)
    }
    calls.push(ask(some))
    for (const call of calls) out.write(await call)
    await finished(out.end())
  })
})

let caches = 0
const onDisk = () => CacheLayer.disk({ directory: join(folder, `cache ${caches++}`) })

const perRow = <E, R>(effect: Effect.Effect<unknown, E, R>) => took(effect, count, processorNanos)

const cold = inTurn<Effect.Effect<unknown, unknown, Caching.Caching>, unknown, never>(
  { "Pipeline.run, cold": pipeline, "Cached.many, cold": many },
  { warmup, rounds },
  (rows) => Effect.provide(perRow(rows), onDisk())
)

const cached = Effect.andThen(
  many,
  inTurn<Effect.Effect<unknown, unknown, Caching.Caching>, unknown, Caching.Caching>(
    { "Pipeline.run, all cached": pipeline, "by hand, all cached": byHand },
    { warmup, rounds },
    perRow
  )
).pipe(Effect.provide(onDisk()))

await measure(Effect.zipWith(cold, cached, (some, others) => [...some, ...others]))
