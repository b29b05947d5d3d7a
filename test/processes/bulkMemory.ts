/**
 * Reads many cold keys in one call, and prints how many bytes of heap each takes while the call loads them, beside the
 * payloads and keys: `bulkMemory.ts memory` or `bulkMemory.ts disk`.
 */
import { Effect, Exit, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const count = 50_000

class Row extends CacheKey.Class<Row>()("Row", { payload: { id: Schema.Int }, success: Schema.Int }) {}

const bytes = (): number => {
  for (let i = 0; i < 3; i++) globalThis.gc!()
  return process.memoryUsage().heapUsed
}

let during = 0
const rows = Cached.many(Row, (keys) =>
  Effect.sync(() => {
    during = bytes()
    return keys.map(({ id }) => Exit.succeed(id))
  }), { ttl: "1 hour" })

const payloadsFrom = (first: number, count: number) => Array.from({ length: count }, (_, i) => ({ id: first + i }))

/** The bytes of keys and ids, which the call needs anyway. */
const keysOf = (payloads: ReadonlyArray<{ readonly id: number }>) => {
  const before = bytes()
  const keys = payloads.map((payload) => new Row(payload))
  const ids = keys.map((key) => CacheKey.id(key))
  const taken = bytes() - before
  return ids.length === keys.length ? taken : 0
}

/** How many bytes a key takes while the call runs. */
const measure = Effect.fnUntraced(function*(first: number, count: number) {
  const payloads = payloadsFrom(first, count)
  const keys = keysOf(payloads)
  yield* Effect.sleep(100)
  const before = bytes()
  const exits = yield* rows(payloads)
  const isRight = exits.every((exit, i) => Exit.isSuccess(exit) && exit.value === payloads[i]!.id)
  return isRight ? Math.round((during - before - keys) / count) : Infinity
})

const directory = mkdtempSync(join(tmpdir(), "effect-cached-bulk-"))
try {
  const layer = process.argv[2] === "disk" ? CacheLayer.disk({ directory }) : CacheLayer.memory()
  // The first call compiles code, and makes what lasts.
  const measured = Effect.andThen(measure(0, 1000), measure(1000, count))
  process.stdout.write(`${await Effect.runPromise(Effect.provide(measured, layer))}`)
} finally {
  rmSync(directory, { recursive: true, force: true })
}
