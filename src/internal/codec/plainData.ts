/** Finds a part of a value that a binary format would change. */
import * as Exit from "effect/Exit"
import { describe } from "../key/text.ts"
import { isWellFormed } from "./bytes.ts"
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

interface Walk {
  readonly path: Path
  /** Whether there are only arrays, records, and primitives that any encoder writes as they are. */
  isOrdinary: boolean
}

/** Whether UTF-8 holds a text, and readers do not take its beginning for a byte order mark. */
export const isOrdinaryText = (text: string): boolean => isWellFormed(text) && text.charCodeAt(0) !== 0xfeff

const isOrdinary = (value: unknown): boolean => {
  switch (typeof value) {
    case "string":
      return isOrdinaryText(value)
    case "number":
      return value !== 0 || !Object.is(value, -0)
    case "boolean":
    case "undefined":
      return true
    default:
      return value === null
  }
}

const check = (value: unknown, walk: Walk): void => {
  if (typeof value === "function" || typeof value === "symbol") throw new Refused(value)
  if (typeof value !== "object" || value === null) {
    walk.isOrdinary &&= isOrdinary(value)
    return
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype) return checkRecord(value as Record<string, unknown>, walk)
  if (prototype === Array.prototype) return checkArray(value as ReadonlyArray<unknown>, walk)
  walk.isOrdinary = false
  switch (prototype) {
    case Uint8Array.prototype:
      return
    case Date.prototype:
      return checkKeys(value, isExact(value as Date) ? 0 : -1)
    case Map.prototype:
      checkKeys(value, 0)
      for (const [key, item] of value as Map<unknown, unknown>) {
        checkPart(key, walk, "{}")
        checkPart(item, walk, "{}")
      }
      return
    case Set.prototype:
      checkKeys(value, 0)
      for (const item of value as Set<unknown>) checkPart(item, walk, "{}")
      return
    default:
      throw new Refused(value)
  }
}

const checkRecord = (record: Record<string, unknown>, walk: Walk): void => {
  const names = Object.keys(record)
  checkKeys(record, names.length)
  for (const name of names) {
    if (!isOrdinaryText(name)) walk.isOrdinary = false
    const item = record[name]
    if (!isOrdinary(item)) checkPart(item, walk, name)
  }
}

const checkArray = (list: ReadonlyArray<unknown>, walk: Walk): void => {
  checkKeys(list, list.length + 1)
  for (let i = 0; i < list.length; i++) if (!isOrdinary(list[i])) checkPart(list[i], walk, i)
}

const checkPart = (value: unknown, walk: Walk, step: PropertyKey): void => {
  walk.path.push(step)
  check(value, walk)
  walk.path.pop()
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

/** A format that refuses what it would change. `packOrdinary` is faster, for values without special parts. */
export const plainDataOnly = (format: Format, packOrdinary = format.pack): Format => ({
  ...format,
  pack(value, id) {
    const walk: Walk = { path: [], isOrdinary: true }
    try {
      check(value, walk)
    } catch (error) {
      return Exit.fail(fault(format.name, "encode", reasonOf(value, walk.path, error)))
    }
    return walk.isOrdinary ? packOrdinary(value, id) : format.pack(value, id)
  }
})
