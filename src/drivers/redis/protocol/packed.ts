/** Packs many values into one argument, because the client writes each binary argument to the socket separately. */

export interface Packed {
  readonly roomFor: (size: number) => Buffer
  readonly bytes: () => Buffer
  /** The bytes of the first value, which is the only one. */
  readonly first: () => Buffer
}

const headSize = 4

const noBytes = Buffer.alloc(0)

export const make = (expectedSize: number): Packed => {
  let bytes = noBytes
  let end = 0
  return {
    roomFor(size) {
      const from = end + headSize
      if (from + size > bytes.length) {
        const larger = Buffer.alloc(end === 0 ? Math.max(expectedSize, from + size) : 2 * (from + size))
        bytes.copy(larger, 0, 0, end)
        bytes = larger
      }
      bytes.writeUInt32BE(size, end)
      end = from + size
      return bytes.subarray(from, end)
    },
    bytes: () => bytes.subarray(0, end),
    first: () => bytes.subarray(headSize, end)
  }
}
