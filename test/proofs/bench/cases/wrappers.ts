/**
 * A list of a hundred records, written and read through JSON with a wrapper, beside JSON and the function of Node.js
 * that the wrapper calls.
 */
import { Effect, Redacted } from "effect"
import type { Serializer } from "effect-cached/adapters"
import * as Compressed from "effect-cached/serializers/Compressed"
import * as Encrypted from "effect-cached/serializers/Encrypted"
import { Json } from "effect-cached/serializers/Json"
import * as Signed from "effect-cached/serializers/Signed"
import { xchacha20Poly1305 } from "effect/crypto/Aead"
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, randomBytes } from "node:crypto"
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompressSync
} from "node:zlib"
import { entry } from "../../../support/stored.ts"
import { inTurn, measure, type Subjects, took } from "../measure.ts"
import { user } from "../record.ts"

const value = Array.from({ length: 100 }, (_, i) => user(`user:${i}`))

const secret = randomBytes(32)
const key = createSecretKey(secret)
const keys = { keys: { a: Redacted.make(Uint8Array.from(secret)) }, current: "a" }

const json = Json.make<unknown, never>(undefined)
const encoded = (): Uint8Array => Effect.runSync(json.encode(value, "id"))
const decoded = (bytes: Uint8Array): unknown => Effect.runSync(json.decode(bytes, "id"))

const sign = (bytes: Uint8Array) => createHmac("sha256", key).update(bytes).digest()

const encrypt = () => {
  const nonce = randomBytes(12)
  const cipher = createCipheriv("aes-256-gcm", key, nonce)
  const bytes = Buffer.concat([cipher.update(encoded()), cipher.final()])
  return { nonce, bytes, tag: cipher.getAuthTag() }
}

const decrypt = ({ bytes, nonce, tag }: ReturnType<typeof encrypt>) => {
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 }).setAuthTag(tag)
  return decoded(Buffer.concat([decipher.update(bytes), decipher.final()]))
}

const { meta } = entry(0)

const wrapped = (serializer: Serializer.Serializer) => {
  const codec = serializer.make<unknown, never>(undefined)
  return () => Effect.runSync(codec.decode(Effect.runSync(codec.encode(value, "id", meta)), "id", meta))
}

const none = new Uint8Array()

const subjects: Subjects<() => unknown> = {
  "JSON and gzip": () => decoded(gunzipSync(gzipSync(encoded()))),
  "Compressed, gzip": wrapped(Compressed.make(Json, { algorithm: "gzip" })),
  "JSON and zstd": () => decoded(zstdDecompressSync(zstdCompressSync(encoded()))),
  "Compressed, zstd": wrapped(Compressed.make(Json, { algorithm: "zstd" })),
  "JSON and brotli": () =>
    decoded(brotliDecompressSync(brotliCompressSync(encoded(), { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }))),
  "Compressed, brotli": wrapped(Compressed.make(Json, { algorithm: "brotli" })),
  "JSON and HMAC": () => {
    const bytes = encoded()
    return [sign(bytes), sign(bytes), decoded(bytes)]
  },
  "Signed": wrapped(Signed.make(Json, keys)),
  "JSON and AES-256-GCM": () => decrypt(encrypt()),
  "Encrypted": wrapped(Encrypted.make(Json, keys)),
  "JSON and Effect's XChaCha20-Poly1305": () => {
    const { decrypt, encrypt } = xchacha20Poly1305.implementation!
    const nonce = randomBytes(xchacha20Poly1305.nonceLength)
    return decoded(decrypt(secret, nonce, encrypt(secret, nonce, encoded(), none), none)!)
  },
  "Encrypted, XChaCha20-Poly1305": wrapped(Encrypted.make(Json, { ...keys, algorithm: "XChaCha20-Poly1305" }))
}

const calls = 50

await measure(inTurn(subjects, { warmup: 10, rounds: 40 }, (run) =>
  took(
    Effect.sync(() => {
      for (let i = 0; i < calls; i++) run()
    }),
    calls
  )))
