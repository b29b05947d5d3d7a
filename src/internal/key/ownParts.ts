/**
 * Copies the parts of a payload that its caller could still change, so that a load sees the payload of the key's id.
 * Values of all other types are kept as they are: their classes may have private fields, which no copy would have.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Fields } from "./canonical.ts"
import { configError } from "./payload.ts"

/** The copies of the fields that hold something mutable, or `undefined` if none does. */
export const ownParts = (names: ReadonlyArray<string>, fields: Fields): Record<string, unknown> | undefined => {
  let copies: Record<string, unknown> | undefined
  for (const name of names) {
    const value = fields[name]
    if (typeof value !== "object" || value === null) continue
    const copy = copyOrKeep(value)
    if (copy !== value) (copies ??= {})[name] = copy
  }
  return copies
}

interface Copied<K> {
  readonly "~id": string
  readonly "~copy": () => K
}

/** Copies a key of the class `name`. Throws if the payload has changed since the id was computed. */
export const copyChecked = <K extends Copied<K>>(name: string, key: K, idOf: (fields: Fields) => string): K => {
  const copy = key["~copy"]()
  const id = key["~id"]
  const isSame = (of: K): boolean => {
    try {
      return idOf(of as never) === id
    } catch {
      return false
    }
  }
  if (copy === key || isSame(copy)) return copy
  // A copy of something unusual may differ from it.
  if (isSame(key)) return key
  throw configError(
    name,
    `the payload of "${id}" has changed since its id was computed: make another key for another payload`
  )
}

/** Keeps a value that throws when it is read again, or that is nested too deeply. */
const copyOrKeep = (value: object): unknown => {
  try {
    return copyOf(value, new Map())
  } catch {
    return value
  }
}

type Seen = Map<object, unknown>

const copyOf = (value: unknown, seen: Seen): unknown => {
  if (typeof value !== "object" || value === null) return value
  const known = seen.get(value)
  if (known !== undefined) return known
  const empty = emptyLike(value)
  // Noted before its parts are copied, because they may refer to it.
  seen.set(value, empty ?? value)
  const copy = empty === undefined ? rebuilt(value, seen) : filled(empty, value, seen)
  seen.set(value, copy)
  return copy
}

/** A copy of a mutable value, still without the parts that must be copied too. `undefined` for all other values. */
const emptyLike = (value: object): object | undefined => {
  const copy = Array.isArray(value)
    ? []
    : value instanceof Date
    ? new Date(value.getTime())
    : value instanceof Map
    ? new Map()
    : value instanceof Set
    ? new Set()
    : value instanceof URL
    ? new URL(value.href)
    : value instanceof ArrayBuffer
    ? value.slice(0)
    : value instanceof DataView
    ? new DataView(value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength))
    : ArrayBuffer.isView(value)
    // The method of typed arrays: the `slice` of a `Buffer` shares its memory.
    ? Uint8Array.prototype.slice.call(value)
    : isPlain(value)
    ? {}
    : undefined
  return copy && Object.setPrototypeOf(copy, Object.getPrototypeOf(value)) as object
}

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const filled = (copy: object, value: object, seen: Seen): object => {
  if (value instanceof Map) {
    value.forEach((item, key) => (copy as typeof value).set(copyOf(key, seen), copyOf(item, seen)))
  } else if (value instanceof Set) value.forEach((item) => (copy as typeof value).add(copyOf(item, seen)))
  else if (Array.isArray(value)) { for (const item of value) (copy as Array<unknown>).push(copyOf(item, seen)) }
  else if (isPlain(value)) {
    for (const [name, part] of Object.entries(value)) {
      // Not assigned, because that would not add a property called `__proto__`.
      Object.defineProperty(copy, name, {
        value: copyOf(part, seen),
        writable: true,
        enumerable: true,
        configurable: true
      })
    }
  }
  return copy
}

/** An `Option`, a `Result` or an instance of a schema's class is rebuilt if one of its parts is mutable. */
const rebuilt = (value: object, seen: Seen): object => {
  const isClass = Schema.isSchema(value.constructor)
  if (!isClass && !Option.isOption(value) && !Result.isResult(value)) return value
  const parts = Object.fromEntries(Object.entries(value).map(([name, part]) => [name, copyOf(part, seen)]))
  if (Object.entries(value).every(([name, part]) => parts[name] === part)) return value
  return isClass
    ? new (value.constructor as unknown as new(fields: Fields, options: object) => object)(parts, {
      disableChecks: true
    })
    : Object.assign(Object.create(Object.getPrototypeOf(value)) as object, parts)
}
