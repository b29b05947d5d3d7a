/** What a value takes in memory, by a look at a part of it. */
import { lookedAtOfValue } from "../defaults/bounds.ts"

/** An object, and each of its fields or elements. */
const bytesOfObject = 24
const bytesOfField = 8

/** A number or date that does not fit into a field, and a `Map` or `Set` for each element. */
const bytesOfNumber = 16
const bytesOfElement = 32

/** A character beyond Latin-1: then all of a string take two bytes. */
const wide = /[\u0100-\uffff]/

interface Look {
  readonly seen: Set<object>
  left: number
}

/** Bytes. */
export const estimate = (value: unknown): number => look({ seen: new Set(), left: lookedAtOfValue }, value)

const look = (state: Look, value: unknown): number => {
  switch (typeof value) {
    case "string":
      return wide.test(value) ? 2 * value.length : value.length
    case "bigint":
      return bytesOfNumber + value.toString(16).length / 2
    case "object":
      return value === null ? 0 : lookInto(state, value)
    case "function":
      return bytesOfObject
    default:
      return bytesOfField
  }
}

const lookInto = (state: Look, value: object): number => {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength
  if (state.seen.has(value) || state.left <= 0) return bytesOfField
  state.seen.add(value)
  if (Array.isArray(value)) return bytesOfObject + sample(state, value, value.length, bytesOfField)
  if (value instanceof Map) return bytesOfObject + sample(state, value, value.size, bytesOfElement)
  if (value instanceof Set) return bytesOfObject + sample(state, value, value.size, bytesOfElement)
  if (value instanceof Date) return bytesOfObject + bytesOfNumber
  const names = Object.keys(value)
  // a getter is not called: it may do anything
  const own = names.map((name) => Object.getOwnPropertyDescriptor(value, name)?.value as unknown)
  return bytesOfObject + sample(state, own, own.length, bytesOfField)
}

/** The parts that are looked at, and as much for each of the others. */
const sample = (state: Look, parts: Iterable<unknown>, count: number, bytesOfPart: number): number => {
  let sum = 0
  let looked = 0
  for (const part of parts) {
    if (--state.left < 0) break
    looked++
    sum += look(state, part)
  }
  return count * bytesOfPart + (looked === 0 ? 0 : sum * count / looked)
}
