/**
 * The content of pages: a table, if the serializer's format has tables, and otherwise elements that the format has
 * encoded, each preceded by its length. The wrappers of the serializer are put around the whole page.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { SerializerError } from "../../../CacheError.ts"
import type { Codec } from "../../../ports/serializer.ts"
import { around, formatOf } from "../../codec/layers.ts"
import { checked } from "../../codec/sameAgain.ts"
import { tableOf } from "../../codec/table.ts"
import { turnMillis } from "../../defaults/bounds.ts"
import type { KeyInfo } from "../../key/info.ts"
import { infoOf, type Key } from "../../key/ofKey.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import { compileFor, decodeNow } from "../storeTier/codec.ts"
import type { Codecs, StoreTier } from "../storeTier/storeTier.ts"
import { sizeOf } from "./sizeOf.ts"

type AnyCodec = Codec<unknown, any>

const known = new WeakMap<StoreTier, WeakMap<KeyInfo, Codecs>>()

/** The codecs of a stream's elements and failure. Throws a `CacheConfigError` if the serializer refuses the schema. */
export const codecsOf = (tier: StoreTier, key: Key): Codecs => {
  const info = infoOf(key)
  if (info === undefined) return tier.plain
  const ofTier = known.get(tier) ?? new WeakMap<KeyInfo, Codecs>()
  known.set(tier, ofTier)
  const before = ofTier.get(info)
  if (before !== undefined) return before
  const { error, hasError, success } = info
  const codecs: Codecs = {
    success: compileFor(tier, info, success, "element"),
    failure: hasError ? compileFor(tier, info, error, "failure") : undefined
  }
  ofTier.set(info, codecs)
  return codecs
}

/** An element on its way into a page: a record of a table, or bytes. */
type Part = unknown

export const encode = (codec: AnyCodec, element: unknown, id: string): Effect.Effect<Part, SerializerError, any> => {
  const format = formatOf(codec)
  const table = tableOf(format)
  return checked<Part, any>(
    codec,
    element,
    () => table === undefined ? format.encode(element, id) : table.toRecord(element)
  )
}

/** The size of a part. The size of a record is an estimate until its page is encoded. */
export const sizeOfPart = (part: Part): number => part instanceof Uint8Array ? part.length : sizeOf(part)

/** Encodes a page, without the wrappers of the serializer. */
export const join = (
  codec: AnyCodec,
  parts: ReadonlyArray<Part>,
  id: string
): Exit.Exit<Uint8Array, SerializerError> => {
  const table = tableOf(formatOf(codec))
  return table === undefined ? Exit.succeed(joinBytes(parts as ReadonlyArray<Uint8Array>)) : table.pack(parts, id)
}

export const isTable = (codec: AnyCodec): boolean => tableOf(formatOf(codec)) !== undefined

const lengthBytes = 4

const joinBytes = (elements: ReadonlyArray<Uint8Array>): Uint8Array => {
  let size = 0
  for (const { length } of elements) size += lengthBytes + length
  const payload = new Uint8Array(size)
  const view = new DataView(payload.buffer)
  let at = 0
  for (const element of elements) {
    view.setUint32(at, element.length)
    payload.set(element, at + lengthBytes)
    at += lengthBytes + element.length
  }
  return payload
}

export interface Content {
  /** The format of the elements. */
  readonly codec: AnyCodec
  readonly payload: Uint8Array
}

const plain = (codec: AnyCodec): Codec<Content> => ({
  id: codec.id,
  encode: ({ payload }) => Exit.succeed(payload),
  decode: (payload) => Exit.succeed({ codec, payload }),
  extension: isTable(codec) ? codec.extension : ".bin",
  reads(serializer) {
    const reader = codec.reads?.(serializer)
    return reader && plain(reader)
  }
})

/** The codec of whole pages: the wrappers of the serializer around their content. */
export const codecOf = (elements: AnyCodec): Codec<Content> => around(elements, plain(formatOf(elements)))

/** Decodes the elements of a page, which were encoded under the id of their stream. `undefined` if it is damaged. */
export const elementsIn = Effect.fnUntraced(function*(
  { codec, payload }: Content,
  id: string,
  clock: Clock.Clock
): Effect.fn.Return<ReadonlyArray<unknown> | undefined, unknown, any> {
  const table = tableOf(codec)
  if (table !== undefined) {
    const records = yield* table.decode(payload, id)
    return records.length === 0 ? undefined : records
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const elements: Array<unknown> = []
  let turnBegan = monotonicMillis(clock)
  for (let at = 0; at < payload.length;) {
    const begin = at + lengthBytes
    const end = begin > payload.length ? Infinity : begin + view.getUint32(at)
    if (end > payload.length) return undefined
    const decoded = decodeNow(codec, payload.subarray(begin, end), id)
    elements.push(Exit.isExit(decoded) && Exit.isSuccess(decoded) ? decoded.value : yield* decoded)
    at = end
    if (elements.length % 64 === 0 && monotonicMillis(clock) - turnBegan >= turnMillis) {
      yield* Effect.yieldNow
      turnBegan = monotonicMillis(clock)
    }
  }
  // A page is never written without elements, so an empty one is damaged.
  return elements.length === 0 ? undefined : elements
})
