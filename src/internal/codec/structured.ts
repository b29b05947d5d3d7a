/**
 * Serializes values without a schema: as JSON if that loses nothing (JSON is the fastest to read), otherwise as
 * MessagePack. A value that MessagePack would change (a Map, -0, a lone surrogate …) becomes a marked array. The first
 * byte identifies the form.
 */
import { Decoder, Encoder, ExtData, type ExtensionCodecType } from "@msgpack/msgpack"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import type { SerializerError } from "../../CacheError.ts"
import { fromUtf16, isWellFormed, toUtf16 } from "./bytes.ts"
import { isWhole } from "./messagePackHeads.ts"
import { fault as faultOf, type Format } from "./throughSchema.ts"
import { circular, pathToCircle, sentence, whatIs } from "./whatIs.ts"

const name = "structured"

/** Stands for `undefined`, which MessagePack does not support. */
const absent = new ExtData(0, Uint8Array.of(0))

const extensionCodec: ExtensionCodecType<undefined> = {
  tryToEncode: (value) => value instanceof ExtData ? value : null,
  decode(_, type) {
    if (type === absent.type) return undefined
    throw new Error("no extension of this serializer")
  }
}

const options = { extensionCodec, useBigInt64: true, maxDepth: Infinity }
const decoder = new Decoder(options)
let encoder = new Encoder(options)

/** An encoder's buffer grows to the size of the largest value. Above this size in bytes, the buffer is discarded. */
const maxBuffer = 256 * 1024

/** Returns a view of the encoder's buffer, which must be copied before the next call. */
const encode = (flat: unknown): Uint8Array => {
  const bytes = encoder.encodeSharedRef(flat)
  if (bytes.buffer.byteLength > maxBuffer) encoder = new Encoder(options)
  return bytes
}

const plain = 0
const marked = 1
const json = 2

const texts = new TextEncoder()
const fromText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The first element of every marked array. A user's array that begins with it is marked too, to avoid confusion. */
const mark = "\u0001~"

type Flat = ReadonlyArray<unknown>
type Fields = Record<string, unknown>

class Refused extends Error {}

interface Walk {
  path: Array<string>
  readonly ancestors: Set<object>
  marks: boolean
  isJson: boolean
}

const refuse = (what: string): never => {
  throw new Refused(what)
}

const marking = (walk: Walk, kind: string, data: Flat): Flat => {
  walk.marks = true
  walk.isJson = false
  return [mark, kind].concat(data as ReadonlyArray<string>)
}

type View = (new(buffer: ArrayBuffer) => ArrayBufferView) & { readonly name: string }

const integers: ReadonlyArray<View> = [Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array]
const views: ReadonlyArray<View> = [...integers, Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView]

const int64 = 2n ** 63n

/** Cycles are detected only beyond this depth, because tracking the ancestors of every value would be slow. */
const watchedDepth = 64

const beyondJson = <A>(walk: Walk, value: A): A => {
  walk.isJson = false
  return value
}

/** Converts a value to a form that MessagePack can hold. Returns the same object if no part has to change. */
const flatten = (value: unknown, walk: Walk): unknown => {
  switch (typeof value) {
    case "string":
      return isWellFormed(value) ? value : marking(walk, "utf16", [toUtf16(value)])
    case "number":
      if (Object.is(value, -0)) return marking(walk, "-0", [])
      return Number.isFinite(value) ? value : beyondJson(walk, value)
    case "bigint":
      return value >= -int64 && value < int64
        ? beyondJson(walk, value)
        : marking(walk, "bigint", [value.toString()])
    case "boolean":
      return value
    case "undefined":
      return beyondJson(walk, absent)
    case "object":
      return value === null ? value : flattenObject(value, walk)
    default:
      return refuse(`a ${typeof value}`)
  }
}

/** Whether a primitive is JSON and has the same form in MessagePack, so that its place needs no walk. */
const isSameInAll = (value: unknown): boolean => {
  switch (typeof value) {
    case "string":
      return isWellFormed(value)
    case "number":
      return Number.isFinite(value) && (value !== 0 || !Object.is(value, -0))
    case "boolean":
      return true
    default:
      return value === null
  }
}

const flattenPart = (value: unknown, walk: Walk, step: string): unknown => {
  const watched = walk.path.push(step) > watchedDepth && typeof value === "object" && value !== null
  if (watched) {
    if (walk.ancestors.has(value)) refuse(sentence(circular))
    walk.ancestors.add(value)
  }
  const flat = flatten(value, walk)
  if (watched) walk.ancestors.delete(value)
  walk.path.pop()
  return flat
}

const flattenObject = (value: object, walk: Walk): unknown => {
  const prototype: unknown = Object.getPrototypeOf(value)
  switch (prototype) {
    case Object.prototype:
      return flattenRecord(value as Fields, walk)
    case Array.prototype:
      return flattenArray(value as Flat, walk)
    case null:
      return marking(walk, "null-object", flattenEntries(value as Fields, walk))
    case Uint8Array.prototype:
      return beyondJson(walk, bare(value, (value as Uint8Array).length))
    case Date.prototype:
      return marking(walk, "date", [(bare(value) as Date).getTime()])
    case Map.prototype:
      return marking(walk, "map", flattenMap(bare(value) as Map<unknown, unknown>, walk))
    case Set.prototype:
      return marking(walk, "set", Array.from(bare(value) as Set<unknown>, (item) => flattenPart(item, walk, "{}")))
    case ArrayBuffer.prototype:
      return marking(walk, "buffer", [new Uint8Array(bare(value) as ArrayBuffer)])
    case RegExp.prototype:
      return marking(walk, "regexp", flattenRegExp(bare(value, 1) as RegExp))
    default:
      return flattenView(value, walk)
  }
}

const flattenView = (value: object, walk: Walk): unknown => {
  const view = views.find((constructor) => constructor.prototype === Object.getPrototypeOf(value))
  if (view === undefined || !ArrayBuffer.isView(value)) return refuse(instance(value))
  bare(value, value instanceof DataView ? 0 : (value as Uint8Array).length)
  return marking(walk, view.name, [new Uint8Array(value.buffer, value.byteOffset, value.byteLength)])
}

const instance = (value: object): string => {
  const what = whatIs(value)
  if (what !== undefined) return sentence(what)
  if (Redacted.isRedacted(value)) {
    return "a Redacted value: nothing is encrypted, the secret would be stored in the clear"
  }
  const constructor: unknown = value.constructor
  return typeof constructor === "function" && constructor.name !== ""
    ? `an instance of ${constructor.name}: give the key a schema`
    : "an object with a prototype of its own: give the key a schema"
}

/** Refuses a built-in object with extra properties, which would be lost silently. */
const bare = <T extends object>(value: T, keys = 0): T => {
  if (Reflect.ownKeys(value).length !== keys) refuse("an object with properties beside its content")
  return value
}

const flattenRegExp = ({ flags, lastIndex, source }: RegExp): Flat => [source, flags, lastIndex]

const flattenMap = (map: Map<unknown, unknown>, walk: Walk): Flat => {
  const flat: Array<unknown> = []
  for (const [key, item] of map) flat.push(flattenPart(key, walk, "{}"), flattenPart(item, walk, "{}"))
  return flat
}

const flattenArray = (value: Flat, walk: Walk): Flat => {
  // An array with one key per element, plus `length`, has no holes and no extra properties.
  if (Reflect.ownKeys(value).length !== value.length + 1) refuse("an array with holes or properties")
  let copy: Array<unknown> | undefined
  for (let i = 0; i < value.length; i++) {
    const item = value[i]
    if (isSameInAll(item)) continue
    const flat = flattenPart(item, walk, "[]")
    if (Object.is(flat, item)) continue
    copy ??= value.slice()
    copy[i] = flat
  }
  return value[0] === mark ? marking(walk, "array", copy ?? value) : copy ?? value
}

// MessagePack's decoder refuses the key `__proto__`, and a lone surrogate has no UTF-8 form.
const isOdd = (key: string): boolean => key === "__proto__" || !isWellFormed(key)

const flattenRecord = (value: Fields, walk: Walk): unknown => {
  const keys = stringKeys(value)
  if (keys.some(isOdd)) return marking(walk, "object", flattenEntries(value, walk))
  let copy: Fields | undefined
  for (const key of keys) {
    const item = value[key]
    if (isSameInAll(item)) continue
    const flat = flattenPart(item, walk, key)
    if (Object.is(flat, item)) continue
    copy ??= { ...value }
    copy[key] = flat
  }
  return copy ?? value
}

const flattenEntries = (value: Fields, walk: Walk): Flat => {
  const flat: Array<unknown> = []
  for (const key of stringKeys(value)) flat.push(flatten(key, walk), flattenPart(value[key], walk, key))
  return flat
}

const stringKeys = (value: object): ReadonlyArray<string> => {
  const keys = Object.keys(value)
  if (Reflect.ownKeys(value).length !== keys.length) refuse("an object with symbols or hidden properties")
  return keys
}

/** Whether the input may hold byte arrays, which begin with one of these bytes and decode as views of the input. */
const mayHoldBytes = (bytes: Uint8Array): boolean =>
  bytes.includes(0xc4, 1) || bytes.includes(0xc5, 1) || bytes.includes(0xc6, 1)

const restore = (flat: unknown): unknown => {
  if (typeof flat !== "object" || flat === null) return flat
  // Copies into a new array, because `slice` of a Buffer returns a view.
  if (flat instanceof Uint8Array) return new Uint8Array(flat)
  if (!Array.isArray(flat)) {
    const record = flat as Fields
    for (const key of Object.keys(record)) record[key] = restore(record[key])
    return record
  }
  if (flat[0] === mark) return restoreMarked(flat[1], flat.slice(2))
  for (let i = 0; i < flat.length; i++) flat[i] = restore(flat[i])
  return flat
}

const restoreMarked = (kind: unknown, data: Array<unknown>): unknown => {
  switch (kind) {
    case "utf16":
      return fromUtf16(data[0] as Uint8Array)
    case "-0":
      return -0
    case "bigint":
      return BigInt(data[0] as string)
    case "null-object":
      return restoreEntries(data, Object.create(null))
    case "object":
      return restoreEntries(data, {})
    case "array":
      return data.map(restore)
    case "date":
      return new Date(data[0] as number)
    case "map":
      return new Map(pairs(data))
    case "set":
      return new Set(data.map(restore))
    case "buffer":
      return (restore(data[0]) as Uint8Array).buffer
    case "regexp":
      return Object.assign(new RegExp(data[0] as string, data[1] as string), { lastIndex: data[2] })
    default:
      return new (views.find(({ name }) => name === kind)!)((restore(data[0]) as Uint8Array<ArrayBuffer>).buffer)
  }
}

const pairs = (data: Flat): Array<[unknown, unknown]> =>
  Array.from({ length: data.length / 2 }, (_, i) => [restore(data[2 * i]), restore(data[2 * i + 1])])

/** Defines the properties instead of assigning them, because assigning `__proto__` would change the prototype. */
const restoreEntries = (data: Flat, target: object): object => {
  for (const [key, value] of pairs(data)) {
    Object.defineProperty(target, key as string, { value, enumerable: true, writable: true, configurable: true })
  }
  return target
}

const fault = (operation: "encode" | "decode", reason: string) => Exit.fail(faultOf(name, operation, reason))

/** Shows only steps that look like identifiers, because the keys of a dictionary may be private data. */
const showPath = (path: ReadonlyArray<string>): string =>
  path.length === 0
    ? "the value"
    : `the value at ${path.slice(0, 8).map(showStep).join("")}`

const showStep = (step: string): string =>
  step === "[]" || step === "{}" ? step : `[${/^[A-Za-z_$]\w{0,31}$/.test(step) ? step : "?"}]`

const versioned = (version: number, content: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(content.length + 1)
  bytes[0] = version
  bytes.set(content, 1)
  return bytes
}

const pack = (value: unknown): Exit.Exit<Uint8Array, SerializerError> => {
  const walk: Walk = { path: [], ancestors: new Set(), marks: false, isJson: true }
  try {
    const flat = flatten(value, walk)
    if (walk.isJson) return Exit.succeed(versioned(json, texts.encode(JSON.stringify(flat))))
    return Exit.succeed(versioned(walk.marks ? marked : plain, encode(flat)))
  } catch (error) {
    if (error instanceof Refused && error.message === sentence(circular)) {
      walk.path = (pathToCircle(value) ?? []).map((step) => typeof step === "number" ? "[]" : String(step))
    }
    return error instanceof Refused
      ? fault("encode", `${showPath(walk.path)} is ${error.message}`)
      : fault("encode", "the value is nested too deeply, or one of its getters threw")
  }
}

const foreign = fault("decode", "these bytes are not what this serializer writes")

const unpack = (bytes: Uint8Array): Exit.Exit<unknown, SerializerError> => {
  try {
    const version = bytes[0]
    if (version === json) return Exit.succeed(JSON.parse(fromText.decode(bytes.subarray(1))))
    if (version !== plain && version !== marked) return fault("decode", "these bytes are of another version")
    if (!isWhole(bytes, 1)) return foreign
    const flat = decoder.decode(bytes.subarray(1))
    return Exit.succeed(version === marked || mayHoldBytes(bytes) ? restore(flat) : flat)
  } catch {
    return foreign
  }
}

export const structured: Format = { name, id: 2, holds: "anything", pack, unpack }
