/** Bytes as hexadecimal digits and base64url, and texts as UTF-16 bytes. */

const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

/** Bytes as lower-case hexadecimal digits. */
export const toHex = (bytes: Uint8Array, start: number, end: number): string => {
  let text = ""
  for (let i = start; i < end; i++) text += digits[bytes[i]!]!
  return text
}

/** Writes hexadecimal digits as bytes. */
export const writeHex = (text: string, target: Uint8Array, at: number): void => {
  for (let i = 0; i < text.length; i += 2) target[at + i / 2] = parseInt(text.slice(i, i + 2), 16)
}

/** Bytes as base64url without padding (RFC 4648). */
export const toBase64Url = (bytes: Uint8Array): string => {
  let text = ""
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]!)
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")
}

const loneSurrogate = /\p{Surrogate}/u

/** Whether the text has a UTF-8 form: a lone surrogate has none, and would become U+FFFD. */
export const isWellFormed = (text: string): boolean => !loneSurrogate.test(text)

/** The UTF-16 units of a text, big-endian. */
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
