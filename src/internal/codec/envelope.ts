/**
 * The head of a signed or encrypted payload, and the text that is authenticated besides the head and the value.
 *
 * | size | field |
 * |---|---|
 * | 1 | form: the algorithm |
 * | 1 | number of the inner serializer |
 * | 1 | length of the key id |
 * | | key id |
 * | 3 × 8 | createdAt, softExpiresAt, expiresAt when the value was written (float64, big-endian) |
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Meta } from "../../CacheEntry.ts"
import type { SerializerError } from "../../CacheError.ts"
import type { Codec } from "../../ports/serializer.ts"
import { distrusted } from "./distrusted.ts"
import type { Protection } from "./keys.ts"
import { readerIn } from "./readerIn.ts"
import { fault } from "./throughSchema.ts"

interface Head {
  readonly form: number
  readonly number: number
  readonly keyId: Uint8Array
  readonly times: readonly [createdAt: number, softExpiresAt: number, expiresAt: number]
  readonly bytes: Uint8Array
}

const fixed = 3
const timesSize = 24

/** Elements of streams have no times of their own. */
const timesOf = (meta: Meta | undefined): Head["times"] =>
  meta === undefined ? [0, 0, 0] : [meta.createdAt, meta.softExpiresAt, meta.expiresAt]

export const headOf = (form: number, number: number, keyId: Uint8Array, meta: Meta | undefined): Uint8Array => {
  const bytes = new Uint8Array(fixed + keyId.length + timesSize)
  bytes[0] = form
  bytes[1] = number
  bytes[2] = keyId.length
  bytes.set(keyId, fixed)
  const view = new DataView(bytes.buffer)
  timesOf(meta).forEach((time, i) => view.setFloat64(fixed + keyId.length + 8 * i, time))
  return bytes
}

/** Reads the head of a payload, which may be any bytes. */
export const readHead = (payload: Uint8Array): Head | undefined => {
  if (payload.length < fixed) return undefined
  const [form, number, length] = payload as unknown as readonly [number, number, number]
  const size = fixed + length + timesSize
  if (payload.length < size) return undefined
  const bytes = payload.subarray(0, size)
  const view = new DataView(payload.buffer, payload.byteOffset, size)
  const time = (i: number) => view.getFloat64(fixed + length + 8 * i)
  return { form, number, keyId: payload.subarray(fixed, fixed + length), times: [time(0), time(1), time(2)], bytes }
}

const encoder = new TextEncoder()

/**
 * The id and the metadata that stores keep unchanged, which are authenticated. The times are compared instead
 * (`isProlonged`), because a shared store may shift them by the differences between clocks.
 */
export const contextOf = (id: string, meta: Meta | undefined, isConstant = meta?.isConstant === true): Uint8Array =>
  encoder.encode(JSON.stringify(
    meta === undefined
      ? [id]
      : [
        id,
        meta.outcome,
        meta.writeId,
        meta.tags.map(({ tag, version }) => [tag, version]),
        meta.etag ?? null,
        meta.endsWithParts === true,
        ...isConstant ? ["constant"] : []
      ]
  ))

/** The clocks of processes that share a store may differ by this much. */
const skewMillis = 60_000

/** Whether a stored entry would live longer than it was written for. */
const isProlonged = ({ times }: Head, meta: Meta | undefined): boolean =>
  timesOf(meta).some((time, i) => !(time <= times[i]! + skewMillis))

/** The reasons for a miss. They name nothing that was in the payload except the id of a key. */
export const refusal = (name: string, reason: string) => {
  const error = fault(name, "decode", reason)
  return Exit.fail(reason === reasons.unknownKey || reason === reasons.forged ? distrusted(error) : error)
}

export const reasons = {
  foreign: "these bytes were written by another serializer",
  unknownKey: "its key is not among the keys of this serializer",
  forged: "these bytes, their id, tags or other metadata are not those that were written",
  prolonged: "its lifetime was extended after it was written, which `prolongable` permits"
}

interface Opening<A, R> {
  readonly inner: Codec<A, R>
  readonly name: string
  readonly head: Head
  readonly id: string
  readonly meta: Meta | undefined
  readonly isProlonged: Rules["isProlonged"]
}

/** Decodes what `open` returns for the context of a payload. `open` fails if the payload has another context. */
export const opened = <A, R>(
  { head, id, inner, isProlonged, meta, name }: Opening<A, R>,
  open: (context: Uint8Array) => Effect.Effect<Uint8Array, unknown>
): Effect.Effect<A, SerializerError, R> => {
  // An entry that was written with a constant lifetime may have lost it since, as `Cached.touch` does.
  const mayHaveLost = meta !== undefined && meta.isConstant !== true
  const opening = Effect.catchEager(
    open(contextOf(id, meta)),
    (error) => mayHaveLost ? open(contextOf(id, meta, true)) : Exit.fail(error)
  )
  return Effect.flatMapEager(Effect.catchEager(opening, () => refusal(name, reasons.forged)), (body) => {
    if (isProlonged(head, meta)) return refusal(name, reasons.prolonged)
    const reader = readerIn(inner, head.number)
    return reader === undefined ? refusal(name, reasons.foreign) : reader.decode(body, id, meta)
  })
}

export interface Rules {
  readonly isProlonged: (head: Head, meta: Meta | undefined) => boolean
  /** Returns the codec for bytes that were written without this wrapper, if they are accepted. */
  readonly accepted: <A, R>(plain: Codec<A, R> | undefined, name: string) => Codec<A, R> | undefined
}

export const rulesOf = ({ acceptPlain, prolongable }: Protection): Rules => ({
  isProlonged: prolongable === true ? () => false : isProlonged,
  accepted: acceptPlain === true ? accepting() : () => undefined
})

/** Accepts codecs for bytes without protection. The first decoding by any of them logs a warning. */
const accepting = (): Rules["accepted"] => {
  let warned = false
  return <A, R>(plain: Codec<A, R> | undefined, name: string) =>
    plain && {
      ...plain,
      decode: (bytes, id, meta) =>
        warned ? plain.decode(bytes, id, meta) : Effect.suspend(() => {
          warned = true
          return Effect.andThen(
            Effect.logWarning(
              `The serializer "${name}" accepts entries that are not protected, because \`acceptPlain\` is set. ` +
                "Unset it when all of them have expired (logged once)"
            ),
            plain.decode(bytes, id, meta)
          )
        })
    }
}
