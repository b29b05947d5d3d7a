/** Reads the rows of a Parquet file, one group of rows at a time. */
import * as Stream from "effect/Stream"
import type { FileMetaData, RowGroup, SchemaTree } from "hyparquet"
import { open } from "node:fs/promises"
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib"
import { byteAt, type Cursor, struct, take, varint } from "../internal/codec/thrift.ts"
import { textOf } from "./cells.ts"
import type { Fields } from "./format.ts"
import { parquetPackages } from "./parquetPackages.ts"
import { ofSystem, PipelineError } from "./PipelineError.ts"
import type { Position } from "./position.ts"

export const parquetRows = (file: string, position: Position): Stream.Stream<Fields, PipelineError> => {
  const rows = async function*(): AsyncGenerator<Fields> {
    const [{ parquetMetadataAsync, parquetReadObjects, parquetSchema, snappyUncompress: uncompress }] =
      await parquetPackages(file)
    const handle = await open(file)
    try {
      const { size } = await handle.stat()
      const source = {
        byteLength: size,
        async slice(start: number, end = size) {
          const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start))
          await handle.read(bytes, 0, bytes.length, start)
          return bytes.buffer
        }
      }
      const invalid = (problem: string, cause?: unknown): never => {
        throw new PipelineError({ file, reason: "Content", problem, cause })
      }
      const metadata: FileMetaData = await parquetMetadataAsync(source).catch((cause) =>
        invalid("it is not a Parquet file", cause)
      )
      for (const { meta_data } of metadata.row_groups.flatMap(({ columns }) => columns)) {
        if (meta_data !== undefined && !readable.has(meta_data.codec)) {
          invalid(`its columns are compressed as ${meta_data.codec}, which is not read: write it as ZSTD or SNAPPY`)
        }
      }
      const tree = parquetSchema(metadata)
      position.total = Number(metadata.num_rows)
      position.done = 0
      for (const group of metadata.row_groups) {
        const [rowStart, rowEnd] = [position.done, position.done + Number(group.num_rows)]
        const read = async () => {
          await checkGroup(group, tree, { slice: source.slice, uncompress })
          return parquetReadObjects({ file: source, metadata, rowStart, rowEnd, compressors, utf8: false, parsers })
        }
        const rows = await read().catch((cause) =>
          invalid(`its rows cannot be read: ${cause instanceof Error ? cause.message : cause}`, cause)
        )
        if (rows.length !== Number(group.num_rows)) invalid("a group has fewer rows than it claims")
        yield* rows
        position.done = rowEnd
      }
      if (position.done !== position.total) {
        invalid("its groups do not have the number of rows that it claims")
      }
    } finally {
      await handle.close()
    }
  }
  return Stream.rechunk(Stream.fromAsyncIterable({ [Symbol.asyncIterator]: rows }, ofSystem(file)), 1000)
}

/** `growth`: Snappy makes bytes at most 22 times as many. The others stop at the size that a page claims. */
const most = { rows: 1_048_576, values: 4_194_304, growth: 32, page: 134_217_728 }

const limited =
  (decompress: (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array) =>
  (bytes: Uint8Array, size: number): Uint8Array => decompress(bytes, { maxOutputLength: Math.max(1, size) })

const compressors = {
  GZIP: limited(gunzipSync),
  ZSTD: limited(zstdDecompressSync),
  BROTLI: limited(brotliDecompressSync)
}

/** The package's own parser loses a byte order mark, and replaces what is not UTF-8. */
const parsers = { stringFromBytes: (bytes: Uint8Array | undefined): any => bytes && (textOf(bytes) ?? bytes) }

const readable: ReadonlySet<string> = new Set(["UNCOMPRESSED", "SNAPPY", ...Object.keys(compressors)])

const tooMany = (): never => {
  throw new Error("a page claims more than its bytes can hold")
}

/** Throws if a group is too large for the memory, or claims wrong lengths, which the package would believe. */
const checkGroup = async (
  { columns, num_rows }: RowGroup,
  tree: SchemaTree,
  { slice, uncompress }: {
    readonly slice: (start: number, end: number) => Promise<ArrayBuffer>
    readonly uncompress: (bytes: Uint8Array, output: Uint8Array) => void
  }
): Promise<void> => {
  if (num_rows > most.rows) {
    throw new Error(`a group has ${num_rows} rows, more than ${most.rows}: write smaller groups`)
  }
  for (const { meta_data } of columns) {
    if (meta_data === undefined) throw new Error("a column has no place")
    const { codec, data_page_offset, dictionary_page_offset, path_in_schema, total_compressed_size } = meta_data
    const levels = levelsOf(tree, path_in_schema)
    const start = Number(dictionary_page_offset || data_page_offset)
    const cursor: Cursor = { bytes: new Uint8Array(await slice(start, start + Number(total_compressed_size))), at: 0 }
    // The package reads no page that begins at the last byte.
    while (cursor.at < cursor.bytes.length - 1) {
      const header = struct(cursor)
      const [size, stored] = [Number(header.get(2)), Number(header.get(3))]
      const bytes = take(cursor, stored)
      const decompress = compressors[codec as keyof typeof compressors]
      if (!(size <= (decompress === undefined ? stored * most.growth + 1024 : most.page))) tooMany()
      const whole = (bytes: Uint8Array, size: number): Uint8Array => {
        if (codec === "UNCOMPRESSED") return bytes
        if (decompress !== undefined) return decompress(bytes, size)
        const output = new Uint8Array(size)
        uncompress(bytes, output)
        return output
      }
      const [first, second] = [header.get(5), header.get(8)]
      if (first instanceof Map) checkPage(whole(bytes, size), Number(first.get(1)), Number(first.get(2)), levels)
      else if (second instanceof Map) {
        const [values, encoding, defined, repeated] = [1, 4, 5, 6].map((field) => Number(second.get(field)))
        const rest = bytes.subarray(defined! + repeated!)
        const page = second.get(7) === false || rest.length === 0 ? rest : whole(rest, size - defined! - repeated!)
        checkRuns({ bytes: bytes.subarray(0, repeated), at: 0 }, levels[0]!, values!)
        checkRuns({ bytes: bytes.subarray(repeated, repeated! + defined!), at: 0 }, levels[1]!, values!)
        checkPage(page, values!, encoding!, [])
      } else {
        const dictionary = header.get(7)
        if (dictionary instanceof Map && !(Number(dictionary.get(1)) <= most.values)) tooMany()
      }
    }
  }
}

/** The bits of a level of repetition and of a level of definition in a column. */
const levelsOf = (tree: SchemaTree, path: ReadonlyArray<string>): ReadonlyArray<number> => {
  let [repeated, defined] = [0, 0]
  let node: SchemaTree | undefined = tree
  for (const name of path) {
    node = node?.children.find(({ element }) => element.name === name)
    if (node?.element.repetition_type === "REPEATED") repeated++
    if (node?.element.repetition_type !== "REQUIRED") defined++
  }
  return [repeated, defined].map((level) => Math.ceil(Math.log2(level + 1)))
}

const encodings = { plainDictionary: 2, runs: 3, dictionary: 8 }

/** Checks the levels and the runs of a page. The levels of a page of version 2 are outside of it. */
const checkPage = (bytes: Uint8Array, values: number, encoding: number, levels: ReadonlyArray<number>): void => {
  const cursor: Cursor = { bytes, at: 0 }
  const withLength = (bits: number) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    cursor.at += 4
    checkRuns({ bytes: take(cursor, view.getUint32(cursor.at - 4, true)), at: 0 }, bits, values)
  }
  if (!(values <= most.values)) tooMany()
  for (const bits of levels) if (bits > 0) withLength(bits)
  if (encoding === encodings.runs) withLength(1)
  if (encoding !== encodings.plainDictionary && encoding !== encodings.dictionary) return
  if (cursor.at < bytes.length) checkRuns(cursor, byteAt(cursor), values)
}

/** Throws if a run of equal or of packed values is longer than all values. Packed values come in groups of eight. */
const checkRuns = (cursor: Cursor, bits: number, values: number): void => {
  if (bits === 0) return
  for (let seen = 0; seen < values && cursor.at < cursor.bytes.length;) {
    const head = varint(cursor)
    const count = Math.floor(head / 2) * (head % 2 === 0 ? 1 : 8)
    if (count > values + 512) tooMany()
    seen += count
    cursor.at += head % 2 === 0 ? Math.ceil(bits / 8) : count / 8 * bits
  }
}
