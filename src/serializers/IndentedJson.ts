/**
 * JSON for people to read: the format of `effect-cached/serializers/Json`, indented, with one line for each property.
 * @since 0.1.0
 */
import * as Exit from "effect/Exit"
import type { SerializerError } from "../CacheError.ts"
import { json, strictJson } from "../internal/codec/json.ts"
import * as throughSchema from "../internal/codec/throughSchema.ts"
import type { Serializer } from "../Serializer.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

const indent = (bytes: Uint8Array): Uint8Array => {
  try {
    return encoder.encode(`${JSON.stringify(JSON.parse(decoder.decode(bytes)), undefined, 2)}\n`)
  } catch {
    // Does not indent a deeply nested value whose indented text would exceed the longest possible string.
    return bytes
  }
}

const indented = (format: throughSchema.Format): throughSchema.Format => ({
  ...format,
  pack: (value, id): Exit.Exit<Uint8Array, SerializerError> => Exit.map(format.pack(value, id), indent)
})

/**
 * The JSON serializer with indentation, the default of `CacheLayer.files`. `Json` can read its bytes, and vice versa.
 *
 * **When to use**
 *
 * Use for files that people read.
 *
 * **Example** (Writing indented JSON)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { IndentedJson } from "effect-cached/serializers/IndentedJson"
 *
 * const codec = IndentedJson.make<unknown, never>(undefined)
 * const bytes = await Effect.runPromise(codec.encode([42], "answer"))
 * new TextDecoder().decode(bytes).includes("\n") // => true
 * ```
 *
 * @see `effect-cached/serializers/Json` for fewer bytes
 * @category serializers
 * @since 0.1.0
 */
export const IndentedJson: Serializer = {
  name: json.name,
  contentType: "application/json",
  extension: ".json",
  make: (schema) =>
    schema === undefined
      ? throughSchema.withoutSchema(indented(strictJson))
      : throughSchema.make(indented(json), schema)
}
