/**
 * JSON through the codec that a schema has (`Schema.toCodecJson`): readable by people and by other programs.
 *
 * @since 0.1.0
 */
import { json, strictJson } from "../internal/codec/json.ts"
import * as throughSchema from "../internal/codec/throughSchema.ts"
import type { Serializer } from "../Serializer.ts"

/**
 * The JSON serializer. A key without a schema must hold JSON values; anything else is a `SerializerError`.
 *
 * It does not encrypt: a schema with `Schema.Redacted` is refused with a `CacheConfigError`. JSON has no -0: it comes
 * back as 0.
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
 * @category serializers
 * @since 0.1.0
 */
export const Json: Serializer = {
  name: json.name,
  contentType: "application/json",
  extension: ".json",
  make: (schema) => schema === undefined ? throughSchema.withoutSchema(strictJson) : throughSchema.make(json, schema)
}
