/** Makes ids from strings. The library's own ids begin with `~`. Hashes strings that are long or have no UTF-8 form. */
import { _SHA256 as Sha256 } from "@noble/hashes/sha2.js"
import { isWellFormed, toBase64Url } from "../codec/bytes.ts"
import { longTexts } from "../defaults/bounds.ts"
import { isListOfText, mistake } from "../options/options.ts"

const maxBytes = 200

/** Digests of recent long strings, kept because hashing a string takes a hundred times as long as comparing it. */
export const remembered = new Map<string, string>()
let rememberedUnits = 0

const digest = (text: string): string => {
  const known = remembered.get(text)
  if (known !== undefined) return known
  const fresh = hash(text)
  remember(text, fresh)
  return fresh
}

const remember = (text: string, digest: string): void => {
  if (text.length > longTexts.units) return
  // Stores a copy, because a substring would keep the whole larger string in memory.
  remembered.set(` ${text}`.slice(1), digest)
  rememberedUnits += text.length
  for (const oldest of remembered.keys()) {
    if (remembered.size <= longTexts.count && rememberedUnits <= longTexts.units) return
    remembered.delete(oldest)
    rememberedUnits -= oldest.length
  }
}

/** Computes SHA-256 over the UTF-16 code units, because a string with a lone surrogate has no UTF-8 form. */
export const hash = (text: string): string => {
  const bytes = new Uint8Array(text.length * 2)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    bytes[2 * i] = unit & 0xff
    bytes[2 * i + 1] = unit >>> 8
  }
  return toBase64Url(new Sha256().update(bytes).digest())
}

/** The first 48 bits of the digest, enough to distinguish the versions of one key class. */
export const shortDigest = (text: string): string => digest(text).slice(0, 8)

/** Returns an id of at most 200 UTF-8 bytes, hashing `rest` if necessary. Only a hash may begin with `#`. */
export const limit = (prefix: string, rest: string): string => {
  const text = prefix + rest
  return fits(text) ? text : `${prefix}#${digest(rest)}`
}

/** A string key is its own id. A key that begins with `~` gets another `~`, so it never equals a class key's id. */
export const idOfString = (key: string): string => {
  const id = key.charCodeAt(0) === tilde ? `~${key}` : key
  return fits(id) ? id : `~#${digest(key)}`
}

/** Checks and escapes the result of a tags function. `of` says whose it is. */
export const escapeGiven = (tags: unknown, of = ""): ReadonlyArray<string> => {
  if (!isListOfText(tags)) throw mistake(`A tags function${of} must return a list of strings`)
  return tags.map(idOfString)
}

const tilde = 0x7e

/** The string key with this id, or `undefined` if the id belongs to a class key or is a hash. */
export const stringOfId = (id: string): string | undefined =>
  id.charCodeAt(0) !== tilde ? id : id.charCodeAt(1) === tilde ? id.slice(1) : undefined

// A UTF-16 code unit takes at most three bytes of UTF-8 (a surrogate pair takes four), so up to 66 units always fit.
const fits = (text: string): boolean =>
  text.length <= 66
    ? isWellFormed(text)
    : text.length <= maxBytes && isWellFormed(text) && byteLength(text) <= maxBytes

export const byteLength = (text: string): number => {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1
  }
  return bytes
}
