/** Checks whether a value is JSON, and finds the first part that is not. */
import { describe } from "../key/text.ts"
import { circular, type Known, pathToCircle, whatIs } from "./whatIs.ts"

interface Rule {
  readonly number: (value: number) => boolean
  readonly prototype: (prototype: unknown) => boolean
}

/** Accepts only values that JSON restores exactly. */
export const exactly: Rule = {
  number: (value) => Number.isFinite(value) && !Object.is(value, -0),
  prototype: (prototype) => prototype === Object.prototype
}

/** Accepts values that Effect's codecs restore from JSON, even if -0 becomes 0 or an object gains a prototype. */
export const upToForm: Rule = {
  number: Number.isFinite,
  prototype: (prototype) => prototype === Object.prototype || prototype === null
}

interface Other {
  readonly path: ReadonlyArray<PropertyKey>
  /** The type of the offending part (or its value if it is a number), for the error message. */
  readonly kind: string
  readonly what: Known | undefined
}

export const otherIn = (value: unknown, rule: Rule): Other | undefined => {
  const path: Array<PropertyKey> = []
  try {
    if (isJson(value, rule, path)) return undefined
    const part = partAt(value, path)
    return { path, kind: kindOf(part), what: whatIs(part) }
  } catch {
    // The value is cyclic, or nested so deeply that the path would be useless.
    const circle = pathToCircle(value)
    const kind = "nested too deeply"
    return circle === undefined ? { path: [], kind, what: undefined } : { path: circle, kind, what: circular }
  }
}

const kindOf = (part: unknown): string =>
  typeof part === "number" ? `the number ${Object.is(part, -0) ? "-0" : part}` : describe(part)

const partAt = (value: unknown, path: ReadonlyArray<PropertyKey>): unknown =>
  path.reduce((part, step) => (part as { readonly [step: PropertyKey]: unknown })[step], value)

const isJson = (value: unknown, rule: Rule, path: Array<PropertyKey>): boolean => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true
    case "number":
      return rule.number(value)
    case "object":
      return value === null || (Array.isArray(value) ? isList(value, rule, path) : isRecord(value, rule, path))
    default:
      return false
  }
}

/** Whether an array holds only JSON. One key per element, plus `length`, means no holes and no other properties. */
const isList = (value: ReadonlyArray<unknown>, rule: Rule, path: Array<PropertyKey>): boolean =>
  Object.getPrototypeOf(value) === Array.prototype &&
  Reflect.ownKeys(value).length === value.length + 1 &&
  value.every((item, i) => isPart(item, rule, path, i))

const isRecord = (value: object, rule: Rule, path: Array<PropertyKey>): boolean => {
  const items = Object.entries(value)
  return rule.prototype(Object.getPrototypeOf(value)) &&
    Reflect.ownKeys(value).length === items.length &&
    items.every(([key, item]) => isPart(item, rule, path, key))
}

const isPart = (value: unknown, rule: Rule, path: Array<PropertyKey>, step: PropertyKey): boolean => {
  path.push(step)
  if (!isJson(value, rule, path)) return false
  path.pop()
  return true
}
