/** JSON as a format, with what JSON would change in silence refused. */
import * as Exit from "effect/Exit"
import { fault, type Format } from "./throughSchema.ts"

const name = "json"

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

export const json: Format = {
  name,
  id: 1,
  pack(value) {
    try {
      const text = JSON.stringify(value)
      if (text !== undefined) return Exit.succeed(encoder.encode(text))
    } catch {
      // a circle, or a bigint
    }
    return Exit.fail(fault(name, "encode", "the value has no JSON"))
  },
  unpack(bytes) {
    try {
      return Exit.succeed(JSON.parse(decoder.decode(bytes)))
    } catch {
      return Exit.fail(fault(name, "decode", "these bytes are not JSON"))
    }
  }
}

/** As `json`, for values that no schema vouches for: JSON would leave out or change what it does not know. */
export const strictJson: Format = {
  ...json,
  pack: (value, id) => {
    try {
      if (isJson(value)) return json.pack(value, id)
    } catch {
      // nested too deeply, or in a circle
    }
    return Exit.fail(fault(name, "encode", "the value is not JSON, and has no schema that would make it so"))
  }
}

const isJson = (value: unknown): boolean => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
    case "object":
      return value === null || (Array.isArray(value) ? isList(value) : isRecord(value))
    default:
      return false
  }
}

/** As many keys as elements, and `length`: neither a hole nor anything beside the elements. */
const isList = (value: ReadonlyArray<unknown>): boolean =>
  Object.getPrototypeOf(value) === Array.prototype &&
  Reflect.ownKeys(value).length === value.length + 1 &&
  value.every(isJson)

const isRecord = (value: object): boolean => {
  const items = Object.values(value)
  return Object.getPrototypeOf(value) === Object.prototype &&
    Reflect.ownKeys(value).length === items.length &&
    items.every(isJson)
}
