// a pipeline of argv[3] rows, 100 ms a chunk of 10
import { Effect, Exit, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
import { Pipeline } from "effect-cached/pipeline"
class V extends CacheKey.Class<V>()("V", { payload: { id: Schema.Int }, success: Schema.Int }) {}
const v = Cached.many(V, {
  lookup: (ks) => Effect.delay(Effect.succeed(ks.map(() => Exit.succeed(1))), "300 millis"),
  strategy: Strategy.ttl({ ttl: "1 day" })
})
const [, , to, n] = process.argv
const e: any = await Effect.runPromiseExit(
  Pipeline.run({
    from: Stream.map(Stream.range(1, Number(n)), (id) => ({ id })),
    through: v,
    to: to!,
    overwrite: true,
    chunk: 10,
    concurrency: 1
  }).pipe(Effect.provide(CacheLayer.memory()))
)
console.log(
  "pid",
  process.pid,
  Exit.isSuccess(e) ? Pipeline.summaryText(e.value) : String(e.cause.reasons[0].error ?? e.cause.reasons[0].defect)
)
