/**
 * Compresses what another serializer writes.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { SerializerError } from "../CacheError.ts"
import {
  type Algorithm,
  type Compression,
  compressionOf,
  compressions,
  fastest
} from "../internal/codec/compression.ts"
import { readerIn } from "../internal/codec/readerIn.ts"
import { fault } from "../internal/codec/throughSchema.ts"
import { numbers, requireInner, wrap } from "../internal/codec/wrapper.ts"
import { mistake, refuseUnknown } from "../internal/options/options.ts"
import { sizeAboveZero, type SizeInput } from "../internal/options/size.ts"
import type { Codec, Serializer } from "../Serializer.ts"

/**
 * The options of `Compressed.make`.
 * @category options
 * @since 0.1.0
 */
interface Options {
  /**
   * The algorithm that compresses: `"zstd"`, `"gzip"` or `"brotli"`. All of them are read.
   * @default `"zstd"`, or `"gzip"` on a platform without zstd
   */
  readonly algorithm?: "gzip" | "brotli" | "zstd" | undefined
  /** The size from which values are compressed. Smaller values are stored as they are. @default `"1 kB"` */
  readonly threshold?: SizeInput | undefined
  /**
   * The largest size of a value before compression. A larger value is not stored. Bytes that would decompress to more
   * are a miss, and decompression stops at that size.
   * @default `"64 MB"`
   */
  readonly maxSize?: SizeInput | undefined
}

/** The byte before the last of a payload says how the bytes before it are compressed. */
const forms: ReadonlyArray<Algorithm | undefined> = [undefined, "gzip", "brotli", "zstd"]

/** The size of the value (4 bytes), the form, and the number of the inner serializer. */
const tailSize = 6

const extensions: Record<Algorithm, string> = { gzip: ".gz", brotli: ".br", zstd: ".zst" }
const contentTypes: Record<Algorithm, string> = {
  gzip: "application/gzip",
  brotli: "application/octet-stream",
  zstd: "application/zstd"
}

const what = "Compressed.make"

/** The size of a value is stored in four bytes. */
const largest = 2 ** 32 - 1

/**
 * Makes a serializer that compresses the bytes of another one.
 *
 * **When to use**
 *
 * Use if values are large and the space or the network costs more than the time to compress. Small values gain nothing.
 *
 * **Details**
 *
 * - Up to 64 kB are compressed and decompressed at once, and larger values on another thread.
 * - A value that compression does not make smaller is stored as it is.
 * - Entries that were written before compression was switched on are still read.
 * - If the entries are encrypted too, compress inside: `Encrypted.make(Compressed.make(Json), …)`. Encrypted bytes do
 *   not get smaller.
 * - A payload ends with six bytes: the size of the value, the algorithm, and the number of the inner serializer.
 *
 * **Example** (Compressing JSON)
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as Compressed from "effect-cached/serializers/Compressed"
 * import { Json } from "effect-cached/serializers/Json"
 *
 * const codec = Compressed.make(Json, { algorithm: "gzip" }).make<unknown, never>(undefined)
 * const bytes = Effect.runSync(codec.encode("hello ".repeat(1000), "greeting"))
 * bytes.length < 100 // => true
 * ```
 *
 * @see `Encrypted.make` for values that must not be readable
 * @category constructors
 * @since 0.1.0
 */
export const make = (inner: Serializer, options: Options = {}): Serializer => {
  requireInner(what, inner, "compressed")
  refuseUnknown(what, options, ["algorithm", "threshold", "maxSize"])
  const { algorithm = fastest() } = options
  if (!forms.includes(algorithm)) {
    throw mistake(`${what} knows the algorithms "gzip", "brotli" and "zstd", not ${JSON.stringify(algorithm)}`)
  }
  const settings: Settings = {
    form: forms.indexOf(algorithm),
    compression: compressionOf(what, algorithm),
    threshold: sizeOf(options, "threshold", 1000),
    maxSize: sizeOf(options, "maxSize", 64_000_000)
  }
  if (settings.maxSize > largest) throw mistake(`"maxSize" of ${what} must be less than 4 GiB`)
  return wrap(inner, {
    kind: "compressed",
    suffix: algorithm,
    extension: extensions[algorithm],
    contentType: contentTypes[algorithm]
  }, (codec, name) => codecOver(codec, name, settings))
}

const sizeOf = (options: Options, name: "threshold" | "maxSize", standard: number): number =>
  options[name] === undefined ? standard : sizeAboveZero(name, options[name])

interface Settings {
  readonly form: number
  readonly compression: Compression
  readonly threshold: number
  readonly maxSize: number
}

const codecOver = <A, R>(
  inner: Codec<A, R>,
  name: string,
  { compression, form, maxSize, threshold }: Settings
): Codec<A, R> => {
  const failed = (operation: "encode" | "decode", reason: string) => Exit.fail(fault(name, operation, reason))
  const tooLarge = `the value is larger than ${maxSize} bytes (maxSize)`
  const pack = (bytes: Uint8Array): Effect.Effect<Uint8Array, SerializerError> => {
    const { length } = bytes
    if (length > maxSize) return failed("encode", tooLarge)
    const stored = () => withTail(bytes, { size: length, form: 0, number: inner.id })
    if (length < threshold) return Exit.succeed(stored())
    return Effect.matchEager(compression.compress(bytes), {
      onFailure: stored,
      onSuccess: (smaller) =>
        smaller.length < length ? withTail(smaller, { size: length, form, number: inner.id }) : stored()
    })
  }
  const unpack = (bytes: Uint8Array, { form, size }: Tail): Effect.Effect<Uint8Array, SerializerError> => {
    const algorithm = forms[form]
    if (algorithm === undefined) {
      return form === 0 && size === bytes.length
        ? Exit.succeed(bytes)
        : failed("decode", "these bytes were not written by Compressed")
    }
    const known = compressions[algorithm]
    if (known === undefined) return failed("decode", `this platform has no "${algorithm}"`)
    if (size > maxSize) return failed("decode", tooLarge)
    return Effect.mapErrorEager(
      known.decompress(bytes, size),
      () => fault(name, "decode", "these bytes cannot be decompressed to their size")
    )
  }
  return {
    id: numbers.compressed,
    encode: (value, id, meta) => Effect.flatMapEager(inner.encode(value, id, meta), pack),
    decode(bytes, id, meta) {
      const tail = tailOf(bytes)
      const reader = tail && readerIn(inner, tail.number)
      return tail === undefined || reader === undefined
        ? failed("decode", "these bytes were written by another serializer")
        : Effect.flatMapEager(
          unpack(bytes.subarray(0, -tailSize), tail),
          (plain) => reader.decode(plain, id, meta)
        )
    },
    reads: (serializer) => readerIn(inner, serializer)
  }
}

interface Tail {
  readonly size: number
  readonly form: number
  readonly number: number
}

const withTail = (bytes: Uint8Array, { form, number, size }: Tail): Uint8Array => {
  const { length } = bytes
  const payload = new Uint8Array(length + tailSize)
  payload.set(bytes)
  new DataView(payload.buffer).setUint32(length, size)
  payload[length + 4] = form
  payload[length + 5] = number
  return payload
}

const tailOf = (bytes: Uint8Array): Tail | undefined => {
  const at = bytes.length - tailSize
  if (at < 0) return undefined
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(at)
  return { size, form: bytes[at + 4]!, number: bytes[at + 5]! }
}
