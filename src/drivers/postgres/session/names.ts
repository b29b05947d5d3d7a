/** How texts become the bytes that name rows: ids, tags and names are data, never a part of a statement. */
import { createHash } from "node:crypto"
import { fromUtf16, isWellFormed, toUtf16 } from "../../../internal/codec/bytes.ts"

/** A name longer than this is cut and completed by its hash, because an index refuses long keys. */
export const longest = 900

/** Begins a text that UTF-8 cannot encode. No UTF-8 begins with this byte, so two texts never have the same bytes. */
const unencodable = 0xff

const empty = new Uint8Array(0)

export interface Named {
  readonly key: Uint8Array
  /** The whole name if the key is shortened, otherwise empty. */
  readonly whole: Uint8Array
}

const toBytes = (text: string): Uint8Array =>
  isWellFormed(text) ? Buffer.from(text, "utf8") : Buffer.concat([Uint8Array.of(unencodable), toUtf16(text)])

const isText = (value: unknown): value is Uint8Array => value instanceof Uint8Array

export const fromBytes = (bytes: unknown): string => {
  if (!isText(bytes)) return ""
  return bytes[0] === unencodable
    ? fromUtf16(bytes.subarray(1))
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")
}

export const named = (text: string): Named => {
  const whole = toBytes(text)
  if (whole.length <= longest) return { key: whole, whole: empty }
  return { key: Buffer.concat([whole.subarray(0, longest), createHash("sha256").update(whole).digest()]), whole }
}

export const keyOf = (text: string): Uint8Array => named(text).key

export const nameOf = (key: unknown, whole: unknown): string =>
  fromBytes(isText(whole) && whole.length > 0 ? whole : key)

/** The bytes from which, and up to which, keys of names with this prefix lie. `undefined`: up to the end. */
export const rangeOf = (prefix: string): { readonly from: Uint8Array; readonly to: Uint8Array } => {
  const end = Uint8Array.of(unencodable)
  // The end of an incomplete text may be half of a character, so it selects nothing.
  const from = isWellFormed(prefix) ? toBytes(prefix).subarray(0, longest) : empty
  const last = from.findLastIndex((byte) => byte < 0xff)
  if (last < 0) return { from, to: end }
  const to = Uint8Array.from(from.subarray(0, last + 1))
  to[last]!++
  return { from, to }
}

export const compare = (a: Named, b: Named): number => Buffer.compare(a.key, b.key)
