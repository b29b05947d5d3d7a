/**
 * A million rows are enriched through a cache on disk, twice: `npm start bulk`, or with another number of rows
 * `npm start bulk 50000`.
 *
 * Watch "loads" and the heap: the second run asks the slow service nothing, and both run in a heap of 256 MB, because
 * only a few thousand rows are in memory at any time. If a real job is stopped, its next run continues from there.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Clock, Console, Effect, Exit, Schema, Stream } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Progress from "./emails/progress.ts"

const rows = Number(process.argv[2] ?? 1_000_000)
const chunk = Math.min(1000, Math.ceil(rows / 10))

class Address extends CacheKey.Class<Address>()("Address", {
  payload: { zip: Schema.Int },
  success: Schema.Struct({ city: Schema.String, country: Schema.String, area: Schema.Number })
}) {}

/** The slow service, which answers for many at once. */
let asked = 0
const lookup = (keys: ReadonlyArray<Address>) =>
  Effect.sync(() => {
    asked += keys.length
    return keys.map(({ zip }) => Exit.succeed({ city: `City of ${zip}`, country: "Utopia", area: zip % 1000 / 10 }))
  })

const addresses = Cached.many(Address, lookup, { ttl: "30 days" })

const enrich = Effect.fn(function*(name: string) {
  const startedAt = yield* Clock.currentTimeMillis
  const before = asked
  let area = 0
  let heap = 0
  const payloads = Stream.map(Stream.range(1, rows), (zip) => ({ zip }))
  yield* Progress.around(
    Math.ceil(rows / chunk),
    (step) =>
      Stream.runForEachArray(Stream.rechunk(Cached.transform(payloads, addresses, { chunk }), chunk), (some) => {
        for (const [, exit] of some) if (Exit.isSuccess(exit)) area += exit.value.area
        heap = Math.max(heap, process.memoryUsage().heapUsed)
        return step
      })
  )
  const seconds = ((yield* Clock.currentTimeMillis) - startedAt) / 1000
  yield* Console.log(
    `${name.padEnd(8)}${rows} rows, ${asked - before} loads, an area of ${Math.round(area)}, ` +
      `${seconds.toFixed(1)} s, at most ${Math.round(heap / 1e6)} MB of heap`
  )
})

const run = async () => {
  const directory = mkdtempSync(join(tmpdir(), "effect-cached-bulk-"))
  const program = Effect.andThen(enrich("first"), enrich("second")).pipe(
    Effect.provide([CacheLayer.disk({ directory, capacity: 10_000 }), NodeServices.layer])
  )
  try {
    await Effect.runPromise(program)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

// V8 obeys the limit of its heap only if it starts with it, so the rows are read in a process of their own.
const limit = "--max-old-space-size=256"
if (process.execArgv.includes(limit)) await run()
else {
  const args = [limit, ...process.execArgv, import.meta.filename, String(rows)]
  process.exitCode = spawnSync(process.execPath, args, { stdio: "inherit" }).status ?? 1
}
