/** An entry that one setting writes is read under every other as the right value, or it is a miss. */
import { expect } from "@effect/vitest"
import { Effect, Exit, Schema } from "effect"
import { type CacheEntry, Serializer } from "effect-cached/adapters"
import { Binary } from "effect-cached/serializers/Binary"
import { Cbor } from "effect-cached/serializers/Cbor"
import { Csv } from "effect-cached/serializers/Csv"
import * as Encrypted from "effect-cached/serializers/Encrypted"
import { IndentedJson } from "effect-cached/serializers/IndentedJson"
import { Json } from "effect-cached/serializers/Json"
import { Ndjson } from "effect-cached/serializers/Ndjson"
import { Parquet } from "effect-cached/serializers/Parquet"
import * as Signed from "effect-cached/serializers/Signed"
import { Structured } from "effect-cached/serializers/Structured"
import { Yaml } from "effect-cached/serializers/Yaml"
import { isSame } from "../../src/testing/law.ts"
import { entry } from "../support/stored.ts"
import { test } from "../support/tests.ts"
import { keys, wrapIn } from "./support.ts"

const Rows = Schema.Array(Schema.Struct({
  text: Schema.String,
  count: Schema.NullOr(Schema.Finite),
  at: Schema.Date,
  big: Schema.BigInt,
  note: Schema.optionalKey(Schema.String)
}))
const rows: typeof Rows.Type = [
  { text: "=1", count: null, at: new Date(5), big: 5n, note: "" },
  { text: "null", count: 1.5, at: new Date(0), big: -(2n ** 63n) }
]

const formats: ReadonlyArray<Serializer.Serializer> = [
  ...[Json, IndentedJson, Structured, Binary, Yaml, Cbor, Csv, Ndjson, Parquet],
  Csv.with({ safeForSpreadsheets: true }),
  Parquet.with({ maxSize: "100 kB" }),
  Serializer.byClass({ default: Json, Other: Csv }),
  Serializer.byClass({ default: Csv, Weather: Parquet })
]

const wrapped = (format: Serializer.Serializer): ReadonlyArray<Serializer.Serializer> => [
  format,
  ...[["zstd"], ["gzip"], ["signed"], ["aes"], ["zstd", "aes"], ["aes", "signed"]].map((names) =>
    wrapIn(format, names)
  ),
  Signed.make(format, { ...keys, current: "b" }),
  Signed.make(format, { ...keys, acceptPlain: true }),
  Encrypted.make(format, { ...keys, acceptPlain: true })
]

const metaOf = (serializer: number): CacheEntry.Meta => entry(0, 0, { serializer }).meta

test("CA-25 · formats and wrappers, with a schema", function*() {
  const use = { keyClass: "Weather", outcome: "success" } as const
  const codecs = formats.flatMap(wrapped).map((serializer) => ({
    name: serializer.name,
    codec: serializer.make(Rows, use) as Serializer.Codec<typeof rows>
  }))
  let [read, missed] = [0, 0]
  for (const writer of codecs) {
    const { id } = writer.codec
    const meta = metaOf(id)
    const bytes = yield* writer.codec.encode(rows, "id", meta)
    for (const { codec, name } of codecs) {
      // As the engine chooses the codec of a stored entry.
      const reader = codec.id === id ? codec : codec.reads?.(id)
      if (reader === undefined) {
        missed++
        continue
      }
      const exit = yield* Effect.exit(reader.decode(bytes, "id", meta))
      if (Exit.isSuccess(exit)) expect(isSame(exit.value, rows), `${writer.name}, read by ${name}`).toBe(true)
      else expect(yield* Effect.flip(exit)).toMatchObject({ _tag: "SerializerError" })
      if (Exit.isSuccess(exit)) read++
      else missed++
    }
  }
  expect([read > 500, missed > 5000]).toEqual([true, true])
})

test("formats that hold values without a schema", function*() {
  const value = { a: [1, null, "é"], b: { c: true } }
  const codecs = [Json, Structured, Yaml, Cbor].flatMap(wrapped).map((serializer) =>
    serializer.make<unknown, never>(undefined)
  )
  for (const writer of codecs) {
    const meta = metaOf(writer.id)
    const bytes = yield* writer.encode(value, "id", meta)
    for (const codec of codecs) {
      const reader = codec.id === writer.id ? codec : codec.reads?.(writer.id)
      const exit = reader && (yield* Effect.exit(reader.decode(bytes, "id", meta)))
      if (exit !== undefined && Exit.isSuccess(exit)) expect(isSame(exit.value, value)).toBe(true)
    }
  }
})
