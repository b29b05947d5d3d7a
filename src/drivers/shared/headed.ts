/**
 * Bytes with a head: the length of the head and its checksum (4 bytes each, big-endian), the head as JSON, and the
 * rest. What another program has written, or what is damaged, has no head.
 */
import { crc32 } from "../../internal/codec/crc32.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const startSize = 8
const space = 0x20

/** JSON has neither infinite numbers nor bytes. `Number` and `Uint8Array.from` bring them back. */
const toText = (_: string, value: unknown): unknown =>
  value instanceof Uint8Array
    ? Array.from(value)
    : typeof value === "number" && !Number.isFinite(value)
    ? String(value)
    : value

/** `sizeOf` may ask for more bytes than the least. Spaces at the end of the JSON fill them. */
export const encode = (head: unknown, rest: Uint8Array, sizeOf = (least: number): number => least): Uint8Array => {
  const json = encoder.encode(JSON.stringify(head, toText))
  const bytes = new Uint8Array(sizeOf(startSize + json.length + rest.length))
  const at = bytes.length - rest.length
  bytes.set(json, startSize)
  bytes.fill(space, startSize + json.length, at)
  bytes.set(rest, at)
  const start = new DataView(bytes.buffer)
  start.setUint32(0, at - startSize)
  start.setUint32(4, crc32(bytes.subarray(startSize, at)))
  return bytes
}

/** Returns `undefined` if `read` throws: whoever writes a wrong head may also write its checksum. */
export const decode = <A>(
  bytes: Uint8Array,
  read: (head: any) => A
): { readonly head: A; readonly rest: Uint8Array } | undefined => {
  if (bytes.length <= startSize) return undefined
  const start = new DataView(bytes.buffer, bytes.byteOffset)
  const at = startSize + start.getUint32(0)
  if (at === startSize || at > bytes.length) return undefined
  const json = bytes.subarray(startSize, at)
  if (crc32(json) !== start.getUint32(4)) return undefined
  try {
    return { head: read(JSON.parse(decoder.decode(json))), rest: bytes.subarray(at) }
  } catch {
    return undefined
  }
}
