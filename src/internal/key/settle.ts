/** Replaces the value of a key field by the result of encoding and decoding it, if the schema has a transformation. */
import type * as Schema from "effect/Schema"
import * as SchemaParser from "effect/SchemaParser"
import { makeCompile } from "./canonical.ts"
import { configError } from "./payload.ts"
import type { Canonical } from "./text.ts"

const unchecked = { disableChecks: true }

/** Leaves values of other types unchanged, and all values of one-way, asynchronous or service-based schemas. */
export const settling = (name: string, field: string, schema: Schema.Constraint): (value: unknown) => unknown => {
  const codec = schema as Schema.Codec<unknown, unknown>
  const encode = SchemaParser.encodeUnknownSync(codec, unchecked)
  const decode = SchemaParser.decodeUnknownSync(codec, unchecked)
  let canonical: Canonical | undefined
  return (value) => {
    try {
      // Throws if the field has no canonical text. A class with an id template does not need one.
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
