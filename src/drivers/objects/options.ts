/** Checks the options of stores in buckets. Imports no client, as layers use it too. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { isWellFormed } from "../../internal/codec/bytes.ts"
import * as Defaults from "../../internal/defaults/objects.ts"
import { refuseUndefined, refuseUnless } from "../../internal/options/options.ts"
import { sizeAboveZero, type SizeInput } from "../../internal/options/size.ts"
import * as Ttl from "../../Ttl.ts"

/**
 * A key with which requests are signed. Temporary keys also have a session token.
 * @category models
 * @since 0.1.0
 */
export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: Redacted.Redacted<string>
  readonly sessionToken?: Redacted.Redacted<string> | undefined
}

export interface BucketOptions {
  /** The name of the bucket, which must exist. */
  readonly bucket: string
  /**
   * The address of the server, for buckets elsewhere than at Amazon: `https://<account>.r2.cloudflarestorage.com`,
   * `http://127.0.0.1:9000`.
   * @default that of Amazon in `region`
   */
  readonly endpoint?: string
  /** The region of the bucket. @default `us-east-1` */
  readonly region?: string | undefined
  /**
   * The key with which requests are signed, or an Effect that reads it. It runs at the start, and again when the server
   * says that the key has expired.
   */
  readonly credentials: Credentials | Effect.Effect<Credentials, unknown>
  /**
   * The first part of the names of all objects. Caches with the same prefix share their entries. No other program may
   * write below it.
   * @default `effect-cached`
   */
  readonly prefix?: string | undefined
  /** The largest value to store. @default 4 MiB */
  readonly maxValue?: SizeInput | undefined
}

export const bucketOptions = [
  "bucket",
  "endpoint",
  "region",
  "credentials",
  "prefix",
  "maxValue"
] as const

export interface Config {
  readonly bucket: string
  /** The address of the bucket, without a slash at the end. */
  readonly url: string
  readonly region: string
  readonly credentials: Effect.Effect<Credentials, unknown>
  /** Whether `credentials` may give another key when it runs again. */
  readonly isRenewable: boolean
  readonly prefix: string
  readonly maxValue: number
  readonly requestMillis: number
  /** For how long the version of a tag is trusted that was read from the bucket. */
  readonly tagMillis: number
}

/** Messages quote no option, because secrets are easily put into the wrong one. */
export const configOf = (what: string, options: BucketOptions, tagMillis: number): Config => {
  const { bucket, maxValue, prefix = Defaults.prefix, region = Defaults.region } = options
  refuseUnless(
    typeof bucket === "string" && /^[a-z\d][\w.-]{1,61}[a-z\d]$/i.test(bucket) && !bucket.includes(".."),
    `${what} needs a "bucket": its name, of 3 to 63 letters, digits, dots and dashes`
  )
  refuseUnless(
    typeof region === "string" && /^[\w-]{1,64}$/.test(region),
    `${what}: "region" must be a name like "eu-central-1", or "auto" if the server has no regions`
  )
  refuseUnless(
    isPath(prefix),
    `${what}: "prefix" must be one or more names, of at most 200 bytes, with a slash between them`
  )
  // Otherwise a program whose variable is not set would send its keys to Amazon.
  refuseUndefined(what, options, "endpoint")
  return {
    bucket,
    url: `${endpointOf(what, options.endpoint ?? `https://s3.${region}.amazonaws.com`)}/${bucket}`,
    region,
    ...keyOf(what, options.credentials),
    prefix,
    maxValue: maxValue === undefined ? Defaults.maxValue : sizeAboveZero("maxValue", maxValue),
    requestMillis: Defaults.requestMillis,
    tagMillis
  }
}

const isPath = (prefix: unknown): boolean =>
  typeof prefix === "string" && isWellFormed(prefix) && new TextEncoder().encode(prefix).length <= 200 &&
  prefix.split("/").every((name) => name !== "" && name !== "." && name !== ".." && !/\p{Cc}/u.test(name))

const endpointOf = (what: string, endpoint: unknown): string => {
  const url = typeof endpoint === "string" && URL.canParse(endpoint) ? new URL(endpoint) : undefined
  refuseUnless(
    url !== undefined && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "" &&
      url.search === "" && url.hash === "",
    `${what}: "endpoint" must be the address of a server without a key in it, like "https://s3.example.org"`
  )
  return url.href.replace(/\/+$/, "")
}

const keyOf = (
  what: string,
  credentials: BucketOptions["credentials"] | undefined
): Pick<Config, "credentials" | "isRenewable"> => {
  if (Effect.isEffect(credentials)) return { credentials, isRenewable: true }
  const { accessKeyId, secretAccessKey, sessionToken } = (credentials ?? {}) as Partial<Credentials>
  refuseUnless(
    typeof accessKeyId === "string" && accessKeyId !== "",
    `${what} needs "credentials": an "accessKeyId" and a "secretAccessKey", or an Effect that reads them`
  )
  refuseUnless(
    Redacted.isRedacted(secretAccessKey),
    `${what}: "secretAccessKey" must be Redacted.make(secret)`
  )
  refuseUnless(
    sessionToken === undefined || Redacted.isRedacted(sessionToken),
    `${what}: "sessionToken" must be Redacted.make(token)`
  )
  return { credentials: Effect.succeed({ accessKeyId, secretAccessKey, sessionToken }), isRenewable: false }
}

/** For how long versions of tags are trusted: not at all by default. */
export const tagMillisOf = (what: string, given: Ttl.Input | undefined): number => {
  if (given === undefined) return 0
  const millis = Ttl.toMillis(given, `${what}: "tagStaleness"`)
  refuseUnless(millis < Infinity, `${what}: "tagStaleness" must be finite`)
  return millis
}
