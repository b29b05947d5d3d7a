/** Checksums as `node:zlib` computes them, for modules that run where it is missing. */

// The reversed polynomial 0x04c11db7 (ISO 3309).
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = (rest & 1) === 1 ? (rest >>> 1) ^ 0xedb8_8320 : rest >>> 1
  return rest
})

const encoder = new TextEncoder()

export const crc32 = (data: string | Uint8Array, former = 0): number => {
  let rest = ~former
  for (const byte of typeof data === "string" ? encoder.encode(data) : data) {
    rest = table[(rest ^ byte) & 0xff]! ^ (rest >>> 8)
  }
  return ~rest >>> 0
}
