/** Failure notes: after several failed loads in a row, waiting processes fail with the same failure and do not load. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { checked } from "../../codec/sameAgain.ts"
import { idOf, type Key } from "../../key/ofKey.ts"
import { codecsOf } from "./codec.ts"
import type { StoreTier } from "./storeTier.ts"

/** The id under which a note is encoded. A signature that includes it is not that of an entry or an element. */
const ofNote = (key: Key): string => `${idOf(key)}\u0000note`

/** Encodes a failure. Returns `undefined` if it cannot be encoded; other processes then load for themselves. */
export const encode = (
  tier: StoreTier,
  key: Key,
  { cause }: Exit.Failure<unknown, unknown>
): Effect.Effect<Uint8Array | undefined, never, any> => {
  const codec = codecsOf(tier, key).failure
  if (codec === undefined || cause.reasons.length !== 1 || !Cause.hasFails(cause)) return Effect.undefined
  const note = Effect.map(
    Effect.suspend(() => {
      const failure = Cause.squash(cause)
      return checked(codec, failure, () => codec.encode(failure, ofNote(key)))
    }),
    (payload) => {
      const note = new Uint8Array(payload.length + 1)
      note[0] = codec.id
      note.set(payload, 1)
      return note
    }
  )
  // The handler covers all steps, so that the lease is released even if a user's codec returns an invalid payload.
  return Effect.catchCause(note, () => Effect.undefined)
}

export const decode = (
  tier: StoreTier,
  key: Key,
  note: Uint8Array
): Effect.Effect<Exit.Failure<unknown, unknown> | undefined, never, any> => {
  const codec = codecsOf(tier, key).failure
  if (codec === undefined || codec.id !== note[0]) return Effect.undefined
  return Effect.matchCause(Effect.suspend(() => codec.decode(note.subarray(1), ofNote(key))), {
    onFailure: () => undefined,
    onSuccess: (error) => Exit.fail(error) as Exit.Failure<unknown, unknown>
  })
}
