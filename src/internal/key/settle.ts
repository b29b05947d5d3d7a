/** Replaces the value of a key field with the result of encoding and decoding it, if its schema transforms values. */
import type * as Schema from "effect/Schema"
import * as SchemaParser from "effect/SchemaParser"
import { makeCompile } from "./canonical.ts"
import { configError } from "./payload.ts"
import type { Canonical } from "./text.ts"

const unchecked = { disableChecks: true }

/** Keeps a value of a wrong type as it is, and every value if the schema is one-way, asynchronous or needs services. */
export const settling = (name: string, field: string, schema: Schema.Constraint): (value: unknown) => unknown => {
  const codec = schema as Schema.Codec<unknown, unknown>
  const encode = SchemaParser.encodeUnknownSync(codec, unchecked)
  const decode = SchemaParser.decodeUnknownSync(codec, unchecked)
  let canonical: Canonical | undefined
  return (value) => {
    try {
      // Throws, so that the value stays as it is, if the field has no canonical text (an id template needs none).
      const text = (canonical ??= makeCompile()(schema.ast)).encode
      const settled = decode(encode(value))
      if (text(settled) === text(value)) return value
      if (text(settled) === text(decode(encode(settled)))) return settled
    } catch {
      return value
    }
    throw configError(
      name,
      `the field "${field}" changes each time it is encoded and decoded: let its transformation keep what it decoded`
    )
  }
}
