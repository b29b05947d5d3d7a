/**
 * JSON that is encoded through the schema of a value (`Schema.toCodecJson`): readable by people and other programs.
 * @since 0.1.0
 */
import { json, strictJson } from "../internal/codec/json.ts"
import * as throughSchema from "../internal/codec/throughSchema.ts"
import type { Serializer } from "../Serializer.ts"

/**
 * The JSON serializer.
 *
 * **When to use**
 *
 * Use if other programs read the store.
 *
 * **Details**
 *
 * - For a key without a schema, the value must be JSON. Any other value fails with a `SerializerError`.
 * - Parts for which the schema accepts anything (`Schema.Unknown`, `Any`, `ObjectKeyword`) must also be JSON.
 * - The format does not encrypt, so a schema with `Schema.Redacted` is refused with a `CacheConfigError`.
 * - With a schema, -0 is restored as 0, because `JSON.stringify` writes -0 as 0.
 *
 * **Example** (Encoding a plain value)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Json } from "effect-cached/serializers/Json"
 *
 * const codec = Json.make<unknown, never>(undefined)
 * const bytes = await Effect.runPromise(codec.encode({ answer: 42 }, "answer"))
 * new TextDecoder().decode(bytes) // => '{"answer":42}'
 * ```
 *
 * @see `effect-cached/serializers/IndentedJson` for files that people read
 * @see `effect-cached/serializers/Binary` for fewer bytes
 * @category serializers
 * @since 0.1.0
 */
export const Json: Serializer = {
  name: json.name,
  contentType: "application/json",
  extension: ".json",
  make: (schema) => schema === undefined ? throughSchema.withoutSchema(strictJson) : throughSchema.make(json, schema)
}
