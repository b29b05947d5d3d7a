/**
 * CBOR (RFC 8949), a binary format that programs in other languages read. It needs the package `cborg`.
 * @since 0.1.0
 */
import type * as CborLibrary from "cborg"
import type * as Tags from "cborg/taglib"
import { toHex } from "../internal/codec/bytes.ts"
import { installed } from "../internal/codec/exactly.ts"
import { isOrdinaryText, plainDataOnly } from "../internal/codec/plainData.ts"
import * as throughSchema from "../internal/codec/throughSchema.ts"
import type { Serializer } from "../Serializer.ts"

type Library = typeof CborLibrary & typeof Tags

let library: Library | undefined
// Bundlers leave out a missing package whose import is in `try`: it is optional.
try {
  library = { ...await import("cborg"), ...await import("cborg/taglib") }
} catch {}

const name = "cbor"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** The registered numbers of tags. Text that UTF-8 cannot hold, or whose BOM the library drops, is embedded JSON. */
const tag = { date: 1, positive: 2, negative: 3, set: 258, map: 259, json: 262 }

const bigintBytes = (value: bigint): Uint8Array => {
  const hex = value.toString(16)
  const even = hex.length % 2 === 0 ? hex : `0${hex}`
  return Uint8Array.from({ length: even.length / 2 }, (_, i) => parseInt(even.slice(2 * i, 2 * i + 2), 16))
}

const bigintOf = (bytes: unknown): bigint => {
  if (!(bytes instanceof Uint8Array)) throw new Error("no bytes")
  return BigInt(`0x0${toHex(bytes, 0, bytes.length)}`)
}

const typesOf = ({ mapEncoder, setEncoder, Token, Type }: Library) => ({
  Map: mapEncoder,
  Set: setEncoder,
  // Integers have no -0.
  number: (value: number) => Object.is(value, -0) ? new Token(Type.float, value) : null,
  string: (value: string) =>
    isOrdinaryText(value)
      ? null
      : [new Token(Type.tag, tag.json), new Token(Type.bytes, encoder.encode(JSON.stringify(value)))],
  bigint: (value: bigint) => [
    new Token(Type.tag, value >= 0n ? tag.positive : tag.negative),
    new Token(Type.bytes, bigintBytes(value >= 0n ? value : -1n - value))
  ],
  Date: (value: Date) => [new Token(Type.tag, tag.date), new Token(Type.float, value.getTime() / 1000)]
})

type Tagged = (content: { (): unknown; readonly entries: () => Iterable<readonly [unknown, unknown]> }) => unknown

const tags: Readonly<Record<number, Tagged>> = {
  [tag.date]: (content) => new Date(Math.round(content() as number * 1000)),
  [tag.positive]: (content) => bigintOf(content()),
  [tag.negative]: (content) => -1n - bigintOf(content()),
  [tag.set]: (content) => new Set(content() as ReadonlyArray<unknown>),
  [tag.map]: (content) => new Map(content.entries()),
  [tag.json](content) {
    const text: unknown = JSON.parse(decoder.decode(content() as Uint8Array))
    if (typeof text !== "string") throw new Error("no text")
    return text
  }
}

const decoding = { allowIndefinite: false, rejectDuplicateMapKeys: true, tags }

const formatOf = (library: Library): throughSchema.Format & { readonly packOrdinary: throughSchema.Format["pack"] } => {
  // Without a sorter, the fields keep their order.
  const ordinary = { mapSorter: undefined }
  const any = { ...ordinary, typeEncoders: typesOf(library) }
  const packBy = (options: object) => (value: unknown) =>
    throughSchema.attempt(
      name,
      "encode",
      () => new Uint8Array(library.encode(value, options)),
      () => "the value has no CBOR form, or is nested too deeply"
    )
  return {
    name,
    id: 7,
    holds: "json",
    pack: packBy(any),
    packOrdinary: packBy(ordinary),
    unpack: (bytes) =>
      throughSchema.attempt(
        name,
        "decode",
        () => library.decode(bytes, decoding as never) as unknown,
        () => "these bytes are not CBOR that this serializer writes"
      )
  }
}

const format = library && formatOf(library)

/**
 * The CBOR serializer. With a schema, values are converted to the schema's JSON form. Without one, plain objects and
 * arrays, `undefined`, all numbers, `bigint`, `Date`, `Map`, `Set` and `Uint8Array` are restored exactly, and any other
 * value fails with a `SerializerError`.
 *
 * **Example** (Encoding a map)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cbor } from "effect-cached/serializers/Cbor"
 * const codec = Cbor.make<unknown, never>(undefined)
 * const bytes = Effect.runSync(codec.encode(new Map([[1, new Date(0)]]), "epoch"))
 * Effect.runSync(codec.decode(bytes, "epoch")) // => new Map([[1, new Date(0)]])
 * ```
 *
 * @category serializers
 * @since 0.1.0
 */
export const Cbor: Serializer = {
  name,
  contentType: "application/cbor",
  extension: ".cbor",
  make(schema) {
    const cbor = installed(format, name, "cborg")
    return schema === undefined
      ? throughSchema.withoutSchema(plainDataOnly(cbor, cbor.packOrdinary))
      : throughSchema.make(cbor, schema)
  }
}
