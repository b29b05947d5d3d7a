/**
 * A pipeline in a process of its own, which a test kills: `job.ts folder`. Each call is appended to `calls.log`, before
 * it is answered.
 */
import { Effect, Exit, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { Pipeline } from "effect-cached/pipeline"
import { appendFileSync } from "node:fs"
import { join } from "node:path"

const [folder = ".", extension = "csv"] = process.argv.slice(2)

class Double extends CacheKey.Class<Double>()("Double", {
  payload: { n: Schema.Int },
  success: Schema.Struct({ double: Schema.Int })
}) {}

const doubles = Cached.many(Double, (keys) =>
  Effect.andThen(
    Effect.sync(() => appendFileSync(join(folder, "calls.log"), keys.map(({ n }) => `${n}\n`).join(""))),
    Effect.sleep(2).pipe(Effect.as(keys.map(({ n }) => Exit.succeed({ double: 2 * n }))))
  ), { ttl: "1 hour" })

const program = Pipeline.run({
  from: Pipeline.file(join(folder, "in.ndjson"), Schema.Struct({ n: Schema.Int })),
  through: doubles,
  to: join(folder, `out.${extension}`),
  chunk: 10,
  concurrency: 2
})

console.log("ready")
const summary = await Effect.runPromise(
  program.pipe(Effect.provide(CacheLayer.disk({ directory: join(folder, "cache"), lease: "1 second" })))
)
console.log(JSON.stringify(summary))
