/**
 * Any structured value, as JSON where that is exact and as MessagePack where it is not: a decoded value equals the
 * encoded one, or there is an error.
 *
 * @since 0.1.0
 */
import { structured } from "../internal/codec/structured.ts"
import * as throughSchema from "../internal/codec/throughSchema.ts"
import type { Serializer } from "../Serializer.ts"

/**
 * The structured serializer, the default for keys without a schema.
 *
 * **Details**
 *
 * - It encodes plain objects and arrays, `Date`, `Map`, `Set`, `BigInt`, `RegExp`, typed arrays, `undefined`, `NaN`,
 *   `-0`, `Infinity` and strings with lone surrogates, nested in each other.
 * - A value that it cannot restore (functions, symbols, circles, instances of classes, `Redacted`) is a
 *   `SerializerError` that names the place.
 * - With a schema, values go through the schema's JSON form, as with `Json`, and are checked when they are read.
 *   Instances of classes are fine then, and below `Schema.Any` and `ObjectKeyword` is whatever it encodes without one.
 *
 * **Gotchas**
 *
 * Two references to one object come back as two equal objects.
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
 * @category serializers
 * @since 0.1.0
 */
export const Structured: Serializer = {
  name: structured.name,
  // one byte says which of the two follows
  contentType: "application/octet-stream",
  extension: ".bin",
  make: (schema) =>
    schema === undefined ? throughSchema.withoutSchema(structured) : throughSchema.make(structured, schema)
}
