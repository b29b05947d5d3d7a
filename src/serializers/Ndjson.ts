/**
 * Newline-delimited JSON for arrays of records: one line for each record, which line tools and databases read.
 * @since 0.1.0
 */
import type * as SchemaAST from "effect/SchemaAST"
import { elementOf, refusing, resolved, tables, unfit } from "../internal/codec/narrow.ts"
import * as throughSchema from "../internal/codec/throughSchema.ts"
import type { Serializer } from "../Serializer.ts"

const name = "ndjson"
const id = 9

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

const format: throughSchema.Format = {
  name,
  id,
  holds: "json",
  // The channels of Effect take several times as long, because they expect the lines in any pieces.
  pack: (records) =>
    throughSchema.attempt(name, "encode", () => {
      let text = ""
      for (const record of records as ReadonlyArray<unknown>) text += `${JSON.stringify(record)}\n`
      return encoder.encode(text)
    }, () => "the value has no JSON form"),
  unpack: (bytes) =>
    throughSchema.attempt(name, "decode", () => {
      const lines = decoder.decode(bytes).split("\n")
      if (lines.at(-1) === "") lines.pop()
      return lines.map((line) => JSON.parse(line) as unknown)
    }, () => "these bytes are not lines of JSON")
}

const isRecord = (ast: SchemaAST.AST | undefined): boolean =>
  ast?._tag === "Objects" || (ast?._tag === "Union" && ast.types.every((type) => isRecord(resolved(type))))

/**
 * The serializer of newline-delimited JSON, for schemas that are arrays of structs or records. It refuses other schemas
 * with a `CacheConfigError`.
 *
 * **Example** (Encoding records)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Ndjson } from "effect-cached/serializers/Ndjson"
 * const codec = Ndjson.make(Schema.Array(Schema.Struct({ n: Schema.Int })))
 * const bytes = Effect.runSync(codec.encode([{ n: 1 }, { n: 2 }], "numbers"))
 * new TextDecoder().decode(bytes) // => '{"n":1}\n{"n":2}\n'
 * ```
 *
 * @category serializers
 * @since 0.1.0
 */
export const Ndjson: Serializer = {
  name,
  contentType: "application/x-ndjson",
  extension: ".ndjson",
  make: tables({
    name,
    plain: refusing(name, id, "a value without a schema may be no array of records: use a key class"),
    formatOf(schema) {
      if (isRecord(elementOf(schema))) return format
      throw unfit(name, "holds only schemas of arrays of structs, and streams of structs")
    }
  })
}
