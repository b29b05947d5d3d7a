/**
 * HMAC with SHA-256. `Mac` of Effect would do the same through `crypto.subtle`, which is asynchronous: each hit of a
 * store would then need a fiber. Both implementations here are synchronous for all but large values.
 */
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { concat } from "./bytes.ts"
import { inPieces } from "./pieces.ts"
import { builtin } from "./platform.ts"

interface Hash {
  readonly update: (bytes: Uint8Array) => unknown
  readonly digest: () => Uint8Array
}

export type Begin = () => Hash

const byNoble = (key: Uint8Array): Begin => () => hmac.create(sha256, key)

export const beginWith = (key: Uint8Array): Begin => {
  const crypto = builtin("node:crypto")
  if (crypto === undefined) return byNoble(key)
  const secret = crypto.createSecretKey(key)
  return () => crypto.createHmac("sha256", secret)
}

export const size = 32

const domain = new TextEncoder().encode("effect-cached signature\n")

/** Signs a head, its context and a body. The length of the context keeps it apart from the body. */
export const sign = (
  begin: Begin,
  head: Uint8Array,
  context: Uint8Array,
  body: Uint8Array
): Effect.Effect<Uint8Array> => {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, context.length)
  const start = concat([domain, head, length, context])
  return inPieces(body, () => {
    const hash = begin()
    hash.update(start)
    return { use: (piece) => hash.update(piece), end: () => Exit.succeed(hash.digest()) }
  })
}
