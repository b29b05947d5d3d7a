/** The laws of serializers hold for those of this package. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Serializer } from "effect-cached/adapters"
import { Binary } from "effect-cached/serializers/Binary"
import { Bytes } from "effect-cached/serializers/Bytes"
import { Cbor } from "effect-cached/serializers/Cbor"
import { Csv } from "effect-cached/serializers/Csv"
import { Json } from "effect-cached/serializers/Json"
import { Ndjson } from "effect-cached/serializers/Ndjson"
import { Parquet } from "effect-cached/serializers/Parquet"
import { Structured } from "effect-cached/serializers/Structured"
import { Text } from "effect-cached/serializers/Text"
import { Yaml } from "effect-cached/serializers/Yaml"
import { serializerLaws } from "effect-cached/testing"
import type { NarrowSerializer } from "../../src/testing/serializerLaws.ts"
import { nestings, wrapIn } from "../serializers/support.ts"

const standard = Effect.runSync(Effect.gen(function*() {
  return yield* Serializer.Serializer
}))

// Other orders are in the property test of the wrappers.
const wrapped = [
  ...nestings.filter(({ length }) => length !== 2).map((names) => wrapIn(Structured, names)),
  ...["zstd", "signed", "aes"].map((name) => wrapIn(Json, [name]))
]

for (const serializer of [standard, Json, Structured, Yaml, Cbor, ...wrapped]) {
  describe(`the laws of serializers hold for ${serializer.name}`, () => {
    for (const law of serializerLaws(serializer)) it.effect(law.name, () => law.run)
  })
}

const narrow = (serializer: Serializer.Serializer, holds: NarrowSerializer) =>
  describe(`the laws of serializers hold for ${serializer.name}`, () => {
    for (const law of serializerLaws(serializer, [], holds)) it.effect(law.name, () => law.run)
  })

narrow(Text, {
  schema: Schema.String.check(Schema.isMaxLength(20)),
  value: "a text: é\u{1f600}\r\n",
  other: { schema: Schema.String, value: "a text of more than 20 characters" }
})

narrow(Bytes, {
  schema: Schema.Uint8Array.check(Schema.makeFilter((bytes) => bytes.length < 5)),
  value: Uint8Array.of(0, 1, 255),
  other: { schema: Schema.Uint8Array, value: new Uint8Array(20) }
})

for (const serializer of [Csv, Ndjson, Parquet]) {
  const Row = Schema.Struct({ text: Schema.String, count: Schema.Number })
  narrow(serializer, {
    schema: Schema.Array(Row),
    value: [{ text: "a text", count: 42 }],
    other: { schema: Schema.Array(Schema.Struct({ other: Schema.String })), value: [{ other: "a text" }] }
  })
}

it("each serializer has a number of its own, and none that of the manifests of streams", () => {
  const manifests = 4
  const others = [Structured, Text, Bytes, Yaml, Cbor, Csv, Ndjson, Parquet].map(({ make }) => make(undefined).id)
  const numbers = [manifests, Json.make(Schema.String).id, Binary.make(Schema.String).id, ...others]
  expect(new Set(numbers).size).toBe(numbers.length)
})
