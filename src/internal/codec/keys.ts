/** The secret keys of serializers that sign or encrypt. */
import * as Redacted from "effect/Redacted"
import { mistake, refuseUnless, requireObject } from "../options/options.ts"

/** The options of serializers that sign or encrypt. */
export interface Protection {
  /** The secrets by their ids: at least 32 bytes to sign, exactly 32 to encrypt. All of them read. */
  readonly keys: { readonly [keyId: string]: Redacted.Redacted<string> | Redacted.Redacted<Uint8Array> }
  /** The id of the key that writes. It is stored with each value. */
  readonly current: string
  /**
   * Whether entries that the inner serializer wrote without this wrapper are read too, with one warning. Set it while
   * a program migrates: any program that can write to the store can plant such entries. @default `false`
   */
  readonly acceptPlain?: boolean | undefined
  /**
   * Whether a stored entry may get a longer lifetime than it was written with, as reads of `sliding` and `Cached.touch`
   * give it. The deadlines are then not protected. @default `false`
   */
  readonly prolongable?: boolean | undefined
}

export interface KeyRing<Key> {
  readonly current: Key
  readonly keyOf: (keyId: Uint8Array) => Key | undefined
}

const encoder = new TextEncoder()

/** Key ids are compared as bytes, one character for each, because a payload may contain any bytes in their place. */
const textOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

/** Makes a key from each secret. `make` returns `undefined` for a secret that is not as `fits` describes. */
export const keyRing = <Key>(
  what: string,
  { acceptPlain, current, keys, prolongable }: Protection,
  fits: string,
  make: (secret: string | Uint8Array, keyId: Uint8Array) => Key | undefined
): KeyRing<Key> => {
  requireObject(`keys of ${what}`, keys, "{ [keyId]: Redacted.make(secret) }")
  for (const [name, given] of Object.entries({ acceptPlain, prolongable })) {
    refuseUnless(given === undefined || typeof given === "boolean", `${name} of ${what} must be true or false`)
  }
  const ids = Object.keys(keys)
  const example = `{ keys: { a: Redacted.make(secret) }, current: "a" }`
  if (ids.length === 0) throw mistake(`${what} needs at least one key: pass ${example}`)
  if (typeof current !== "string" || !ids.includes(current)) {
    throw mistake(`current of ${what} must be the id of one of its keys: ${ids.map((id) => `"${id}"`).join(", ")}`)
  }
  const ring = new Map(ids.map((id): readonly [string, Key] => {
    const keyId = encoder.encode(id)
    if (keyId.length === 0 || keyId.length > 255) {
      throw mistake(`the id of a key of ${what} must have 1 to 255 bytes, not ${keyId.length}`)
    }
    const key = make(secretIn(what, keys, id), keyId)
    if (key === undefined) throw mistake(`the secret of the key "${id}" of ${what} does not fit: it must be ${fits}`)
    return [textOf(keyId), key]
  }))
  // UTF-8 has one form for all lone surrogates.
  refuseUnless(ring.size === ids.length, `${what} has two keys of one id in UTF-8: give them other ids`)
  return { current: ring.get(textOf(encoder.encode(current)))!, keyOf: (keyId) => ring.get(textOf(keyId)) }
}

const secretIn = (what: string, keys: Protection["keys"], id: string): string | Uint8Array => {
  const secret = keys[id]
  if (!Redacted.isRedacted(secret)) {
    throw mistake(`the secret of the key "${id}" of ${what} must be Redacted: pass Redacted.make(secret)`)
  }
  try {
    const value: unknown = Redacted.value<unknown>(secret)
    if (typeof value === "string" || value instanceof Uint8Array) return value
  } catch {
    throw mistake(`the secret of the key "${id}" of ${what} was wiped`)
  }
  throw mistake(`the secret of the key "${id}" of ${what} must be text or bytes`)
}

/** Copies the bytes of a secret for a signature: any bytes, or the UTF-8 bytes of any text, at least 32 of them. */
export const anyBytes = (secret: string | Uint8Array): Uint8Array | undefined => {
  const bytes = typeof secret === "string" ? encoder.encode(secret) : Uint8Array.from(secret)
  return bytes.length < 32 ? undefined : bytes
}

const hex = /^[0-9a-f]{64}$/i
const base64 = /^[A-Za-z0-9+/_-]{43}=?$/

/** Copies the 32 bytes of a secret for a cipher. A text must be their base64, base64url or hexadecimal form. */
export const exactBytes = (secret: string | Uint8Array): Uint8Array | undefined => {
  if (typeof secret !== "string") return secret.length === 32 ? Uint8Array.from(secret) : undefined
  const text = secret.trim()
  if (hex.test(text)) return Uint8Array.from({ length: 32 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16))
  if (!base64.test(text)) return undefined
  const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/").replace("=", ""))
  return Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))
}
