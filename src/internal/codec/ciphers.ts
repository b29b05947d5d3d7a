/**
 * Authenticated ciphers by `node:crypto`, which works in pieces, and synchronously on small values: otherwise each hit
 * of a store would need a fiber. Where there is no Node.js, AES-256-GCM is by `crypto.subtle`, and XChaCha20-Poly1305
 * by Effect.
 */
import { xchacha20Poly1305 } from "effect/crypto/Aead"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { concat } from "./bytes.ts"
import { inPieces } from "./pieces.ts"
import { builtin, type Crypto, type Secret } from "./platform.ts"

/** The bytes did not come from this key, this nonce and these associated data. No cipher says more. */
class Refused {
  readonly _tag = "Refused"
}

/** A cipher with its key. Encrypted bytes end with a tag of 16 bytes. */
export interface Cipher {
  /** Encrypts, and puts the result after a prefix. */
  readonly encrypt: (sealed: Sealed, prefix: Uint8Array) => Effect.Effect<Uint8Array>
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

interface Native {
  readonly name: string
  readonly secret: Secret
  readonly nonce: Uint8Array
}

/** A cipher of `node:crypto`, with the key and the nonce that it uses for a nonce of ours. */
const byNode = (crypto: Crypto, nativeOf: (nonce: Uint8Array) => Native): Cipher => ({
  encrypt: ({ associated, bytes, nonce }, prefix) =>
    inPieces(bytes, () => {
      const { name, nonce: own, secret } = nativeOf(nonce)
      const cipher = crypto.createCipheriv(name, secret, own, { authTagLength: tagSize })
      cipher.setAAD(associated)
      const begin = prefix.length
      const sealed = new Uint8Array(begin + bytes.length + tagSize)
      sealed.set(prefix)
      return {
        use: (piece, at) => sealed.set(cipher.update(piece), begin + at),
        end() {
          cipher.final()
          sealed.set(cipher.getAuthTag(), begin + bytes.length)
          return Exit.succeed(sealed)
        }
      }
    }),
  decrypt({ associated, bytes, nonce }) {
    const size = bytes.length - tagSize
    return inPieces(bytes.subarray(0, size), () => {
      const { name, nonce: own, secret } = nativeOf(nonce)
      const decipher = crypto.createDecipheriv(name, secret, own, { authTagLength: tagSize })
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
})

type Bytes = Uint8Array<ArrayBuffer>

const byWeb = (key: Uint8Array): Cipher => {
  let imported: Promise<CryptoKey> | undefined
  const run = async (method: "encrypt" | "decrypt", { associated, bytes, nonce }: Sealed) => {
    imported ??= crypto.subtle.importKey("raw", key as Bytes, "AES-GCM", false, ["encrypt", "decrypt"])
    const params = { name: "AES-GCM", iv: nonce as Bytes, additionalData: associated as Bytes, tagLength: 8 * tagSize }
    return new Uint8Array(await crypto.subtle[method](params, await imported, bytes as Bytes))
  }
  return {
    encrypt: (sealed, prefix) => Effect.promise(async () => concat([prefix, await run("encrypt", sealed)])),
    decrypt: (sealed) => Effect.tryPromise({ try: () => run("decrypt", sealed), catch: () => new Refused() })
  }
}

const aes: Algorithm = {
  nonceSize: 12,
  cipherOf(key) {
    const crypto = builtin("node:crypto")
    if (crypto === undefined) return byWeb(key)
    const secret = crypto.createSecretKey(key)
    return byNode(crypto, (nonce) => ({ name: "aes-256-gcm", secret, nonce }))
  }
}

const [stream, aead] = ["chacha20", "chacha20-poly1305"]

/** The first words of ChaCha20's state: "expand 32-byte k". */
const constants = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574]

/**
 * Derives the key of one value by HChaCha20 (draft-irtf-cfrg-xchacha, section 2.2): the words 0 to 3 and 12 to 15 of
 * ChaCha20's state after its rounds. A block of the key stream is the sum of that state and of the state before, whose
 * words are the constants, the key and the nonce.
 */
const subkeyOf = (crypto: Crypto, secret: Secret, nonce: Uint8Array): Uint8Array => {
  const block = crypto.createCipheriv(stream, secret, nonce.subarray(0, 16)).update(new Uint8Array(64))
  const after = new DataView(block.buffer, block.byteOffset, block.length)
  const before = new DataView(nonce.buffer, nonce.byteOffset, nonce.length)
  const subkey = new DataView(new ArrayBuffer(32))
  for (let i = 0; i < 4; i++) {
    subkey.setUint32(4 * i, after.getUint32(4 * i, true) - constants[i]!, true)
    subkey.setUint32(16 + 4 * i, after.getUint32(48 + 4 * i, true) - before.getUint32(4 * i, true), true)
  }
  return new Uint8Array(subkey.buffer)
}

const byEffect = (key: Uint8Array): Cipher => {
  const { decrypt, encrypt } = xchacha20Poly1305.implementation!
  return {
    encrypt: ({ associated, bytes, nonce }, prefix) =>
      Exit.succeed(concat([prefix, encrypt(key, nonce, bytes, associated)])),
    decrypt({ associated, bytes, nonce }) {
      const opened = decrypt(key, nonce, bytes, associated)
      return opened === undefined ? refused : Exit.succeed(opened)
    }
  }
}

const xchacha: Algorithm = {
  nonceSize: xchacha20Poly1305.nonceLength,
  cipherOf(key) {
    const crypto = builtin("node:crypto")
    const known = crypto?.getCiphers() ?? []
    if (crypto === undefined || !known.includes(stream) || !known.includes(aead)) return byEffect(key)
    const secret = crypto.createSecretKey(key)
    return byNode(crypto, (nonce) => {
      const own = new Uint8Array(12)
      own.set(nonce.subarray(16), 4)
      return { name: aead, secret: crypto.createSecretKey(subkeyOf(crypto, secret, nonce)), nonce: own }
    })
  }
}

/** The algorithms by the form that stands in a payload. */
export const algorithms: { readonly [form: number]: Algorithm } = { 1: aes, 2: xchacha }

export const forms = { "AES-256-GCM": 1, "XChaCha20-Poly1305": 2 }

/** Draws a nonce, which must never repeat under one key. A program's seeded `Random` would repeat it. */
export const newNonce = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size))
