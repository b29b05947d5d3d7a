/**
 * Bytes as they are: a `Uint8Array` without any frame, such as an image or a document.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaParser from "effect/SchemaParser"
import type { SerializerError } from "../CacheError.ts"
import { narrow, resolved, unfit } from "../internal/codec/narrow.ts"
import * as throughSchema from "../internal/codec/throughSchema.ts"
import type { Codec, Serializer } from "../Serializer.ts"

const name = "bytes"

const format: throughSchema.Format = {
  name,
  id: 5,
  holds: "json",
  pack: (value): Exit.Exit<Uint8Array, SerializerError> =>
    value instanceof Uint8Array && Object.getPrototypeOf(value) === Uint8Array.prototype
      ? Exit.succeed(new Uint8Array(value))
      : Exit.fail(throughSchema.fault(name, "encode", "the value is not a Uint8Array")),
  unpack: (bytes) => Exit.succeed(new Uint8Array(bytes))
}

const isBytes = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Declaration" &&
  (ast.annotations?.["representation"] as { readonly id?: unknown } | undefined)?.id === "effect/schema/Uint8Array"

const fromSchema = <A, R>(schema: Schema.Codec<A, any, R, R>): Codec<A, R> => {
  if (!isBytes(resolved(SchemaAST.toEncoded(schema.ast)))) {
    throw unfit(name, "holds only schemas whose encoded form is a Uint8Array")
  }
  const toBytes = throughSchema.guard<Uint8Array, R>(name, "encode", SchemaParser.encodeUnknownEffect(schema))
  const fromBytes = throughSchema.guard<A, R>(name, "decode", SchemaParser.decodeUnknownEffect(schema))
  return {
    id: format.id,
    // Copies, so that bytes that the program changes later do not change in the store.
    encode: (value) => Effect.mapEager(toBytes(value), (bytes) => new Uint8Array(bytes)),
    decode: (bytes) => fromBytes(new Uint8Array(bytes))
  }
}

/**
 * The serializer of a `Uint8Array`. It refuses other values, and a schema that does not encode to a `Uint8Array` with a
 * `CacheConfigError`. The decoded array is a copy.
 *
 * **Example** (Encoding bytes)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Bytes } from "effect-cached/serializers/Bytes"
 * Effect.runSync(Bytes.make(Schema.Uint8Array).encode(Uint8Array.of(1, 2), "image")) // => Uint8Array.of(1, 2)
 * ```
 *
 * @category serializers
 * @since 0.1.0
 */
export const Bytes: Serializer = {
  name,
  contentType: "application/octet-stream",
  extension: ".bin",
  make: narrow({ name, plain: format, fromSchema })
}
