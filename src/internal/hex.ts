const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"))

/** Bytes as lower-case hexadecimal digits. */
export const toHex = (bytes: Uint8Array, start: number, end: number): string => {
  let text = ""
  for (let i = start; i < end; i++) text += digits[bytes[i]!]!
  return text
}

/** Writes the bytes that hexadecimal digits stand for. */
export const writeHex = (text: string, target: Uint8Array, at: number): void => {
  for (let i = 0; i < text.length; i += 2) target[at + i / 2] = parseInt(text.slice(i, i + 2), 16)
}
