/**
 * Turns any text into a file name that is readable, valid on every file system and unique to the text. `user:1` becomes
 * `user=1~…`, and `~Weather@MCzotVDh:6:Berlin` becomes `Weather@MCzotVDh=6=Berlin~…`. Letters, digits and `- _ . ,`
 * stay, `:` becomes `=`, a space becomes `+`, and any other character becomes `%` and its UTF-16 code. The last `~` is
 * followed by the beginning of the text's SHA-256. This hash distinguishes names that were cut or that a file system
 * treats as equal (`A` and `a`, two forms of `é`), and shows that the file belongs to this store.
 */
import { hash } from "node:crypto"

const unsafe = /[^A-Za-z0-9\-_.,\p{L}\p{N}]/u

/** Names to avoid: Windows device names (with any extension), hidden files, and names that look like options. */
const reserved = /^(?:[.-]|(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³])(?=\.))/i

/** The maximum size of a name's readable part in bytes. A whole name has at most 143, which all file systems accept. */
const readableSize = 110

const escapeUnit = (unit: number): string =>
  unit < 0x80 ? `%${unit.toString(16).padStart(2, "0")}` : `%u${unit.toString(16).padStart(4, "0")}`

const escapeUnits = (char: string): string => {
  let text = ""
  for (let i = 0; i < char.length; i++) text += escapeUnit(char.charCodeAt(i))
  return text
}

const escapeChar = (char: string): string => {
  if (char === ":") return "="
  if (char === " ") return "+"
  return unsafe.test(char) ? escapeUnits(char) : char
}

/** Escapes a text for a file name, and cuts it before the first character that does not fit. */
const escape = (text: string, room: number): string => {
  let escaped = ""
  for (const char of text) {
    const piece = escapeChar(char)
    room -= Buffer.byteLength(piece)
    if (room < 0) break
    escaped += piece
  }
  return escaped.replace(reserved, (start) => escapeUnit(start.charCodeAt(0)) + start.slice(1))
}

const unescape = (text: string): string =>
  text.replace(/%u([0-9a-f]{4})|%([0-9a-f]{2})|[=+]/g, (found, unit?: string, byte?: string) => {
    if (found === "=") return ":"
    if (found === "+") return " "
    return String.fromCharCode(parseInt((unit ?? byte)!, 16))
  })

const digest = (text: string): string => hash("sha256", Buffer.from(text, "utf16le"), "hex").slice(0, 12)

/** Matches ids of key classes. Their file names omit the first `~` and keep the first `@`. Other `@`s are escaped. */
const ofClass = /^~([^~@]+)@(.*)$/s

const readable = (text: string): string => {
  const parts = ofClass.exec(text)
  if (parts === null) return escape(text, readableSize)
  const name = escape(parts[1]!, readableSize - 1)
  return `${name}@${escape(parts[2]!, readableSize - 1 - Buffer.byteLength(name))}`
}

export const stemOf = (text: string): string => `${readable(text)}~${digest(text)}`

/** Restores the text from a file name. Returns `undefined` if the name was cut or belongs to another program. */
export const textOf = (stem: string): string | undefined => {
  const at = stem.lastIndexOf("~")
  const [first, ...rest] = stem.slice(0, at).split("@").map(unescape)
  const text = rest.length === 0 ? first! : `~${first!}@${rest.join("@")}`
  return digest(text) === stem.slice(at + 1) ? text : undefined
}

const metadataExtension = ".meta.json"
const ours = /^(.*~[0-9a-f]{12})(\.meta\.json|(?:\.\w+)+)$/s

export const metadataOf = (stem: string): string => stem + metadataExtension

/** Parses a file name. Returns `undefined` if the file belongs to another program. */
export const parse = (name: string): { readonly stem: string; readonly isMetadata: boolean } | undefined => {
  const parts = ours.exec(name)
  return parts === null ? undefined : { stem: parts[1]!, isMetadata: parts[2] === metadataExtension }
}

export const isPayloadOf = (stem: string, file: string): boolean =>
  file.startsWith(stem) && /^(?:\.\w+)+$/.test(file.slice(stem.length))
