/** Estimates the size of a value in memory by sampling its parts, for the 64-bit layout of V8 in Node.js. */
import * as Cause from "effect/Cause"
import { knownShapes, lookedAtOfValue } from "../defaults/bounds.ts"

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
  /** With the ten frames of its stack, which are most of it. */
  error: 88 * word,
  url: 28 * word,
  regexp: 32 * word
}

/** The least number of slots in a hash table (a power of two). Each takes 3.5 words in a `Map`, and 2.5 in a `Set`. */
const leastPlaces = 4
const bytesOfMap = 9 * word
const bytesOfPlace = { map: 3.5 * word, set: 2.5 * word }

/** An object with more fields than this is stored as a hash table. */
const mostFields = 127
const bytesOfFields = { table: 11 * word, place: 3 * word }

/**
 * A hidden class, with one field and its transition for each name. Objects of one shape share it. An object without
 * siblings has its own, or is a hash table if its fields were computed: both take about the same.
 */
const bytesOfShape = { all: 10 * word, field: 5 * word }

/** For up to this many fields, the hidden class does not count: finding out whether it is shared costs too much. */
const mostOfRow = 5

/** Fields that are named by numbers up to this one are in an array with holes. Above, they may be in a hash table. */
const mostIndex = 500
/** They are in a hash table if the array would have this many times the places of the table. */
const indexesOfPlace = 9

/** A shape with longer names is not remembered, so it always counts as new. */
const mostOfShape = 200

/** At least so many parts of an object are looked at, even if a thousand parts of the value were. */
const leastParts = 16

/** How many numbers of a long array are looked at before it counts as an array of numbers. */
const mostNumbers = 128

/** How many objects of a long array are looked at. Looking into them usually ends sooner. */
const mostObjects = 256

/** Greater than `lookedAtOfValue`, and prime: steps of this length visit each part of a value once. */
const stride = 1621

/** Matches a character beyond Latin-1, which makes every character of its string take two bytes. */
const wide = /[\u0100-\uffff]/

/** The shapes that were found, by two of their names, with the only id that had it (`""`: several, or without ids). */
const shapes = { of: new Map<string, Map<string, string>>(), count: 0 }

/** Failures without annotations share this map. */
const emptyAnnotations = /* @__PURE__ */ (() => Cause.fail(0).reasons[0]!.annotations)()

interface Look {
  readonly id: string
  readonly seen: Set<object>
  shapes: Set<object> | undefined
  left: number
}

/** Estimates a value. The `id` tells an entry that is loaded again from another entry of the same shape. */
export const estimate = (value: unknown, id = ""): number =>
  isObject(value)
    ? lookInto({ id, seen: new Set(), shapes: undefined, left: lookedAtOfValue }, value)
    : bytesOfPrimitive(value)

const isObject = (part: unknown): part is object => typeof part === "object" && part !== null

const padded = (bytes: number): number => Math.ceil(bytes / word) * word

const bytesOfPrimitive = (value: unknown): number => {
  switch (typeof value) {
    case "string":
      return bytesOf.string + padded(wide.test(value) ? 2 * value.length : value.length)
    case "number":
      return (value | 0) === value ? 0 : bytesOf.number
    case "bigint":
      return bytesOf.number + padded(value.toString(16).length / 2)
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
  if (Object.getPrototypeOf(value) === Object.prototype) return lookIntoFields(state, value)
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteLength } = value
    // A view keeps its whole buffer alive, but the buffer may be the pool that many small `Buffer`s share.
    const isPart = byteLength < buffer.byteLength && buffer.byteLength === globalThis.Buffer?.poolSize
    return bytesOf.view + (isPart ? padded(byteLength) : lookInto(state, buffer))
  }
  if (value instanceof ArrayBuffer) return bytesOf.buffer + padded(value.byteLength)
  if (Array.isArray(value)) return lookIntoArray(state, value)
  if (value instanceof Map) return lookIntoMap(state, value)
  if (value instanceof Set) {
    return bytesOfMap + placesFor(value.size) * bytesOfPlace.set + sample(state, first(state, value), value.size)
  }
  if (value instanceof Date) return bytesOf.date
  if (value instanceof URL) return bytesOf.url + bytesOfPrimitive(textOf(() => value.href))
  if (value instanceof RegExp) return bytesOf.regexp + bytesOfPrimitive(textOf(() => value.source))
  return value instanceof Error ? lookIntoError(state, value) : lookIntoFields(state, value)
}

const lookIntoError = (state: Look, value: Error): number =>
  bytesOf.error + lookIntoFields(state, value) + sampleFields(state, value, hiddenOfError, hiddenOfError.length)

const hiddenOfError = ["message", "cause", "errors"]

/** An object that only inherits from a class throws when it is read. */
const textOf = (read: () => string): string => {
  try {
    return read()
  } catch {
    return ""
  }
}

const lookIntoArray = (state: Look, value: ReadonlyArray<unknown>): number => {
  const { length } = value
  if (length === 0) return bytesOf.array
  const bytes = bytesOf.array + bytesOf.table + length * word
  // An array of numbers stores them in place.
  return isOfNumbers(state, value) ? bytes : bytes + sample(state, spread(state, value), length)
}

const isOfNumbers = (state: Look, value: ReadonlyArray<unknown>): boolean => {
  const { length } = value
  const all = countOf(state, length)
  const count = all === length ? all : Math.min(all, mostNumbers)
  for (let nth = 0; nth < count; nth++) if (typeof value[placeOf(nth, count, length)] !== "number") return false
  state.left -= Math.floor(count / leastParts)
  return true
}

const lookIntoMap = (state: Look, value: ReadonlyMap<unknown, unknown>): number => {
  if (value === emptyAnnotations) return 0
  const { size } = value
  return bytesOfMap + placesFor(size) * bytesOfPlace.map +
    sample(state, first(state, value.keys()), size) + sample(state, first(state, value.values()), size)
}

const placesFor = (count: number): number => {
  let places = leastPlaces
  while (places < count) places *= 2
  return places
}

const lookIntoFields = (state: Look, value: object): number => {
  const names = Object.keys(value)
  const bytes = bytesOfNames(state, value, names)
  return names.length === 0 ? bytes : bytes + sampleFields(state, value, spread(state, names), names.length)
}

/** An object without the values of its fields. */
const bytesOfNames = (state: Look, value: object, names: ReadonlyArray<string>): number => {
  const { length } = names
  if (length === 0) return bytesOf.emptyObject
  if (isIndex(names[0]!)) return bytesOfIndexes(names)
  const isTable = length > mostFields || Object.getPrototypeOf(value) === null
  if (!isTable && length <= mostOfRow) return bytesOf.object + length * word
  const isOwn = isNew(state, names)
  const bytes = isOwn ? sample(state, spread(state, names), length) : 0
  if (isTable) return bytes + bytesOfFields.table + placesFor(1.5 * length) * bytesOfFields.place
  return bytes + bytesOf.object + length * word + (isOwn ? bytesOfShape.all + length * bytesOfShape.field : 0)
}

const isIndex = (name: string): boolean => name.charCodeAt(0) < 58 && `${Number(name) >>> 0}` === name

/** Indexes come first, in ascending order. They are in an array, which may have some room to grow. */
const bytesOfIndexes = (names: ReadonlyArray<string>): number => {
  let count = names.length
  while (!isIndex(names[count - 1]!)) count--
  const fields = bytesOf.emptyObject + (names.length - count) * word
  const most = Number(names[count - 1]) + 1
  const places = placesFor(1.5 * count)
  if (most > mostIndex && most > places * indexesOfPlace) return fields + 6 * word + places * bytesOfFields.place
  return fields + bytesOf.table + (4 + 1.125 * most) * word
}

/** Whether no other object with these names is known, except in an earlier value of the same id. */
const isNew = (state: Look, names: ReadonlyArray<string>): boolean => {
  const { id } = state
  const middle = names[names.length >> 1]!
  const last = names[names.length - 1]!
  if (middle.length + last.length > mostOfShape) return true
  let owners = shapes.of.get(middle)
  const owner = owners?.get(last)
  if (owner === "") return false
  if (owner !== undefined && (owner !== id || state.shapes?.has(owners!) === true)) {
    owners!.set(last, "")
    return false
  }
  if (owner === undefined && shapes.count++ >= knownShapes) {
    shapes.of.clear()
    shapes.count = 1
    owners = undefined
  }
  if (owners === undefined) shapes.of.set(middle, owners = new Map())
  owners.set(last, id)
  state.shapes ??= new Set()
  state.shapes.add(owners)
  return true
}

/** How many of so many parts are looked at. */
const countOf = ({ left }: Look, length: number): number => Math.min(length, Math.max(leastParts, left))

/**
 * The place of the nth part that is looked at, if they are spread over the whole. The distances differ, because parts
 * often repeat at one distance, as in a list of names and values in turn.
 */
const placeOf = (nth: number, count: number, length: number): number =>
  count === length ? nth : Math.floor(nth * length / count) + nth % Math.floor(length / count)

const spread = <A>(state: Look, parts: ReadonlyArray<A>): ReadonlyArray<A> => {
  const { length } = parts
  const isOfObjects = isObject(parts[0]) && isObject(parts[length >> 1])
  const count = Math.min(countOf(state, length), isOfObjects ? mostObjects : length)
  if (count === length) return parts
  const some: Array<A> = []
  for (let nth = 0; nth < count; nth++) some.push(parts[placeOf(nth, count, length)]!)
  return some
}

const first = <A>(state: Look, parts: Iterable<A>): ReadonlyArray<A> => {
  const some: Array<A> = []
  for (const part of parts) if (some.push(part) >= Math.max(leastParts, state.left)) break
  return some
}

/** Parts that stand for `count` parts. All are looked at that are not objects, since they cost little. */
const sample = (state: Look, parts: ReadonlyArray<unknown>, count = parts.length): number => {
  const { length } = parts
  if (length === 0) return 0
  let sum = 0
  let objects = 0
  for (const part of parts) {
    if (isObject(part)) objects++
    else sum += bytesOfPrimitive(part)
  }
  state.left = Math.max(0, state.left - length + objects)
  if (objects > 0) sum += sampleObjects(state, parts, objects)
  return sum * count / length
}

const sampleFields = (state: Look, value: object, names: ReadonlyArray<string>, count: number): number => {
  let sum = 0
  let objects: Array<object> | undefined
  for (const name of names) {
    // Getters may have effects, so they are not called.
    const part: unknown = Object.getOwnPropertyDescriptor(value, name)?.value
    if (!isObject(part)) sum += bytesOfPrimitive(part)
    else if (objects === undefined) objects = [part]
    else objects.push(part)
  }
  state.left = Math.max(0, state.left - names.length + (objects?.length ?? 0))
  if (objects !== undefined) sum += sampleObjects(state, objects, objects.length)
  return sum * count / names.length
}

const sampleObjects = (state: Look, parts: ReadonlyArray<unknown>, count: number): number => {
  const { length } = parts
  let sum = 0
  let looked = 0
  for (let nth = 0; nth < length && state.left > 0; nth++) {
    const part = parts[nth * stride % length]
    if (!isObject(part)) continue
    looked++
    // One object does not use up all, so that another one beside it is looked at too.
    const kept = (state.left - 1) >> 3
    state.left -= kept + 1
    sum += lookInto(state, part)
    state.left = Math.max(0, state.left) + kept
  }
  return looked === 0 ? count * bytesOf.object : sum * count / looked
}
