/**
 * A thousand records, written and read in each format, beside the library of the format. Where the format has a schema,
 * so has the library: its values are converted by the schema's JSON codec, and checked. `--bytes` gives the sizes, and
 * `--turns` the time for which a value of 10 MB holds the event loop.
 */
import { decode as decodeMsgpack, encode as encodeMsgpack } from "@msgpack/msgpack"
import * as cborg from "cborg"
import { Effect, Redacted, Schema, Stream } from "effect"
import type { Serializer } from "effect-cached/adapters"
import { Binary } from "effect-cached/serializers/Binary"
import { Bytes } from "effect-cached/serializers/Bytes"
import { Cbor } from "effect-cached/serializers/Cbor"
import * as Compressed from "effect-cached/serializers/Compressed"
import { Csv } from "effect-cached/serializers/Csv"
import * as Encrypted from "effect-cached/serializers/Encrypted"
import { Json } from "effect-cached/serializers/Json"
import { Ndjson } from "effect-cached/serializers/Ndjson"
import { Parquet } from "effect-cached/serializers/Parquet"
import * as Signed from "effect-cached/serializers/Signed"
import { Structured } from "effect-cached/serializers/Structured"
import { Text } from "effect-cached/serializers/Text"
import { Yaml } from "effect-cached/serializers/Yaml"
import * as EffectCsv from "effect/encoding/Csv"
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import { parquetReadObjects } from "hyparquet"
import { parquetWriteBuffer } from "hyparquet-writer"
import * as yaml from "yaml"
import { inTurn, measure, median, print, took, turnsOf } from "../measure.ts"

const Rows = Schema.Array(Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  email: Schema.String,
  age: Schema.Finite,
  active: Schema.Boolean,
  about: Schema.String
}))
type Rows = typeof Rows.Type

const rowsOf = (count: number): Rows =>
  Array.from({ length: count }, (_, i) => ({
    id: `user:${i}`,
    name: "Ada Lovelace",
    email: `user${i}@example.com`,
    age: 20 + i % 60,
    active: i % 3 === 0,
    about: `about user ${i} `.repeat(8)
  }))

const rows = rowsOf(1000)
const json = Schema.toCodecJson(Rows)
const toJson = Schema.encodeUnknownSync(json) as (rows: Rows) => ReadonlyArray<Record<string, unknown>>
const fromJson = Schema.decodeUnknownSync(json)

const binary = SchemaBinary.toCodec(Rows)
const toBinary = Schema.encodeUnknownSync(binary) as (rows: Rows) => Uint8Array
const fromBinary = Schema.decodeUnknownSync(binary)

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const names = Object.keys(rows[0]!)
const text = JSON.stringify(rows)
const texts = encoder.encode(text)

interface Subject {
  readonly encode: () => unknown
  /** The library's decoder may be asynchronous. */
  readonly decode: (bytes: never) => unknown
}

const through = (channel: unknown, input: ReadonlyArray<unknown>) =>
  Effect.runSync(
    Stream.fromArray(input).pipe(
      Stream.pipeThroughChannel(channel as never),
      Stream.runCollect
    ) as unknown as Effect.Effect<
      ReadonlyArray<never>
    >
  )

const library: { readonly [name: string]: Subject } = {
  "JSON and the schema": {
    encode: () => encoder.encode(JSON.stringify(toJson(rows))),
    decode: (bytes) => fromJson(JSON.parse(decoder.decode(bytes)))
  },
  "MessagePack": { encode: () => encodeMsgpack(rows), decode: (bytes) => decodeMsgpack(bytes) },
  "Effect's SchemaBinary": {
    // The view on a shared buffer that it returns must be copied before the next call.
    encode: () => toBinary(rows).slice(),
    decode: (bytes) => fromBinary(bytes)
  },
  "UTF-8": { encode: () => encoder.encode(text), decode: (bytes) => decoder.decode(bytes) },
  "a copy": { encode: () => texts.slice(), decode: (bytes: Uint8Array) => bytes.slice() },
  "cborg": { encode: () => cborg.encode(rows), decode: (bytes) => cborg.decode(bytes) },
  "cborg and the schema": {
    encode: () => cborg.encode(toJson(rows)),
    decode: (bytes) => fromJson(cborg.decode(bytes))
  },
  "yaml and the schema": {
    encode: () => encoder.encode(yaml.stringify(toJson(rows), { aliasDuplicateObjects: false, lineWidth: 0 })),
    decode: (bytes) => fromJson(yaml.parse(decoder.decode(bytes)))
  },
  "Effect's CSV and the schema": {
    encode: () =>
      encoder.encode(
        through(EffectCsv.encodeString(), [names, ...toJson(rows).map((row) => names.map((name) => String(row[name])))])
          .join("")
      ),
    decode(bytes) {
      const [, ...read] = through(EffectCsv.decodeString({ maxRecordSize: Infinity }), [decoder.decode(bytes)])
      return fromJson((read as ReadonlyArray<ReadonlyArray<string>>).map(([id, name, email, age, active, about]) => ({
        id,
        name,
        email,
        age: Number(age),
        active: active === "true",
        about
      })))
    }
  },
  "lines of JSON and the schema": {
    encode: () => encoder.encode(toJson(rows).map((row) => `${JSON.stringify(row)}\n`).join("")),
    decode: (bytes) =>
      fromJson(decoder.decode(bytes).split("\n").filter((line) => line !== "").map((line) => JSON.parse(line)))
  },
  "hyparquet and the schema": {
    encode() {
      const records = toJson(rows)
      return parquetWriteBuffer({ columnData: names.map((name) => ({ name, data: records.map((row) => row[name]) })) })
    },
    decode: async (file) => fromJson(await parquetReadObjects({ file: file as ArrayBuffer }))
  }
}

const codecOf = (serializer: Serializer.Serializer, isPlain = false, value: unknown = rows) => {
  const codec = serializer.make(isPlain ? undefined : Rows as never) as Serializer.Codec<unknown>
  return {
    encode: () => Effect.runSync(codec.encode(value, "id")),
    decode: (bytes: never) => Effect.runSync(codec.decode(bytes, "id"))
  }
}

const ours: { readonly [name: string]: Subject } = {
  "Json": codecOf(Json),
  "Structured, no schema": codecOf(Structured, true),
  "Binary": codecOf(Binary),
  "Text, no schema": codecOf(Text, true, text),
  "Bytes, no schema": codecOf(Bytes, true, texts),
  "Cbor, no schema": codecOf(Cbor, true),
  "Cbor": codecOf(Cbor),
  "Yaml": codecOf(Yaml),
  "Csv": codecOf(Csv),
  "Ndjson": codecOf(Ndjson),
  "Parquet": codecOf(Parquet)
}

const subjects = { ...library, ...ours }

const encoded = new Map(Object.entries(subjects).map(([name, { encode }]) => [name, encode() as Uint8Array]))

const large = rowsOf(40_000)
const keys = { keys: { a: Redacted.make(new Uint8Array(32)) }, current: "a" }

const wrappersOf = (inner: Serializer.Serializer): { readonly [name: string]: Serializer.Serializer } => ({
  "Compressed, gzip": Compressed.make(inner, { algorithm: "gzip" }),
  "Compressed, brotli": Compressed.make(inner, { algorithm: "brotli" }),
  "Compressed, zstd": Compressed.make(inner, { algorithm: "zstd" }),
  "Signed": Signed.make(inner, keys),
  "Encrypted, AES-256-GCM": Encrypted.make(inner, keys),
  "Encrypted, XChaCha20-Poly1305": Encrypted.make(inner, { ...keys, algorithm: "XChaCha20-Poly1305" })
})

/** The longest turn of the event loop while a value of 10 MB is encoded and decoded. */
const longestTurn = async (serializer: Serializer.Serializer): Promise<number> => {
  const codec = serializer.make(Rows as never) as Serializer.Codec<Rows>
  const bytes = await Effect.runPromise(codec.encode(large, "id"))
  const once = turnsOf(Effect.andThen(codec.encode(large, "id"), codec.decode(bytes, "id")))
  const turns = []
  for (let i = 0; i < 3; i++) turns.push((await Effect.runPromise(once)).longest)
  return median(turns)
}

/** Bytes that need no time of their own, so that only the wrapper holds the event loop. */
const still: Serializer.Serializer = {
  ...Json,
  make: () => {
    const bytes = encoder.encode(JSON.stringify(large))
    return { id: 200, encode: () => Effect.succeed(bytes), decode: () => Effect.succeed(large as never) }
  }
}

if (process.argv.includes("--turns")) {
  const formats = { Json, Binary, Cbor, Yaml, Csv, Ndjson, Parquet: Parquet.with({ maxSize: "500 MB" }) }
  const rows = []
  for (const [name, serializer] of Object.entries({ ...formats, ...wrappersOf(still) })) {
    rows.push({ name, value: await longestTurn(serializer) })
  }
  print(rows)
} else if (process.argv.includes("--bytes")) {
  const sizes = Array.from(encoded, ([name, { byteLength }]) => ({ name, value: byteLength }))
  for (const [name, serializer] of Object.entries(wrappersOf(Json))) {
    const codec = serializer.make(Rows as never) as Serializer.Codec<Rows>
    const { byteLength } = await Effect.runPromise(codec.encode(rows, "id"))
    sizes.push({ name: `Json, ${name}`, value: byteLength })
  }
  print(sizes)
} else {
  const steps = Object.fromEntries(
    Object.entries(subjects).flatMap(([name, { decode, encode }]) => [
      [`${name}, encode`, encode],
      [`${name}, decode`, () => decode(encoded.get(name) as never)]
    ])
  )
  await measure(inTurn(steps, { warmup: 6, rounds: 24 }, (step) => took(Effect.promise(async () => step()))))
}
