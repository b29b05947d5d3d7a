/**
 * Signs what another serializer writes.
 * @since 0.1.0
 */
import { timingSafeEqual } from "effect/crypto/Mac"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { concat } from "../internal/codec/bytes.ts"
import * as Envelope from "../internal/codec/envelope.ts"
import * as Hmac from "../internal/codec/hmac.ts"
import { anyBytes, type KeyRing, keyRing, type Protection } from "../internal/codec/keys.ts"
import { readerIn } from "../internal/codec/readerIn.ts"
import { numbers, requireInner, wrap } from "../internal/codec/wrapper.ts"
import { refuseUnknown } from "../internal/options/options.ts"
import type { Codec, Serializer } from "../Serializer.ts"

/**
 * The options of `Signed.make`.
 * @category options
 * @since 0.1.0
 */
export type Options = Protection

const what = "Signed.make"

const form = 1

/**
 * Makes a serializer that signs the bytes of another one with HMAC-SHA-256.
 *
 * **When to use**
 *
 * Use if other programs can write to the store, and the program must not believe them.
 *
 * **Details**
 *
 * - The signature covers the id, the value, the tags, the times, the ETag and the kind of result. A value that was
 *   changed, copied to another id or given a longer life is a miss.
 * - An older entry of the same id that is put back is read until it expires.
 * - Of a stream, each page and the list of the pages are signed, so that elements keep their order and none is missing.
 * - The values remain readable. `Encrypted` authenticates the same parts and hides the value.
 *
 * **Example** (Signing JSON)
 *
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { Json } from "effect-cached/serializers/Json"
 * import * as Signed from "effect-cached/serializers/Signed"
 *
 * const secret = Redacted.make("a secret that has at least 32 bytes")
 * const serializer = Signed.make(Json, { keys: { a: secret }, current: "a" })
 * const codec = serializer.make<unknown, never>(undefined)
 * const bytes = Effect.runSync(codec.encode("admin", "role:ada"))
 * Effect.runSync(Effect.flip(codec.decode(bytes, "role:eve")))._tag // => "SerializerError"
 * ```
 *
 * @see `Encrypted.make` for values that must not be readable
 * @category constructors
 * @since 0.1.0
 */
export const make = (inner: Serializer, options: Options): Serializer => {
  requireInner(what, inner, "signed")
  refuseUnknown(what, options, ["keys", "current", "acceptPlain", "prolongable"])
  const fits = "at least 32 bytes long, like the output of `openssl rand -base64 32`"
  const ring = keyRing(what, options, fits, (secret, keyId): Key | undefined => {
    const bytes = anyBytes(secret)
    return bytes && { keyId, begin: Hmac.beginWith(bytes) }
  })
  const rules = Envelope.rulesOf(options)
  return wrap(inner, {
    kind: "signed",
    suffix: "signed",
    extension: ".signed",
    contentType: "application/octet-stream"
  }, (codec, name) => codecOver(codec, name, { ...rules, ring }))
}

interface Key {
  readonly keyId: Uint8Array
  readonly begin: Hmac.Begin
}

interface Settings extends Envelope.Rules {
  readonly ring: KeyRing<Key>
}

const mismatch = Exit.fail("mismatch")

const codecOver = <A, R>(inner: Codec<A, R>, name: string, { accepted, isProlonged, ring }: Settings): Codec<A, R> => {
  return {
    id: numbers.signed,
    encode: (value, id, meta) =>
      Effect.flatMapEager(inner.encode(value, id, meta), (body) => {
        const { begin, keyId } = ring.current
        const head = Envelope.headOf(form, inner.id, keyId, meta)
        return Effect.mapEager(
          Hmac.sign(begin, head, Envelope.contextOf(id, meta), body),
          (signature) => concat([head, signature, body])
        )
      }),
    decode(bytes, id, meta) {
      const head = Envelope.readHead(bytes)
      if (head?.form !== form) return Envelope.refusal(name, Envelope.reasons.foreign)
      const key = ring.keyOf(head.keyId)
      if (key === undefined) return Envelope.refusal(name, Envelope.reasons.unknownKey)
      const bodyAt = head.bytes.length + Hmac.size
      const body = bytes.subarray(bodyAt)
      const signature = bytes.subarray(head.bytes.length, bodyAt)
      return Envelope.opened(
        { inner, name, head, id, meta, isProlonged },
        (context) =>
          Effect.flatMapEager(
            Hmac.sign(key.begin, head.bytes, context, body),
            (expected) => timingSafeEqual(expected, signature) ? Exit.succeed(body) : mismatch
          )
      )
    },
    reads: (serializer) => accepted(readerIn(inner, serializer), name)
  }
}
