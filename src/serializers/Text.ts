/**
 * Plain text: a string as its UTF-8 bytes, without quotes.
 * @since 0.1.0
 */
import * as Exit from "effect/Exit"
import { isWellFormed } from "../internal/codec/bytes.ts"
import { jsonFormOf, leafKinds, narrow, unfit } from "../internal/codec/narrow.ts"
import * as throughSchema from "../internal/codec/throughSchema.ts"
import type { Serializer } from "../Serializer.ts"

const name = "text"

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const refuse = (operation: "encode" | "decode", reason: string) =>
  Exit.fail(throughSchema.fault(name, operation, reason))

const format: throughSchema.Format = {
  name,
  id: 11,
  holds: "json",
  pack(value) {
    if (typeof value !== "string") return refuse("encode", "the value is not a string")
    return isWellFormed(value)
      ? Exit.succeed(encoder.encode(value))
      : refuse("encode", "the string contains half of a surrogate pair, which UTF-8 cannot hold")
  },
  unpack(bytes) {
    try {
      return Exit.succeed(decoder.decode(bytes))
    } catch {
      return refuse("decode", "these bytes are not UTF-8")
    }
  }
}

const isText = (schema: Parameters<typeof jsonFormOf>[0]): boolean => {
  const kinds = leafKinds(jsonFormOf(schema))
  return kinds?.size === 1 && kinds.has("string")
}

/**
 * The serializer of strings, such as pages and templates. It refuses other values and strings with a lone surrogate,
 * and a schema whose JSON form is no string with a `CacheConfigError`.
 *
 * **Example** (Encoding a page)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Text } from "effect-cached/serializers/Text"
 * const bytes = Effect.runSync(Text.make(Schema.String).encode("<p>Hello</p>", "page"))
 * new TextDecoder().decode(bytes) // => "<p>Hello</p>"
 * ```
 *
 * @category serializers
 * @since 0.1.0
 */
export const Text: Serializer = {
  name,
  contentType: "text/plain; charset=utf-8",
  extension: ".txt",
  make: narrow({
    name,
    plain: format,
    fromSchema(schema) {
      if (!isText(schema)) throw unfit(name, "holds only schemas whose encoded form is a string")
      return throughSchema.make(format, schema)
    }
  })
}
