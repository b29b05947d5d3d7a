/**
 * Reads the Parquet files that the serializer `Parquet` writes. The reader of `hyparquet` believes the lengths and
 * counts in a file, so a short file could make it allocate gigabytes. This one reads only what is written here: flat
 * columns in data pages of version 2, plain values, compressed by Snappy.
 */
import { byteAt, type Cursor, type Fields, struct, take, type Thrift, varint } from "./thrift.ts"

/** A column as a file describes it. A column that is not optional has a value in each row. */
export interface Physical {
  readonly name: string
  readonly type: "BOOLEAN" | "INT64" | "DOUBLE" | "BYTE_ARRAY"
  readonly converted: "UTF8" | "TIMESTAMP_MILLIS" | undefined
  readonly optional: boolean
}

const types = { BOOLEAN: 0, INT64: 2, DOUBLE: 5, BYTE_ARRAY: 6 }
const converted = { UTF8: 0, TIMESTAMP_MILLIS: 9 }
const snappy = 1
const plain = 0
const dataPageV2 = 3

type Uncompress = (compressed: Uint8Array, output: Uint8Array) => void

/** The memory that a cell takes besides its bytes. */
const cellSize = 16

export class TooLarge extends Error {}
export class OtherColumns extends Error {}

const wrong = (): never => {
  throw new Error("not such a file")
}

const fieldsOf = (value: Thrift | undefined): Fields => value instanceof Map ? value : wrong()
const listOf = (value: Thrift | undefined): ReadonlyArray<Thrift> => Array.isArray(value) ? value : wrong()
const countOf = (value: Thrift | undefined): number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : wrong()

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
const textOf = (value: Thrift | undefined): string => value instanceof Uint8Array ? decoder.decode(value) : wrong()

interface Chunk {
  readonly at: number
  readonly size: number
  readonly uncompressed: number
}

interface Layout {
  /** The columns in the order of the file. */
  readonly columns: ReadonlyArray<Physical>
  readonly groups: ReadonlyArray<{ readonly rows: number; readonly chunks: ReadonlyArray<Chunk> }>
}

const magic = [0x50, 0x41, 0x52, 0x31]
const isMarked = (bytes: Uint8Array, at: number): boolean => magic.every((byte, i) => bytes[at + i] === byte)

/** Reads where the columns of a file are. Throws unless they are these columns, in any order. */
export const layoutOf = (bytes: Uint8Array, columns: ReadonlyArray<Physical>, maxSize: number): Layout => {
  const end = bytes.length - 8
  if (end < 4 || !isMarked(bytes, 0) || !isMarked(bytes, end + 4)) wrong()
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(end, true)
  if (size > end - 4) wrong()
  const footer = struct({ bytes: bytes.subarray(0, end), at: end - size })
  const inFile = listOf(footer.get(2)).slice(1).map((element) => columnOf(fieldsOf(element), columns))
  if (inFile.length !== columns.length || new Set(inFile).size !== columns.length) throw new OtherColumns()
  const groups = listOf(footer.get(4)).map((group) => groupOf(fieldsOf(group), columns.length))
  const total = groups.reduce(
    (total, { rows, chunks }) =>
      total + rows * chunks.length * cellSize + chunks.reduce((sum, { uncompressed }) => sum + uncompressed, 0),
    0
  )
  if (total > maxSize) throw new TooLarge()
  return { columns: inFile, groups }
}

const columnOf = (element: Fields, columns: ReadonlyArray<Physical>): Physical => {
  const name = textOf(element.get(4))
  const column = columns.find((column) => column.name === name)
  const isSame = column !== undefined && element.get(1) === types[column.type] &&
    element.get(3) === (column.optional ? 1 : 0) && element.get(6) === (column.converted && converted[column.converted])
  if (!isSame) throw new OtherColumns()
  return column
}

const groupOf = (group: Fields, count: number): Layout["groups"][number] => {
  const chunks = listOf(group.get(1)).map((chunk) => {
    const meta = fieldsOf(fieldsOf(chunk).get(3))
    if (meta.get(4) !== snappy) wrong()
    return { at: countOf(meta.get(9)), size: countOf(meta.get(7)), uncompressed: countOf(meta.get(6)) }
  })
  return chunks.length === count ? { rows: countOf(group.get(3)), chunks } : wrong()
}

type Cell = boolean | number | bigint | string | null

/** Reads the cells of one column of one row group. */
export const readChunk = (
  bytes: Uint8Array,
  column: Physical,
  { rows, chunk, uncompress }: { readonly rows: number; readonly chunk: Chunk; readonly uncompress: Uncompress }
): Array<Cell> => {
  const cursor: Cursor = { bytes: take({ bytes, at: chunk.at }, chunk.size), at: 0 }
  const cells: Array<Cell> = []
  let left = chunk.uncompressed
  while (cells.length < rows) {
    const header = struct(cursor)
    const page = fieldsOf(header.get(8))
    const [count, nulls, levels] = [countOf(page.get(1)), countOf(page.get(2)), countOf(page.get(5))]
    const size = countOf(header.get(2)) - levels
    const isKnown = header.get(1) === dataPageV2 && page.get(4) === plain && page.get(6) === 0 && page.get(7) !== false
    if (!isKnown || count === 0 || count > rows - cells.length || size < 0 || size > left) wrong()
    left -= size
    const present = column.optional ? readLevels(take(cursor, levels), count) : undefined
    if (present === undefined && levels + nulls > 0) wrong()
    const values = new Uint8Array(size)
    uncompress(take(cursor, countOf(header.get(3)) - levels), values)
    readValues(cells, values, { column, count, present })
  }
  return cells
}

/** Reads whether each cell of a page is there: runs of equal bits, or bits of eight cells in a byte. */
const readLevels = (bytes: Uint8Array, count: number): Uint8Array => {
  const levels = new Uint8Array(count)
  const cursor: Cursor = { bytes, at: 0 }
  for (let seen = 0; seen < count;) {
    const head = varint(cursor)
    const size = Math.floor(head / 2)
    if (head % 2 === 0) {
      if (size === 0 || size > count - seen) wrong()
      levels.fill(byteAt(cursor) & 1, seen, seen += size)
    } else {
      if (size === 0) wrong()
      for (const packed of take(cursor, size)) {
        for (let bit = 0; bit < 8 && seen < count; bit++) levels[seen++] = packed >>> bit & 1
      }
    }
  }
  return levels
}

interface Page {
  readonly column: Physical
  readonly count: number
  readonly present: Uint8Array | undefined
}

const readValues = (cells: Array<Cell>, bytes: Uint8Array, { column, count, present }: Page): void => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const { type } = column
  let at = 0
  // The bits of `BOOLEAN` are packed; other values take whole bytes.
  const next = (): Cell => {
    switch (type) {
      case "BOOLEAN":
        return (view.getUint8(at >>> 3) >>> (at++ & 7) & 1) === 1
      case "INT64":
        return view.getBigInt64((at += 8) - 8, true)
      case "DOUBLE":
        return view.getFloat64((at += 8) - 8, true)
      default: {
        const length = view.getUint32(at, true)
        const start = at + 4
        at = start + length
        return at > bytes.length ? wrong() : decoder.decode(bytes.subarray(start, at))
      }
    }
  }
  for (let i = 0; i < count; i++) cells.push(present === undefined || present[i] === 1 ? next() : null)
  if ((type === "BOOLEAN" ? Math.ceil(at / 8) : at) !== bytes.length) wrong()
}
