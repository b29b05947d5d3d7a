/**
 * Any structured value, as JSON if that is exact, and as MessagePack otherwise. A decoded value equals the encoded one,
 * or decoding fails.
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
 * Use for values without a schema that are more than JSON: dates, maps, sets, big integers.
 *
 * **Details**
 *
 * - It encodes plain objects and arrays, `Date`, `Map`, `Set`, `BigInt`, `RegExp`, typed arrays, `undefined`, `NaN`,
 *   `-0`, `Infinity` and strings with lone surrogates, nested in each other. Two references to one object are restored
 *   as two equal objects.
 * - A value that it cannot restore (functions, symbols, circular references, instances of classes, `Redacted`) is a
 *   `SerializerError` that names its position.
 * - With a schema, values are converted to the schema's JSON form, as with `Json`, and validated when read. Instances
 *   of classes are then allowed, and parts with `Schema.Any` and `ObjectKeyword` may hold any value it encodes without.
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
  // One byte identifies the format of the rest.
  contentType: "application/octet-stream",
  extension: ".bin",
  make: (schema) =>
    schema === undefined ? throughSchema.withoutSchema(structured) : throughSchema.make(structured, schema)
}
