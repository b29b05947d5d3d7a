/** The JSON format. `strictJson` is for values without a schema, and refuses values that JSON would omit or change. */
import * as Exit from "effect/Exit"
import { exactly, otherIn } from "./jsonValue.ts"
import { placeOf } from "./place.ts"
import { fault, type Format } from "./throughSchema.ts"
import { sentence } from "./whatIs.ts"

const name = "json"

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

export const json: Format = {
  name,
  id: 1,
  holds: "json",
  pack(value) {
    try {
      const text = JSON.stringify(value)
      if (text !== undefined) return Exit.succeed(encoder.encode(text))
    } catch {
      // The value contains a cycle or a bigint.
    }
    return Exit.fail(fault(name, "encode", "the value has no JSON form"))
  },
  unpack(bytes) {
    try {
      return Exit.succeed(JSON.parse(decoder.decode(bytes)))
    } catch {
      return Exit.fail(fault(name, "decode", "these bytes are not JSON"))
    }
  }
}

export const strictJson: Format = {
  ...json,
  pack: (value, id) => {
    const other = otherIn(value, exactly)
    if (other === undefined) return json.pack(value, id)
    const { kind, path, what } = other
    const reason = what === undefined
      ? `${kind}, which is not JSON: give the key a schema that encodes it as JSON`
      : sentence(what)
    return Exit.fail(fault(name, "encode", `the value${placeOf(path)} is ${reason}`))
  }
}
