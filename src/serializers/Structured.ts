/**
 * A format for any structured value: JSON if JSON preserves the value exactly, and MessagePack otherwise. A decoded
 * value equals the encoded one, or decoding fails.
 * @since 0.1.0
 */
import { structured } from "../internal/codec/structured.ts"
import * as throughSchema from "../internal/codec/throughSchema.ts"
import type { Serializer } from "../Serializer.ts"

/**
 * The structured serializer, the default for keys without a schema.
 *
 * **When to use**
 *
 * Use for values without a schema that JSON cannot represent: dates, maps, sets, big integers.
 *
 * **Details**
 *
 * - The serializer encodes plain objects and arrays, `Date`, `Map`, `Set`, `BigInt`, `RegExp`, typed arrays,
 *   `undefined`, `NaN`, `-0`, `Infinity` and strings with lone surrogates, nested in each other. Two references to one
 *   object are restored as two equal objects.
 * - A value that cannot be restored (a function, a symbol, a circular reference, a class instance, a `Redacted`) fails
 *   with a `SerializerError` that names its position.
 * - With a schema, values are converted to the schema's JSON form, as with `Json`, and validated when read. Class
 *   instances are then allowed. Parts with `Schema.Any` or `ObjectKeyword` may hold any value listed above.
 *
 * **Example** (Encoding a map)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Structured } from "effect-cached/serializers/Structured"
 *
 * const codec = Structured.make<unknown, never>(undefined)
 * const bytes = await Effect.runPromise(codec.encode(new Map([[1, "one"]]), "numbers"))
 * await Effect.runPromise(codec.decode(bytes, "numbers")) // => new Map([[1, "one"]])
 * ```
 *
 * @see `effect-cached/serializers/Binary` for values with a schema
 * @category serializers
 * @since 0.1.0
 */
export const Structured: Serializer = {
  name: structured.name,
  // The first byte of a payload says whether JSON or MessagePack follows, so even JSON is not plain text.
  contentType: "application/octet-stream",
  extension: ".bin",
  make: (schema) =>
    schema === undefined ? throughSchema.withoutSchema(structured) : throughSchema.make(structured, schema)
}
