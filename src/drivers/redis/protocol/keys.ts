/** Builds key names from a prefix, a kind, the era, and a hash tag, which keeps all keys of one id in one slot. */
import { crc32 } from "node:zlib"
import { idOfTag } from "../../../internal/store/markers/idTags.ts"

/** `v`: an entry, `l`: a lease, `f`: a failure note, `d`: an id's marker, `t`: a tag's marker, `n`: a counter. */
export type KeyKind = "v" | "l" | "f" | "d" | "t" | "n"

export type Named = readonly [kind: KeyKind, text: string]

/** Returns the key of a tag's marker. If the tag stands for an id, the marker is in the same slot as the id's entry. */
export const markerOf = (tag: string): Named => {
  const id = idOfTag(tag)
  return id === undefined ? ["t", tag] : ["d", id]
}

/** Keys of one text: each letter is a kind. */
export type Keyed = readonly [kinds: KeyKind | "vlfd" | "vlf" | "lf", text: string]

const special = /[%:{}*?[\]\\]/g

/** Percent-encodes characters that are special in keys or patterns, so that two prefixes never produce the same key. */
const encodePrefix = (prefix: string): string =>
  prefix.replace(special, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

/** The part of a text that determines its slot: a leading part in braces, as in `{cart:7}:items`, or the whole text. */
const placeOf = (text: string): string => {
  const end = text.startsWith("{") ? text.indexOf("}") : 0
  return end > 1 ? text.slice(1, end) : text
}

/** Returns one of 1,024 hash tags. The text itself is not used, because it may be empty or contain a `}`. */
export const hashOf = (text: string): string => hashTags[crc32(placeOf(text)) & (hashTags.length - 1)]!

const hashSize = 2

const unusual = /[\0\ud800-\udfff]/
const escaped = /\0|[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g

/** Escapes NUL and lone surrogates, which UTF-8 cannot encode. Each escape sequence begins with NUL. */
const escape = (text: string): string =>
  unusual.test(text)
    ? text.replace(escaped, (part) =>
      part.length === 2 ? part : part === "\0" ? "\u00000" : `\0${part.charCodeAt(0).toString(16)}`)
    : text

const unescape = (text: string): string =>
  text.includes("\0")
    ? text.replace(/\0(0|d[89a-f][0-9a-f]{2})/g, (_, code: string) =>
      code === "0" ? "\0" : String.fromCharCode(Number.parseInt(code, 16)))
    : text

export interface Keys {
  readonly prefix: string
  /** The key that holds the current era, which is part of most key names. `clear` starts a new era. */
  readonly era: string
  readonly sequence: string
  /** The key under which processes regularly write the time. Each run of the server (`run_id`) has its own key. */
  readonly timeOf: (run: string) => string
  readonly allLocks: string
  readonly swept: string
  /** The hash tag of the keys that belong to the whole store, such as the era and the sequence of invalidations. */
  readonly controlTag: string
  readonly of: (kind: KeyKind, era: string, text: string) => string
  readonly addTo: (all: Array<string>, era: string, keyed: Keyed) => void
  /** A pattern for the keys of a kind and an era whose texts begin with `prefix`. It may match other keys too. */
  readonly pattern: (kind: KeyKind, era: string, prefix: string) => string
  readonly partsOf: (key: string) => KeyParts | undefined
  readonly lock: (name: string) => string
  readonly lockToken: (name: string) => string
  readonly guard: (kind: string, name: string) => string
  /** The channel of all changes or, on a cluster, of those in the slot of a hash tag. */
  readonly changesOf: (tag: string | undefined) => string
  /** The channel of releases of locks. */
  readonly released: string
  readonly allEras: string
}

interface KeyParts {
  readonly kind: KeyKind
  readonly era: string
  readonly text: string
}

const glob = /[*?[\]\\^-]/g

export const make = (given: string): Keys => {
  const prefix = encodePrefix(given)
  let heads: { readonly era: string } & Partial<Record<KeyKind, string>> = { era: "" }
  const headOf = (kind: KeyKind, era: string) => {
    if (heads.era !== era) heads = { era }
    return heads[kind] ??= `${prefix}:${kind}:${era}:{`
  }
  const parts = new RegExp(`^${prefix.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}:([vlfdtn]):(\\d+):\\{.{${hashSize}}\\}`)
  return {
    prefix,
    era: `${prefix}:e:{${prefix}}`,
    sequence: `${prefix}:s:{${prefix}}`,
    timeOf: (run) => `${prefix}:r:{${prefix}}${run}`,
    allLocks: `${prefix}:k:*`,
    swept: `${prefix}:w:{${prefix}}`,
    controlTag: prefix,
    of: (kind, era, text) => `${headOf(kind, era)}${hashOf(text)}}${escape(text)}`,
    addTo(all, era, [kinds, text]) {
      const rest = `${hashOf(text)}}${escape(text)}`
      for (let i = 0; i < kinds.length; i++) all.push(headOf(kinds[i] as KeyKind, era) + rest)
    },
    pattern: (kind, era, text) =>
      // A lone surrogate at the end of `text` may be half of a character in an id, so the pattern omits such a `text`.
      `${headOf(kind, era)}${"?".repeat(hashSize)}}${unusual.test(text) ? "" : text.replace(glob, "\\$&")}*`,
    partsOf(key) {
      const found = parts.exec(key)
      if (found === null) return undefined
      const [head, kind, era] = found as unknown as readonly [string, KeyKind, string]
      return { kind, era, text: unescape(key.slice(head.length)) }
    },
    lock: (name) => `${prefix}:k:{${hashOf(name)}}${escape(name)}`,
    lockToken: (name) => `${prefix}:i:{${hashOf(name)}}${escape(name)}`,
    guard: (kind, name) => `${prefix}:g:${kind}:{${hashOf(name)}}${escape(name)}`,
    changesOf: (tag) => tag === undefined ? `${prefix}:m` : `${prefix}:m:{${tag}}`,
    released: `${prefix}:k`,
    allEras: `${prefix}:[vlfdtn]:*`
  }
}

export const slotCount = 16_384

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let sum = byte << 8
  for (let bit = 0; bit < 8; bit++) sum = (sum & 0x8000) === 0 ? sum << 1 : (sum << 1) ^ 0x1021
  return sum & 0xffff
})

const sumOf = (bytes: Uint8Array): number => {
  let sum = 0
  for (const byte of bytes) sum = (sum << 8 & 0xffff) ^ table[(sum >>> 8) ^ byte]!
  return sum
}

export const slotOf = (tag: string): number => sumOf(Buffer.from(tag)) % slotCount

const letters = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

/** One hash tag for each 16 slots, so that the masters of a cluster have equal shares of them. */
export const hashTags: ReadonlyArray<string> = Array.from(
  new Map(letters.flatMap((a) => letters.map((b) => [slotOf(a + b) >> 4, a + b] as const))).entries()
).toSorted(([a], [b]) => a - b).map(([, tag]) => tag)

export const slotOfKey = ([, text]: Named): number => slotOf(hashOf(text))
