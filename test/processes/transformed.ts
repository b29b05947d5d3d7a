/**
 * Reads a stream of payloads through a cache in the folder `directory`, and counts the results. `transformed.ts
 * gathered` keeps all results of the same function, without a cache. Its starter limits its heap.
 */
import { Effect, Exit, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { getHeapStatistics } from "node:v8"

const [way = "gathered", directory = ""] = process.argv.slice(2)
const count = 300_000
const keys = 20_000

class Row extends CacheKey.Class<Row>()("Row", { payload: { id: Schema.Int }, success: Schema.String }) {}

// A flat string: V8 would share the parts of one that was put together.
const text = (id: number) => Buffer.alloc(300, `row ${id} `).toString("latin1")

let loads = 0
const lookup = (rows: ReadonlyArray<{ readonly id: number }>) =>
  Effect.sync(() => {
    loads += rows.length
    return rows.map(({ id }) => Exit.succeed(text(id)))
  })
const rows = Cached.many(Row, lookup, { ttl: "1 hour" })
const payloads = Stream.map(Stream.range(0, count - 1), (i) => ({ id: i % keys }))

const counted = Stream.runFold(
  Cached.transform(payloads, rows),
  () => ({ results: 0, wrong: 0 }),
  ({ results, wrong }, [{ id }, exit]) => ({
    results: results + 1,
    wrong: wrong + (Exit.isSuccess(exit) && exit.value.startsWith(`row ${id} `) ? 0 : 1)
  })
)
const gathered = Effect.map(
  Stream.runCollect(Cached.transform(payloads, lookup)),
  ({ length }) => ({ results: length })
)

const used = way === "gathered"
  ? gathered
  : Effect.provide(counted, CacheLayer.disk({ directory, capacity: 1000, maxSize: "1 GB" }))

console.log(JSON.stringify({
  ...await Effect.runPromise(used),
  loads,
  limitMegabytes: getHeapStatistics().heap_size_limit / 2 ** 20
}))
