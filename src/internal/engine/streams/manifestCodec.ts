/** Encodes a stream's manifest as bytes. */
import * as Effect from "effect/Effect"
import type { Stored } from "../../../CacheEntry.ts"
import { SerializerError } from "../../../CacheError.ts"
import type { Codec } from "../../../ports/serializer.ts"
import { readerIn } from "../../codec/readerIn.ts"
import { FailedStream, Manifest } from "../memory/manifest.ts"
import type { Codecs } from "../storeTier/storeTier.ts"

/** Stored in place of a serializer's id. No serializer has this number, so values and streams are never confused. */
const number = 4

const write = ({ bytes, elements, pages, run }: Manifest): Uint8Array =>
  new TextEncoder().encode(JSON.stringify([run, pages, bytes, elements]))

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const read = (bytes: Uint8Array): Manifest => {
  const given: unknown = JSON.parse(new TextDecoder().decode(bytes))
  const [run, pages, size, elements] = given as ReadonlyArray<unknown>
  if (typeof run === "string" && isCount(pages) && isCount(size) && isCount(elements)) {
    const manifest = new Manifest(run, pages, size, elements)
    manifest.isKept = true
    return manifest
  }
  throw new Error("it is not a manifest")
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

const headBytes = 4

/** The id under which a stream's failure is encoded. A signature that includes it is not that of an element. */
const ofFailure = (id: string): string => `${id}\u0000failure`

/**
 * Encodes the failure of a stream, together with the manifest of the elements before the failure. The number of the
 * failure's serializer follows the manifest.
 */
const failureCodec = (failure: Codec<unknown, any>): Codec<unknown, any> => ({
  id: number,
  encode: (failed, id) => {
    const { error, manifest } = failed as FailedStream
    return Effect.map(failure.encode(error, ofFailure(id)), (encoded) => {
      const head = write(manifest)
      const bytes = new Uint8Array(headBytes + head.length + 1 + encoded.length)
      new DataView(bytes.buffer).setUint32(0, head.length)
      bytes.set(head, headBytes)
      bytes[headBytes + head.length] = failure.id
      bytes.set(encoded, headBytes + head.length + 1)
      return bytes
    })
  },
  decode: (bytes, id) =>
    Effect.flatMap(
      decoding(id, () => headOf(bytes)),
      (end) =>
        Effect.flatMap(
          decoding(id, () => [read(bytes.subarray(headBytes, end)), readerOf(failure, bytes[end])] as const),
          ([manifest, reader]) =>
            Effect.map(
              reader.decode(bytes.subarray(end + 1), ofFailure(id)),
              (error) => new FailedStream(manifest, error)
            )
        )
    )
})

const readerOf = (failure: Codec<unknown, any>, number: number | undefined): Codec<unknown, any> => {
  const reader = number === undefined ? undefined : readerIn(failure, number)
  if (reader === undefined) throw new Error("another serializer has written the failure")
  return reader
}

/** The run named by a stored manifest. `undefined` if the entry does not belong to a stream. */
export const runOf = ({ meta, payload }: Stored): string | undefined => {
  if (meta.serializer !== number) return undefined
  try {
    const end = meta.outcome === "success" ? undefined : headOf(payload)
    return read(end === undefined ? payload : payload.subarray(headBytes, end)).run
  } catch {
    return undefined
  }
}

const headOf = (bytes: Uint8Array): number =>
  headBytes + new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0)

export const codecsOver = ({ failure }: Codecs): Codecs => ({
  success: {
    id: number,
    encode: (manifest) => Effect.succeed(write(manifest as Manifest)),
    decode: (bytes, id) => decoding(id, () => read(bytes))
  },
  failure: failure && failureCodec(failure)
})
