/**
 * Reads Thrift's compact protocol, in which Parquet files describe themselves. It allocates no more than the bytes can
 * fill, whatever lengths they claim.
 */

export type Thrift = boolean | number | Uint8Array | ReadonlyArray<Thrift> | Fields

/** The fields of a struct by their numbers. */
export type Fields = ReadonlyMap<number, Thrift>

export interface Cursor {
  readonly bytes: Uint8Array
  at: number
}

export const byteAt = (cursor: Cursor): number => {
  const byte = cursor.bytes[cursor.at++]
  if (byte === undefined) throw new Error("the bytes end too early")
  return byte
}

export const take = (cursor: Cursor, size: number): Uint8Array => {
  const start = cursor.at
  if (!(size >= 0 && size <= cursor.bytes.length - start)) throw new Error("a length is beyond the bytes")
  return cursor.bytes.subarray(start, cursor.at += size)
}

/** Reads a whole number. Those above 2⁵³ lose digits, and are larger than any length that is accepted. */
export const varint = (cursor: Cursor): number => {
  let value = 0
  for (let factor = 1; factor < 2 ** 64; factor *= 128) {
    const byte = byteAt(cursor)
    value += (byte & 127) * factor
    if (byte < 128) return value
  }
  throw new Error("a number is too long")
}

const zigzag = (cursor: Cursor): number => {
  const value = varint(cursor)
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

/** Files nest eight levels at most. */
const maxDepth = 12

export const struct = (cursor: Cursor, depth = 0): Fields => {
  if (depth > maxDepth) throw new Error("nested too deeply")
  const fields = new Map<number, Thrift>()
  let field = 0
  for (let head = byteAt(cursor); (head & 15) !== 0; head = byteAt(cursor)) {
    field = head >>> 4 === 0 ? zigzag(cursor) : field + (head >>> 4)
    const type = head & 15
    fields.set(field, type < 3 ? type === 1 : value(cursor, type, depth))
  }
  return fields
}

const value = (cursor: Cursor, type: number, depth: number): Thrift => {
  switch (type) {
    case 1:
    case 2:
      return byteAt(cursor) === 1
    case 3:
      return byteAt(cursor)
    case 4:
    case 5:
    case 6:
      return zigzag(cursor)
    case 7:
      return take(cursor, 8)
    case 8:
      return take(cursor, varint(cursor))
    case 9:
      return list(cursor, depth + 1)
    case 12:
      return struct(cursor, depth + 1)
    default:
      throw new Error("an unknown type")
  }
}

const list = (cursor: Cursor, depth: number): ReadonlyArray<Thrift> => {
  if (depth > maxDepth) throw new Error("nested too deeply")
  const head = byteAt(cursor)
  const size = head >>> 4 === 15 ? varint(cursor) : head >>> 4
  const items: Array<Thrift> = []
  // Each item takes a byte at least, so a size that is too large ends with the bytes.
  while (items.length < size) items.push(value(cursor, head & 15, depth))
  return items
}
