/**
 * One dataset in four formats: `npm start formats`.
 *
 * Watch the files: each cache in a folder writes the same rows in the format of its serializer, a spreadsheet opens one
 * of them and a database another, and the encrypted one shows nothing. The second read of each comes from its file.
 */
import { Console, Effect, Redacted, Schema } from "effect"
import { Cached, CacheKey, CacheLayer } from "effect-cached"
import type { Serializer } from "effect-cached/adapters"
import * as Compressed from "effect-cached/serializers/Compressed"
import { Csv } from "effect-cached/serializers/Csv"
import * as Encrypted from "effect-cached/serializers/Encrypted"
import { Json } from "effect-cached/serializers/Json"
import { Parquet } from "effect-cached/serializers/Parquet"
import { Yaml } from "effect-cached/serializers/Yaml"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

class Weather extends CacheKey.Class<Weather>()("Weather", {
  payload: { year: Schema.Int },
  success: Schema.Array(Schema.Struct({
    city: Schema.String,
    celsius: Schema.NullOr(Schema.Finite),
    measuredAt: Schema.Date,
    note: Schema.optionalKey(Schema.String)
  }))
}) {}

let loads = 0
const weather = Effect.sync(() => {
  loads++
  const measuredAt = new Date(Date.UTC(2026, 0, 1, 12))
  return [
    { city: "Berlin", celsius: -1.5, measuredAt },
    { city: "São Paulo", celsius: 27, measuredAt, note: "rain, then sun" },
    { city: "Null Island", celsius: null, measuredAt, note: "" }
  ]
}).pipe(Cached.ttl(new Weather({ year: 2026 }), { ttl: "1 hour" }))

const key = Redacted.make(crypto.getRandomValues(new Uint8Array(32)))

const formats: Readonly<Record<string, Serializer.Serializer>> = {
  csv: Csv,
  yaml: Yaml,
  parquet: Parquet,
  encrypted: Encrypted.make(Compressed.make(Json), { keys: { may: key }, current: "may" })
}

const folder = mkdtempSync(join(tmpdir(), "formats-"))

/** The beginning of a file: its text, or its bytes if they are no text. */
const show = (bytes: Buffer): string => {
  const text = bytes.toString()
  return /[^\P{Cc}\r\n]|\ufffd/u.test(text)
    ? bytes.subarray(0, 48).toString("hex").replace(/(..)/g, "$1 ")
    : text
}

const write = Effect.fn(function*(name: string, serializer: Serializer.Serializer) {
  const directory = join(folder, name)
  const read = Effect.provide(weather, CacheLayer.files({ directory, serializer }))
  const before = loads
  yield* read
  const rows = yield* read
  const file = readdirSync(directory).find((file) => file.endsWith(serializer.extension))!
  const bytes = readFileSync(join(directory, file))
  yield* Console.log(`${file}: ${bytes.length} bytes, ${rows.length} rows, ${loads - before} load`)
  const lines = show(bytes).trimEnd().split(/\r?\n/)
  yield* Console.log(`${lines.map((line) => `    ${line}`).join("\n")}\n`)
})

await Effect.runPromise(
  Effect.forEach(Object.entries(formats), ([name, serializer]) => write(name, serializer)).pipe(
    Effect.ensuring(Effect.sync(() => rmSync(folder, { recursive: true })))
  )
)
