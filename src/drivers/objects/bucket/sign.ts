/**
 * Signs requests (signatures of version 4). `aws4fetch` makes the text to sign. The hashes are made here, because those
 * of `crypto.subtle` are jobs of other threads, which take longer than all other steps of a request.
 */
import { sha256 } from "@noble/hashes/sha2.js"
import type { AwsV4Signer } from "aws4fetch"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { StoreError } from "../../../CacheError.ts"
import { toHex } from "../../../internal/codec/bytes.ts"
import { type Begin, beginWith } from "../../../internal/codec/hmac.ts"
import { packageError } from "../../shared/packageError.ts"
import type { Credentials } from "../options.ts"
import { storeName } from "./fault.ts"

/** The text to sign is made by `Signer`. The last used key, of one day, is kept. */
export interface Signing {
  readonly Signer: typeof AwsV4Signer
  day: string
  begin: Begin | undefined
}

export const make: Effect.Effect<Signing, StoreError> = Effect.tryPromise({
  // Bundlers leave out a missing package whose import is in `try`: it is optional.
  try: async () => {
    try {
      const { AwsV4Signer: Signer } = await import("aws4fetch")
      return { Signer, day: "", begin: undefined }
    } catch (error) {
      throw packageError("aws4fetch", error)
    }
  },
  catch: (cause) => new StoreError({ store: storeName, operation: "open", reason: "Unsupported", cause })
})

/** Forgets the key, because the credentials are others now. */
export const clear = (self: Signing): void => {
  self.begin = undefined
}

const encoder = new TextEncoder()

const hashed = (begin: Begin, text: string): Uint8Array => {
  const hash = begin()
  hash.update(encoder.encode(text))
  return hash.digest()
}

const beginOf = (self: Signing, secret: string, day: string, region: string): Begin => {
  if (self.begin !== undefined && self.day === day) return self.begin
  const steps = [day, region, "s3", "aws4_request"]
  self.begin = steps.reduce((begin, step) => beginWith(hashed(begin, step)), beginWith(encoder.encode(`AWS4${secret}`)))
  self.day = day
  return self.begin
}

const hexOf = (bytes: Uint8Array): string => toHex(bytes, 0, bytes.length)

interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly region: string
  readonly now: number
}

interface Signed {
  readonly url: string
  readonly headers: Record<string, string>
}

/** Adds the headers of a signature. */
export const sign = async (
  self: Signing,
  { accessKeyId, secretAccessKey, sessionToken }: Credentials,
  { now, ...asked }: Asked
): Promise<Signed> => {
  const secret = Redacted.value(secretAccessKey)
  const signer = new self.Signer({
    ...asked,
    accessKeyId,
    secretAccessKey: secret,
    ...sessionToken === undefined ? {} : { sessionToken: Redacted.value(sessionToken) },
    service: "s3",
    datetime: new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, "")
  })
  const { credentialString, datetime, headers, signedHeaders, url } = signer
  const canonical = hexOf(sha256(encoder.encode(await signer.canonicalString())))
  const begin = beginOf(self, secret, datetime.slice(0, 8), asked.region)
  const signature = hexOf(hashed(begin, ["AWS4-HMAC-SHA256", datetime, credentialString, canonical].join("\n")))
  const all: Record<string, string> = {
    authorization:
      `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${credentialString}, SignedHeaders=${signedHeaders}, Signature=${signature}`
  }
  headers.forEach((value, name) => {
    all[name] = value
  })
  return { url: url.href, headers: all }
}

const emptyDigest = hexOf(sha256(new Uint8Array(0)))

/** The digest of a body. Large ones are hashed in another thread. */
export const digest = async (body: Uint8Array | undefined): Promise<string> =>
  body === undefined
    ? emptyDigest
    : hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", body as Uint8Array<ArrayBuffer>)))
