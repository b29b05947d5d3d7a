/** Finds a part of a value that a binary format would change. */
import * as Exit from "effect/Exit"
import { describe } from "../key/text.ts"
import { placeOf } from "./place.ts"
import { fault, type Format } from "./throughSchema.ts"
import { circular, pathToCircle, sentence, whatIs } from "./whatIs.ts"

type Path = Array<PropertyKey>

class Refused {
  readonly part: unknown

  constructor(part: unknown) {
    this.part = part
  }
}

const check = (value: unknown, path: Path): void => {
  if (typeof value === "function" || typeof value === "symbol") throw new Refused(value)
  if (typeof value !== "object" || value === null) return
  switch (Object.getPrototypeOf(value)) {
    case Uint8Array.prototype:
      return
    case Date.prototype:
      return checkKeys(value, isExact(value as Date) ? 0 : -1)
    case Map.prototype:
      checkKeys(value, 0)
      for (const [key, item] of value as Map<unknown, unknown>) {
        checkPart(key, path, "{}")
        checkPart(item, path, "{}")
      }
      return
    case Set.prototype:
      checkKeys(value, 0)
      for (const item of value as Set<unknown>) checkPart(item, path, "{}")
      return
    case Array.prototype: {
      const list = value as ReadonlyArray<unknown>
      checkKeys(list, list.length + 1)
      return list.forEach((item, i) => checkPart(item, path, i))
    }
    case Object.prototype: {
      const entries = Object.entries(value)
      checkKeys(value, entries.length)
      return entries.forEach(([key, item]) => checkPart(item, path, key))
    }
    default:
      throw new Refused(value)
  }
}

const checkPart = (value: unknown, path: Path, step: PropertyKey): void => {
  path.push(step)
  check(value, path)
  path.pop()
}

/** Refuses holes, and properties beside the content, which would be lost. */
const checkKeys = (value: object, count: number): void => {
  if (Reflect.ownKeys(value).length !== count) throw new Refused(value)
}

/** Whether a date survives as a number of seconds, as binary formats keep it. Only dates in remote ages do not. */
const isExact = (date: Date): boolean => {
  const millis = date.getTime()
  return Number.isNaN(millis) || Math.round(millis / 1000 * 1000) === millis
}

const reasonOf = (value: unknown, path: Path, error: unknown): string => {
  if (error instanceof Refused) {
    const what = whatIs(error.part)
    const kind = what === undefined ? `${describe(error.part)}: give the key a schema` : sentence(what)
    return `the value${placeOf(path)} is ${kind}`
  }
  const circle = pathToCircle(value)
  return circle === undefined
    ? "the value is nested too deeply, or one of its getters threw"
    : `the value${placeOf(circle)} is ${sentence(circular)}`
}

export const plainDataOnly = (format: Format): Format => ({
  ...format,
  pack(value, id) {
    const path: Path = []
    try {
      check(value, path)
    } catch (error) {
      return Exit.fail(fault(format.name, "encode", reasonOf(value, path, error)))
    }
    return format.pack(value, id)
  }
})
