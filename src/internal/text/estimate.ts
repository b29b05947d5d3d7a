/** Estimates the size of a value in memory by sampling its parts, for the 64-bit layout of V8 in Node.js. */
import { lookedAtOfValue } from "../defaults/bounds.ts"

const word = 8

/** Overhead in bytes, such as the object header. Objects with a backing array or table have two more words. */
const bytesOf = {
  object: 3 * word,
  /** An object without fields reserves space for a few fields. */
  emptyObject: 7 * word,
  array: 4 * word,
  table: 2 * word,
  string: 2 * word,
  /** A number that is not a small integer, unless it is in an array of numbers. */
  number: 2 * word,
  function: 8 * word,
  date: 12 * word,
  view: 13 * word,
  buffer: 12 * word,
  error: 32 * word
}

/** The least number of slots in a hash table (a power of two). Each takes 3.5 words in a `Map`, and 2.5 in a `Set`. */
const leastPlaces = 4
const bytesOfMap = 9 * word
const bytesOfPlace = { map: 3.5 * word, set: 2.5 * word }

/** An object with more fields than this is stored as a hash table, which includes the names of the fields. */
const mostFields = 128
const bytesOfNamed = 11 * word

/** A view keeps its whole buffer alive, but a buffer up to this size is probably a pool that many views share. */
const mostOfPool = 65_536

/** Matches a character beyond Latin-1, which makes every character of its string take two bytes. */
const wide = /[\u0100-\uffff]/

interface Look {
  readonly seen: Set<object>
  left: number
}

export const estimate = (value: unknown): number => look({ seen: new Set(), left: lookedAtOfValue }, value)

const padded = (bytes: number): number => Math.ceil(bytes / word) * word

const look = (state: Look, value: unknown): number => {
  switch (typeof value) {
    case "string":
      return bytesOf.string + padded(wide.test(value) ? 2 * value.length : value.length)
    case "number":
      return (value | 0) === value ? 0 : bytesOf.number
    case "bigint":
      return bytesOf.number + padded(value.toString(16).length / 2)
    case "object":
      return value === null ? 0 : lookInto(state, value)
    case "function":
      return bytesOf.function
    default:
      return 0
  }
}

const lookInto = (state: Look, value: object): number => {
  // The object was already counted where it was first found. Here, only the reference counts, as a field.
  if (state.seen.has(value)) return 0
  if (state.left <= 0) return bytesOf.object
  state.seen.add(value)
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteLength } = value
    const isPart = byteLength < buffer.byteLength && buffer.byteLength <= mostOfPool
    return bytesOf.view + (isPart ? padded(byteLength) : lookInto(state, buffer))
  }
  if (value instanceof ArrayBuffer) return bytesOf.buffer + padded(value.byteLength)
  if (Array.isArray(value)) return lookIntoArray(state, value)
  if (value instanceof Map) return lookIntoMap(state, value)
  if (value instanceof Set) return bytesOfMap + placesOf(value) * bytesOfPlace.set + sample(state, value, value.size)
  if (value instanceof Date) return bytesOf.date
  return lookIntoFields(state, value)
}

const lookIntoArray = (state: Look, value: ReadonlyArray<unknown>): number => {
  const { length } = value
  if (length === 0) return bytesOf.array
  const bytes = bytesOf.array + bytesOf.table + length * word
  // An array of numbers stores them in place.
  return typeof value[0] === "number" && typeof value[length - 1] === "number"
    ? bytes
    : bytes + sample(state, value, length)
}

const lookIntoMap = (state: Look, value: ReadonlyMap<unknown, unknown>): number =>
  bytesOfMap + placesOf(value) * bytesOfPlace.map +
  sample(state, value.keys(), value.size) + sample(state, value.values(), value.size)

const placesOf = ({ size }: { readonly size: number }): number => {
  let places = leastPlaces
  while (places < size) places *= 2
  return places
}

const lookIntoFields = (state: Look, value: object): number => {
  const names = Object.keys(value)
  const { length } = names
  // Getters may have effects, so they are not called.
  const own = names.map((name) => Object.getOwnPropertyDescriptor(value, name)?.value as unknown)
  const header = length === 0 ? bytesOf.emptyObject : bytesOf.object
  const bytes = header + sample(state, own, length) + (value instanceof Error ? bytesOf.error : 0)
  return length <= mostFields ? bytes + length * word : bytes + length * bytesOfNamed + sample(state, names, length)
}

const sample = (state: Look, parts: Iterable<unknown>, count: number): number => {
  let sum = 0
  let looked = 0
  for (const part of parts) {
    if (--state.left < 0) break
    looked++
    sum += look(state, part)
  }
  return looked === 0 ? 0 : sum * count / looked
}
