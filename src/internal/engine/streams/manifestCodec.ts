/** Encodes a stream's manifest as bytes. The wrappers of the elements' codec protect the manifest too. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Stored } from "../../../CacheEntry.ts"
import { SerializerError } from "../../../CacheError.ts"
import type { Codec } from "../../../ports/serializer.ts"
import { toHex, writeHex } from "../../codec/bytes.ts"
import { around } from "../../codec/layers.ts"
import { readerIn } from "../../codec/readerIn.ts"
import { checked } from "../../codec/sameAgain.ts"
import { FailedStream, Manifest } from "../memory/manifest.ts"
import type { Codecs } from "../storeTier/storeTier.ts"

/** Stored in place of a serializer's id. No serializer has this number, so values and streams are never confused. */
const number = 4

const textOf = (fields: ReadonlyArray<unknown>): Uint8Array => new TextEncoder().encode(JSON.stringify(fields))

const fieldsOf = (bytes: Uint8Array): ReadonlyArray<unknown> => JSON.parse(new TextDecoder().decode(bytes))

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const refuse = (): never => {
  throw new Error("it is not a manifest")
}

const read = (bytes: Uint8Array): Manifest => {
  const [run, pages, size, elements] = fieldsOf(bytes)
  if (typeof run !== "string" || !isCount(pages) || !isCount(size) || !isCount(elements)) return refuse()
  const manifest = new Manifest(run, pages, size, elements)
  manifest.isKept = true
  return manifest
}

const decoding = <A>(id: string, decode: () => A): Effect.Effect<A, SerializerError> =>
  Effect.try({
    try: decode,
    catch: (cause) =>
      new SerializerError({
        serializer: "stream",
        operation: "decode",
        reason: `the manifest of the stream "${id}" cannot be read`,
        cause
      })
  })

const plain: Codec<Manifest> = {
  id: number,
  extension: ".json",
  encode: ({ bytes, elements, pages, run }) => Exit.succeed(textOf([run, pages, bytes, elements])),
  decode: (bytes, id) => decoding(id, () => read(bytes))
}

interface Sealed {
  readonly run: string
  readonly serializer: number
  readonly bytes: Uint8Array
}

const readSealed = (bytes: Uint8Array): Sealed | undefined => {
  const [run, serializer, hex] = fieldsOf(bytes)
  if (typeof hex !== "string") return undefined
  if (typeof run !== "string" || typeof serializer !== "number" || hex.length % 2 > 0) return refuse()
  const sealed = new Uint8Array(hex.length / 2)
  writeHex(hex, sealed, 0)
  return { run, serializer, bytes: sealed }
}

/** The codec of manifests inside the wrappers of `codec`. The run stays readable, because a sweep asks for it. */
const sealedBy = (codec: Codec<unknown, any>): Codec<Manifest> => {
  const sealing: Codec<Manifest> = around(codec, plain)
  if (sealing === plain) return plain
  return {
    id: number,
    extension: ".json",
    encode: (manifest, id, meta) =>
      Effect.mapEager(
        sealing.encode(manifest, id, meta),
        (sealed) => textOf([manifest.run, sealing.id, toHex(sealed, 0, sealed.length)])
      ),
    decode: (bytes, id, meta) =>
      Effect.flatMap(decoding(id, () => readSealed(bytes)), (sealed) =>
        Effect.flatMap(
          decoding(id, () => readerOf(sealing, sealed === undefined ? number : sealed.serializer)),
          (reader) =>
            Effect.tap(
              reader.decode(sealed === undefined ? bytes : sealed.bytes, id, meta) as Effect.Effect<
                Manifest,
                SerializerError
              >,
              ({ run }) => decoding(id, () => sealed === undefined || sealed.run === run || refuse())
            )
        ))
  }
}

const headBytes = 4

/** The id under which a stream's failure is encoded. A signature that includes it is not that of an element. */
const ofFailure = (id: string): string => `${id}\u0000failure`

/**
 * Encodes the failure of a stream, together with the manifest of the elements before the failure. The number of the
 * failure's serializer follows the manifest.
 */
const failureCodec = (failure: Codec<unknown, any>): Codec<unknown, any> => {
  const manifests = sealedBy(failure)
  return {
    id: number,
    extension: ".bin",
    encode: Effect.fnUntraced(function*(failed, id, meta) {
      const { error, manifest } = failed as FailedStream
      const encoded: Uint8Array = yield* checked(failure, error, () => failure.encode(error, ofFailure(id), meta))
      const head = yield* manifests.encode(manifest, id, meta)
      const bytes = new Uint8Array(headBytes + head.length + 1 + encoded.length)
      new DataView(bytes.buffer).setUint32(0, head.length)
      bytes.set(head, headBytes)
      bytes[headBytes + head.length] = failure.id
      bytes.set(encoded, headBytes + head.length + 1)
      return bytes
    }),
    decode: Effect.fnUntraced(function*(bytes, id, meta) {
      const end = yield* decoding(id, () => headOf(bytes))
      const manifest = yield* manifests.decode(bytes.subarray(headBytes, end), id, meta)
      const reader = yield* decoding(id, () => readerOf(failure, bytes[end]))
      return new FailedStream(manifest, yield* reader.decode(bytes.subarray(end + 1), ofFailure(id), meta))
    })
  }
}

const readerOf = <A>(codec: Codec<A, any>, number: number | undefined): Codec<A, any> => {
  const reader = number === undefined ? undefined : readerIn(codec, number)
  if (reader === undefined) throw new Error("another serializer has written it")
  return reader
}

/** The run named by a stored manifest. `undefined` if the entry does not belong to a stream. */
export const runOf = ({ meta, payload }: Stored): string | undefined => {
  if (meta.serializer !== number) return undefined
  try {
    const end = meta.outcome === "success" ? undefined : headOf(payload)
    const run = fieldsOf(end === undefined ? payload : payload.subarray(headBytes, end))[0]
    return typeof run === "string" ? run : undefined
  } catch {
    return undefined
  }
}

const headOf = (bytes: Uint8Array): number =>
  headBytes + new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0)

export const codecsOver = ({ failure, success }: Codecs): Codecs => ({
  success: sealedBy(success) as Codec<any, any>,
  failure: failure && failureCodec(failure)
})
