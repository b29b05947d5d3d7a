/**
 * Reads the heads of MessagePack. A decoder allocates an array as soon as it has read the length that the array claims,
 * so a hundred damaged bytes can claim more memory than there is.
 */

/** The sizes of what follows the heads from 0xca to 0xd8: numbers, and extensions of a fixed size with their type. */
const fixed = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17]

/** Whether the bytes from `at` on are one value of MessagePack whose arrays and maps have room for all their items. */
export const isWhole = (bytes: Uint8Array, at: number): boolean => {
  const end = bytes.length
  const number = (width: number): number => {
    let number = 0
    for (const last = at + width; at < last; at++) number = number * 256 + (bytes[at] ?? 0)
    return number
  }
  // The length is read before `at` moves past the content.
  const skip = (width: number, type = 0): void => {
    const length = number(width)
    at += type + length
  }
  let missing = 1
  while (missing > 0) {
    // Each item has at least one byte.
    if (missing > end - at) return false
    missing--
    const head = bytes[at++]!
    if (head < 0x80 || head >= 0xe0) continue
    if (head < 0x90) missing += 2 * (head & 15)
    else if (head < 0xa0) missing += head & 15
    else if (head < 0xc0) at += head & 31
    // Nil, false and true have no content, and neither has 0xc1, which the decoder refuses.
    else if (head < 0xc4) continue
    else if (head < 0xc7) skip(2 ** (head - 0xc4))
    else if (head < 0xca) skip(2 ** (head - 0xc7), 1)
    else if (head < 0xd9) at += fixed[head - 0xca]!
    else if (head < 0xdc) skip(2 ** (head - 0xd9))
    else if (head < 0xde) missing += number(head === 0xdc ? 2 : 4)
    else missing += 2 * number(head === 0xde ? 2 : 4)
  }
  return at === end
}
