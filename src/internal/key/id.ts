/** How texts become ids: what begins with `~` is ours, and what is long or has no UTF-8 is hashed. */
import { sha256 } from "@noble/hashes/sha2.js"
import * as Base64Url from "effect/encoding/Base64Url"

const maxBytes = 200

/** SHA-256 over UTF-16 units, in which every JavaScript string has exactly one form (lone surrogates have no UTF-8). */
const digest = (text: string): string => {
  const bytes = new Uint8Array(text.length * 2)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    bytes[2 * i] = unit & 0xff
    bytes[2 * i + 1] = unit >>> 8
  }
  return Base64Url.encode(sha256(bytes))
}

/** A short version string made from the digest: 48 bits, against accidents among the versions of one name. */
export const shortDigest = (text: string): string => digest(text).slice(0, 8)

/**
 * `prefix + rest` where that is at most 200 bytes of UTF-8, `prefix` and a hash of `rest` otherwise. A hash begins
 * with `#`: with a prefix of ours no `rest` may, or a hashed and a readable id could be the same.
 */
export const limit = (prefix: string, rest: string): string => {
  const text = prefix + rest
  return fits(text) ? text : `${prefix}#${digest(rest)}`
}

/** A string key is its own id, with one more `~` before it if it begins with one: ids of classes never meet it. */
export const idOfString = (key: string): string => {
  const id = key.charCodeAt(0) === tilde ? `~${key}` : key
  return fits(id) ? id : `~#${digest(key)}`
}

const tilde = 0x7e

// One unit of UTF-16 is one to three bytes of UTF-8, a pair of surrogates four: up to 66 units need no counting.
const fits = (text: string): boolean =>
  text.length <= 66
    ? isWellFormed(text)
    : text.length <= maxBytes && isWellFormed(text) && byteLength(text) <= maxBytes

// ES2024, which the compiler's library does not know yet.
const isWellFormed = (text: string): boolean => (text as unknown as { isWellFormed(): boolean }).isWellFormed()

/** The length in UTF-8. */
export const byteLength = (text: string): number => {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1
  }
  return bytes
}
