/** Codecs for the elements of streams in formats that store a page of elements as one table. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as SchemaParser from "effect/SchemaParser"
import type { SerializerError } from "../../CacheError.ts"
import type { Codec } from "../../ports/serializer.ts"
import { closeParts } from "./openParts.ts"
import * as throughSchema from "./throughSchema.ts"

const table = Symbol("table")

interface Table<A, R> {
  /** Turns an element into a record: its JSON form, which later changes to the element do not change. */
  readonly toRecord: (element: A) => Effect.Effect<unknown, SerializerError, R>
  readonly pack: throughSchema.Format["pack"]
  readonly decode: Codec<ReadonlyArray<A>, R>["decode"]
}

/** How a format stores a page of elements. `undefined` if it stores each element by itself. */
export const tableOf = <A, R>(codec: Codec<A, R>): Table<A, R> | undefined =>
  (codec as { readonly [table]?: Table<A, R> })[table]

/** Compiles a codec for elements. `formatOf` gets the schema of an array of them. */
export const ofElements = <A, R>(
  formatOf: (schema: Schema.Constraint) => throughSchema.Format,
  element: Schema.Codec<A, any, R, R>
): Codec<A, R> => {
  const elements: Schema.Codec<ReadonlyArray<A>, any, R, R> = Schema.Array(element)
  const format = formatOf(elements)
  const { decode, id } = throughSchema.make(format, elements)
  const json = Schema.toCodecJson(closeParts(element, format.holds))
  const parts: Table<A, R> = {
    toRecord: throughSchema.guard(
      format.name,
      "encode",
      SchemaParser.encodeUnknownEffect(json, throughSchema.reporting)
    ),
    pack: format.pack,
    decode
  }
  return Object.assign<Codec<A, R>, object>({
    id,
    encode: (element, id) => Effect.flatMapEager(parts.toRecord(element), (record) => format.pack([record], id)),
    decode: (bytes, id) => Effect.mapEager(decode(bytes, id), ([element]) => element!)
  }, { [table]: parts })
}
