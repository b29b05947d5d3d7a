/** Compresses and decompresses bytes: by `node:zlib`, or by the streams of the web platform, which only have gzip. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { mistake } from "../options/options.ts"
import { concat } from "./bytes.ts"
import { builtin, type Zipper, type Zlib, type ZlibOptions } from "./platform.ts"

export type Algorithm = "gzip" | "brotli" | "zstd"

/** Compressing and decompressing by one algorithm. A failure has no details, because they could show private bytes. */
export interface Compression {
  readonly compress: (bytes: Uint8Array) => Effect.Effect<Uint8Array, Unfit>
  /** Decompresses to exactly `size` bytes. */
  readonly decompress: (bytes: Uint8Array, size: number) => Effect.Effect<Uint8Array, Unfit>
}

/** Bytes that an algorithm did not accept, or that decompress to another size. */
class Unfit {
  readonly _tag = "Unfit"
}

/** Up to this size, bytes are compressed and decompressed at once, and above it on another thread. */
const atOnce = 64 * 1024

/** `node:zlib` returns buffers. Formats that contain bytes must not hand them to users. */
const plain = ({ buffer, byteOffset, length }: Uint8Array): Uint8Array => new Uint8Array(buffer, byteOffset, length)

const unfit = Exit.fail(new Unfit())

const run = ({ later, now }: Zipper, bytes: Uint8Array, options: ZlibOptions, isSmall: boolean) => {
  if (!isSmall) {
    return Effect.callback<Uint8Array, Unfit>((resume) =>
      later(bytes, options, (error, result) => resume(error === null ? Exit.succeed(plain(result)) : unfit))
    )
  }
  try {
    return Exit.succeed(plain(now(bytes, options)))
  } catch {
    return unfit
  }
}

interface Settings {
  readonly paramsOf?: (size: number) => ZlibOptions["params"] & {}
  /** How many bytes the decoder fills before it returns the first of them, and before it notices its limit. */
  readonly windowOf?: (bytes: Uint8Array) => number
}

const largestWindow = 2 ** 22

const byZlib = (compress: Zipper, decompress: Zipper, { paramsOf, windowOf }: Settings = {}): Compression => ({
  compress: (bytes) =>
    run(compress, bytes, paramsOf === undefined ? {} : { params: paramsOf(bytes.length) }, bytes.length <= atOnce),
  decompress(bytes, size) {
    const window = windowOf === undefined ? 0 : windowOf(bytes)
    if (window > largestWindow) return unfit
    // The bound holds while decompressing: zlib stops when the result exceeds `maxOutputLength`.
    const options = { maxOutputLength: Math.max(1, size), chunkSize: Math.max(64, Math.min(size, 4 * atOnce)) }
    return Effect.flatMapEager(
      run(decompress, bytes, options, Math.max(size, bytes.length, window / 2) <= atOnce),
      (result) => result.length === size ? Exit.succeed(result) : unfit
    )
  }
})

/** The window that a stream of brotli declares (RFC 7932, section 9.1). */
const windowOfBrotli = ([first = 0]: Uint8Array): number => {
  if ((first & 1) === 0) return 2 ** 16
  const [high, low] = [(first >>> 1) & 7, (first >>> 4) & 7]
  if (high > 0) return 2 ** (17 + high)
  if (low === 0) return 2 ** 17
  return low === 1 ? Infinity : 2 ** (8 + low)
}

const compressionsOf = (zlib: Zlib): Partial<Record<Algorithm, Compression>> => ({
  gzip: byZlib(
    { now: zlib.gzipSync, later: zlib.gzip },
    { now: zlib.gunzipSync, later: zlib.gunzip }
  ),
  brotli: byZlib(
    { now: zlib.brotliCompressSync, later: zlib.brotliCompress },
    { now: zlib.brotliDecompressSync, later: zlib.brotliDecompress },
    {
      paramsOf: (size) => ({
        // The default quality (11) takes a hundred times longer for a tenth less.
        [zlib.constants.BROTLI_PARAM_QUALITY]: 5,
        [zlib.constants.BROTLI_PARAM_LGWIN]: Math.min(22, 1 + Math.max(9, Math.ceil(Math.log2(size))))
      }),
      windowOf: windowOfBrotli
    }
  ),
  // Bun and Deno have had the rest of `node:zlib` for longer.
  ...zlib.zstdCompress === undefined ? {} : {
    zstd: byZlib(
      { now: zlib.zstdCompressSync, later: zlib.zstdCompress },
      { now: zlib.zstdDecompressSync, later: zlib.zstdDecompress },
      // Without a checksum, a changed frame may decompress to another value of the same size.
      { paramsOf: () => ({ [zlib.constants.ZSTD_c_checksumFlag]: 1 }) }
    )
  }
})

/** Reads what a stream makes of the bytes, and cancels the stream if that exceeds `limit`. */
const through = async (
  bytes: Uint8Array,
  stream: { readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<BufferSource> },
  limit: number
): Promise<Uint8Array> => {
  const writer = stream.writable.getWriter()
  // The reader fails too if the bytes are damaged.
  writer.write(bytes as Uint8Array<ArrayBuffer>).then(() => writer.close()).catch(() => undefined)
  const reader = stream.readable.getReader()
  const chunks: Array<Uint8Array> = []
  let size = 0
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    size += read.value.length
    if (size > limit) {
      await reader.cancel()
      throw new RangeError("too large")
    }
    chunks.push(read.value)
  }
  return concat(chunks)
}

const byStreams: Compression = {
  compress: (bytes) =>
    Effect.tryPromise({
      try: () => through(bytes, new CompressionStream("gzip"), Infinity),
      catch: () => new Unfit()
    }),
  decompress: (bytes, size) =>
    Effect.flatMap(
      Effect.tryPromise({
        try: () => through(bytes, new DecompressionStream("gzip"), size),
        catch: () => new Unfit()
      }),
      (result) => result.length === size ? Exit.succeed(result) : unfit
    )
}

export const compressions: Partial<Record<Algorithm, Compression>> = (() => {
  const zlib = builtin("node:zlib")
  if (zlib !== undefined) return compressionsOf(zlib)
  return typeof CompressionStream === "undefined" ? {} : { gzip: byStreams }
})()

/** The fastest algorithm of this platform: where there is zstd, it takes a quarter of the time of gzip. */
export const fastest = (): Algorithm => compressions.zstd === undefined ? "gzip" : "zstd"

export const compressionOf = (what: string, algorithm: Algorithm): Compression => {
  const compression = compressions[algorithm]
  if (compression !== undefined) return compression
  const known = Object.keys(compressions).map((name) => `"${name}"`).join(", ")
  throw mistake(
    `${what}: this platform has no "${algorithm}"${known === "" ? ", nor any other compression" : `: use ${known}`}`
  )
}
