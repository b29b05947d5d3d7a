/** Random tokens. */
import type * as Random from "effect/Random"
import { toHex } from "./codec/bytes.ts"

/** `size` random bytes (a multiple of 4) as lower-case hexadecimal digits. */
export const tokenUnsafe = (random: Random.Random, size: number): string => {
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i += 4) {
    const word = random.nextDoubleUnsafe() * 0x1_0000_0000
    bytes[i] = word >>> 24
    bytes[i + 1] = word >>> 16
    bytes[i + 2] = word >>> 8
    bytes[i + 3] = word >>> 0
  }
  return toHex(bytes, 0, size)
}
