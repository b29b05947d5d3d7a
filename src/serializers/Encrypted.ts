/**
 * Encrypts what another serializer writes.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { concat } from "../internal/codec/bytes.ts"
import * as Ciphers from "../internal/codec/ciphers.ts"
import * as Envelope from "../internal/codec/envelope.ts"
import { exactBytes, type KeyRing, keyRing, type Protection } from "../internal/codec/keys.ts"
import { readerIn } from "../internal/codec/readerIn.ts"
import { numbers, requireInner, wrap } from "../internal/codec/wrapper.ts"
import { mistake, refuseUnknown } from "../internal/options/options.ts"
import type { Codec, Serializer } from "../Serializer.ts"

/**
 * The options of `Encrypted.make`.
 * @category options
 * @since 0.1.0
 */
export interface Options extends Protection {
  /**
   * The cipher for new values; both are read. `"AES-256-GCM"` is fast, and a key may encrypt 2³² values.
   * `"XChaCha20-Poly1305"` has no such limit, but is slower. @default `"AES-256-GCM"`
   */
  readonly algorithm?: "AES-256-GCM" | "XChaCha20-Poly1305" | undefined
}

const what = "Encrypted.make"

/**
 * Makes a serializer that encrypts the bytes of another one and authenticates them together with their entry.
 *
 * **When to use**
 *
 * Use if people or programs that can read the store must not read the values.
 *
 * **Details**
 *
 * - Ids, tags, times and sizes are not encrypted. They are authenticated, as by `Signed`: a value that was changed,
 *   copied to another id or given a longer life is a miss. An older entry of the same id that is put back is read.
 * - Each value has a random nonce. With AES-256-GCM, take a new key before one has encrypted 2³² values.
 * - To compress too, compress inside: `Encrypted.make(Compressed.make(Json), …)`. The sizes then reveal how well values
 *   compress.
 * - A schema with `Schema.Redacted` is still refused, because the inner serializer cannot know that it is wrapped.
 *
 * **Example** (Encrypting JSON)
 *
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import * as Encrypted from "effect-cached/serializers/Encrypted"
 * import { Json } from "effect-cached/serializers/Json"
 *
 * const key = Redacted.make(crypto.getRandomValues(new Uint8Array(32)))
 * const codec = Encrypted.make(Json, { keys: { a: key }, current: "a" }).make<unknown, never>(undefined)
 * const bytes = Effect.runSync(codec.encode("a private text", "note"))
 * new TextDecoder().decode(bytes).includes("private") // => false
 * Effect.runSync(codec.decode(bytes, "note")) // => "a private text"
 * ```
 *
 * @see `Signed.make` for values that may be readable
 * @category constructors
 * @since 0.1.0
 */
export const make = (inner: Serializer, options: Options): Serializer => {
  requireInner(what, inner, "encrypted")
  refuseUnknown(what, options, ["keys", "current", "algorithm", "acceptPlain", "prolongable"])
  const { algorithm = "AES-256-GCM" } = options
  if (!Object.hasOwn(Ciphers.forms, algorithm)) {
    throw mistake(
      `${what} knows the algorithms ${Object.keys(Ciphers.forms).map((name) => `"${name}"`).join(" and ")}, not ` +
        JSON.stringify(algorithm)
    )
  }
  const fits = "32 bytes, or their base64 or hexadecimal form, like the output of `openssl rand -base64 32`"
  const ring = keyRing(what, options, fits, (secret, keyId): Key | undefined => {
    const bytes = exactBytes(secret)
    return bytes && { keyId, ciphers: ciphersOf(bytes) }
  })
  const rules = Envelope.rulesOf(options)
  return wrap(inner, {
    kind: "encrypted",
    suffix: "encrypted",
    extension: ".enc",
    contentType: "application/octet-stream"
  }, (codec, name) => codecOver(codec, name, { ...rules, ring, form: Ciphers.forms[algorithm] }))
}

interface Key {
  readonly keyId: Uint8Array
  readonly ciphers: { readonly [form: number]: Ciphers.Cipher }
}

const ciphersOf = (key: Uint8Array): Key["ciphers"] =>
  Object.fromEntries(Object.entries(Ciphers.algorithms).map(([form, { cipherOf }]) => [form, cipherOf(key)]))

interface Settings extends Envelope.Rules {
  readonly ring: KeyRing<Key>
  readonly form: number
}

const codecOver = <A, R>(
  inner: Codec<A, R>,
  name: string,
  { accepted, form, isProlonged, ring }: Settings
): Codec<A, R> => {
  return {
    id: numbers.encrypted,
    encode: (value, id, meta) =>
      Effect.flatMapEager(inner.encode(value, id, meta), (bytes) => {
        const { ciphers, keyId } = ring.current
        const head = Envelope.headOf(form, inner.id, keyId, meta)
        const nonce = Ciphers.newNonce(Ciphers.algorithms[form]!.nonceSize)
        const associated = concat([head, Envelope.contextOf(id, meta)])
        return ciphers[form]!.encrypt({ nonce, associated, bytes }, concat([head, nonce]))
      }),
    decode(bytes, id, meta) {
      const head = Envelope.readHead(bytes)
      const algorithm = head && Ciphers.algorithms[head.form]
      if (head === undefined || algorithm === undefined) return Envelope.refusal(name, Envelope.reasons.foreign)
      const key = ring.keyOf(head.keyId)
      if (key === undefined) return Envelope.refusal(name, Envelope.reasons.unknownKey)
      const sealedAt = head.bytes.length + algorithm.nonceSize
      if (bytes.length < sealedAt + Ciphers.tagSize) return Envelope.refusal(name, Envelope.reasons.forged)
      return Envelope.opened(
        { inner, name, head, id, meta, isProlonged },
        (context) =>
          key.ciphers[head.form]!.decrypt({
            nonce: bytes.subarray(head.bytes.length, sealedAt),
            associated: concat([head.bytes, context]),
            bytes: bytes.subarray(sealedAt)
          })
      )
    },
    reads: (serializer) => accepted(readerIn(inner, serializer), name)
  }
}
