/**
 * A compact binary format that follows the schema (`effect/encoding/SchemaBinary`): smaller than JSON, and faster for
 * large values, but not readable by people.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as SchemaBinary from "effect/encoding/SchemaBinary"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import * as SchemaParser from "effect/SchemaParser"
import type { SerializerError } from "../CacheError.ts"
import { json } from "../internal/codec/json.ts"
import { refuseRedacted } from "../internal/codec/redacted.ts"
import { hasPart, isOpen } from "../internal/codec/schemaParts.ts"
import { structured } from "../internal/codec/structured.ts"
import * as throughSchema from "../internal/codec/throughSchema.ts"
import type { Codec, Serializer } from "../Serializer.ts"

const name = "binary"
const id = 3

/** The first byte of a payload: `frame` if the binary format follows, `text` if JSON follows. */
const frame = 0
const text = 1

/**
 * The binary serializer. For a key without a schema, it writes the same bytes as `Structured`.
 *
 * **When to use**
 *
 * Use if size and speed matter and no other program reads the store.
 *
 * **Details**
 *
 * - Two kinds of values are written as JSON: values that contain strings with a lone surrogate or U+FFFD, and values of
 *   schemas that contain `Schema.Unknown`, `Any` or `ObjectKeyword`. Parts with one of these schemas must be JSON.
 * - The format does not encrypt, so a schema with `Schema.Redacted` is refused with a `CacheConfigError`.
 * - Bytes can be read only with the schema that they were written with. A key class ensures that, because a different
 *   schema produces a different id.
 *
 * **Example** (Encoding a struct)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Binary } from "effect-cached/serializers/Binary"
 *
 * const codec = Binary.make(Schema.Struct({ city: Schema.String, celsius: Schema.Number }))
 * const bytes = Effect.runSync(codec.encode({ city: "Berlin", celsius: 21 }, "report"))
 * Effect.runSync(codec.decode(bytes, "report")).city // => "Berlin"
 * ```
 *
 * @see `effect-cached/serializers/Json` for bytes that other programs can read
 * @category serializers
 * @since 0.1.0
 */
export const Binary: Serializer = {
  name,
  contentType: "application/octet-stream",
  extension: ".bin",
  make: (schema) => schema === undefined ? throughSchema.withoutSchema(structured) : fromSchema(schema)
}

const fromSchema = <A, R>(schema: Schema.Codec<A, any, R, R>): Codec<A, R> => {
  refuseRedacted(schema.ast, name)
  // In parts of a schema that accept anything, the binary format would silently change values that are not JSON.
  const open = hasPart(schema.ast, isOpen)
  const codec = SchemaBinary.toCodec(schema)
  const toFrame = throughSchema.guard<Uint8Array, R>(name, "encode", SchemaParser.encodeUnknownEffect(codec))
  const fromFrame = throughSchema.guard<A, R>(name, "decode", SchemaParser.decodeUnknownEffect(codec))
  let compiled: Codec<A, R> | undefined
  const textCodec = () => compiled ??= throughSchema.make({ ...json, name }, schema)
  const asText = (value: A, key: string) =>
    Effect.mapEager(textCodec().encode(value, key), (bytes) => prefixed(text, bytes))
  const encode = (value: A, key: string) =>
    Effect.flatMapEager(
      toFrame(value),
      (bytes): Effect.Effect<Uint8Array, SerializerError, R> =>
        hasReplacement(bytes) ? asText(value, key) : Exit.succeed(prefixed(frame, bytes))
    )
  return {
    id,
    encode: open ? asText : encode,
    decode(bytes, key) {
      switch (bytes[0]) {
        case frame:
          return fromFrame(bytes.subarray(1))
        case text:
          return textCodec().decode(bytes.subarray(1), key)
        default:
          return Exit.fail(throughSchema.fault(name, "decode", "these bytes were not written by this serializer"))
      }
    }
  }
}

/** Prepends `kind` to a copy of the bytes, because `SchemaBinary` returns a view into a shared buffer. */
const prefixed = (kind: number, bytes: Uint8Array): Uint8Array => {
  const copy = new Uint8Array(bytes.length + 1)
  copy[0] = kind
  copy.set(bytes, 1)
  return copy
}

/** Whether the bytes contain U+FFFD, which UTF-8 encoders also write in place of a lone surrogate. */
const hasReplacement = (bytes: Uint8Array): boolean => {
  for (let at = bytes.indexOf(0xef); at >= 0; at = bytes.indexOf(0xef, at + 1)) {
    if (bytes[at + 1] === 0xbf && bytes[at + 2] === 0xbd) return true
  }
  return false
}
