/** Converts bytes to hexadecimal or base64url text, and strings to UTF-16 bytes and back. */

const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

export const toHex = (bytes: Uint8Array, start: number, end: number): string => {
  let text = ""
  let i = start
  // Appends four bytes at a time, because V8 keeps a string that grows in many small steps as a long rope of parts.
  for (; i + 4 <= end; i += 4) {
    text += digits[bytes[i]!]! + digits[bytes[i + 1]!]! + digits[bytes[i + 2]!]! + digits[bytes[i + 3]!]!
  }
  for (; i < end; i++) text += digits[bytes[i]!]!
  return text
}

const digitCodes = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0))
const room = new Uint8Array(32)
const decoder = new TextDecoder()

/** Like `toHex`, for sixteen bytes. Returns a flat string instead of a rope of concatenated parts. */
export const sixteenToHex = (bytes: Uint8Array, start: number): string => {
  for (let i = 0; i < 16; i++) {
    const byte = bytes[start + i]!
    room[2 * i] = digitCodes[byte >>> 4]!
    room[2 * i + 1] = digitCodes[byte & 15]!
  }
  return decoder.decode(room)
}

export const writeHex = (text: string, target: Uint8Array, at: number): void => {
  for (let i = 0; i < text.length; i += 2) {
    target[at + i / 2] = (digitOf(text.charCodeAt(i)) << 4) | digitOf(text.charCodeAt(i + 1))
  }
}

/** The value of a hexadecimal digit. Digits have codes 0x30 to 0x39, letters 0x41 to 0x46 and 0x61 to 0x66. */
const digitOf = (code: number): number => (code & 15) + (code > 0x39 ? 9 : 0)

export const toBase64Url = (bytes: Uint8Array): string => {
  let text = ""
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]!)
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")
}

/** Whether a string can be encoded as UTF-8. An encoder would replace a lone surrogate with U+FFFD. */
// `isWellFormed` is an ES2024 method, which TypeScript's configured library does not declare yet.
export const isWellFormed = (text: string): boolean => (text as unknown as { isWellFormed(): boolean }).isWellFormed()

export const toUtf16 = (text: string): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(text.length * 2)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    bytes[2 * i] = unit >>> 8
    bytes[2 * i + 1] = unit & 255
  }
  return bytes
}

export const fromUtf16 = (bytes: Uint8Array): string => {
  let text = ""
  for (let i = 0; i + 1 < bytes.length; i += 2) text += String.fromCharCode((bytes[i]! << 8) | bytes[i + 1]!)
  return text
}

export const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  let size = 0
  for (const { length } of parts) size += length
  const joined = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
