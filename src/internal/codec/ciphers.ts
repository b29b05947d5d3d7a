/**
 * Authenticated ciphers: AES-256-GCM by `node:crypto`, or by `crypto.subtle` where there is no Node.js, and
 * XChaCha20-Poly1305 by Effect. `node:crypto` is preferred because it is synchronous: otherwise each hit of a store
 * would need a fiber.
 */
import { xchacha20Poly1305 } from "effect/crypto/Aead"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { inPieces } from "./pieces.ts"
import { builtin, type Crypto } from "./platform.ts"

/** The bytes did not come from this key, this nonce and these associated data. No cipher says more. */
class Refused {
  readonly _tag = "Refused"
}

/** A cipher with its key. Encrypted bytes end with a tag of 16 bytes. */
export interface Cipher {
  readonly encrypt: (sealed: Sealed) => Effect.Effect<Uint8Array>
  readonly decrypt: (sealed: Sealed) => Effect.Effect<Uint8Array, Refused>
}

interface Sealed {
  readonly nonce: Uint8Array
  readonly associated: Uint8Array
  readonly bytes: Uint8Array
}

interface Algorithm {
  readonly nonceSize: number
  readonly cipherOf: (key: Uint8Array) => Cipher
}

export const tagSize = 16

const refused = Exit.fail(new Refused())

const gcm = "aes-256-gcm"

const byNode = (crypto: Crypto, key: Uint8Array): Cipher => {
  const secret = crypto.createSecretKey(key)
  return {
    encrypt: ({ associated, bytes, nonce }) =>
      inPieces(bytes, () => {
        const cipher = crypto.createCipheriv(gcm, secret, nonce)
        cipher.setAAD(associated)
        const sealed = new Uint8Array(bytes.length + tagSize)
        return {
          use: (piece, at) => sealed.set(cipher.update(piece), at),
          end() {
            cipher.final()
            sealed.set(cipher.getAuthTag(), bytes.length)
            return Exit.succeed(sealed)
          }
        }
      }),
    decrypt({ associated, bytes, nonce }) {
      const size = bytes.length - tagSize
      return inPieces(bytes.subarray(0, size), () => {
        const decipher = crypto.createDecipheriv(gcm, secret, nonce, { authTagLength: tagSize })
        decipher.setAAD(associated)
        decipher.setAuthTag(bytes.subarray(size))
        const opened = new Uint8Array(size)
        return {
          use: (piece, at) => opened.set(decipher.update(piece), at),
          end() {
            try {
              decipher.final()
              return Exit.succeed(opened)
            } catch {
              return refused
            }
          }
        }
      })
    }
  }
}

type Bytes = Uint8Array<ArrayBuffer>

const byWeb = (key: Uint8Array): Cipher => {
  let imported: Promise<CryptoKey> | undefined
  const run = async (method: "encrypt" | "decrypt", { associated, bytes, nonce }: Sealed) => {
    imported ??= crypto.subtle.importKey("raw", key as Bytes, "AES-GCM", false, ["encrypt", "decrypt"])
    const params = { name: "AES-GCM", iv: nonce as Bytes, additionalData: associated as Bytes, tagLength: 8 * tagSize }
    return new Uint8Array(await crypto.subtle[method](params, await imported, bytes as Bytes))
  }
  return {
    encrypt: (sealed) => Effect.promise(() => run("encrypt", sealed)),
    decrypt: (sealed) => Effect.tryPromise({ try: () => run("decrypt", sealed), catch: () => new Refused() })
  }
}

const aes: Algorithm = {
  nonceSize: 12,
  cipherOf(key) {
    const crypto = builtin("node:crypto")
    return crypto === undefined ? byWeb(key) : byNode(crypto, key)
  }
}

const xchacha: Algorithm = {
  nonceSize: xchacha20Poly1305.nonceLength,
  cipherOf(key) {
    const { decrypt, encrypt } = xchacha20Poly1305.implementation!
    return {
      encrypt: ({ associated, bytes, nonce }) => Exit.succeed(encrypt(key, nonce, bytes, associated)),
      decrypt({ associated, bytes, nonce }) {
        const opened = decrypt(key, nonce, bytes, associated)
        return opened === undefined ? refused : Exit.succeed(opened)
      }
    }
  }
}

/** The algorithms by the form that stands in a payload. */
export const algorithms: { readonly [form: number]: Algorithm } = { 1: aes, 2: xchacha }

export const forms = { "AES-256-GCM": 1, "XChaCha20-Poly1305": 2 }

/** Draws a nonce, which must never repeat under one key. A program's seeded `Random` would repeat it. */
export const newNonce = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size))
