/** Turns refusals of a server into store errors that say what to do. No message quotes a key or a server's text. */
import { StoreError, type StoreErrorReason } from "../../../CacheError.ts"
import type { Config } from "../options.ts"
import type { Refused } from "./xml.ts"

export const storeName = "objects"

export const refusal = (operation: string, reason: StoreErrorReason, message: string): StoreError =>
  new StoreError({ store: storeName, operation, reason, cause: new Error(message) })

/** The codes of a key that is valid no longer. */
export const isExpired = ({ code }: Refused): boolean =>
  code === "ExpiredToken" || code === "TokenRefreshRequired" || code === "InvalidToken"

const hints: { readonly [code: string]: (config: Config, refused: Refused, skewMillis: number) => string } = {
  NoSuchBucket: ({ bucket }) => `there is no bucket "${bucket}": create it, or correct bucket, endpoint or region`,
  AccessDenied: ({ bucket, prefix }) =>
    `the key may not use the bucket "${bucket}": it needs s3:GetObject, s3:PutObject and s3:DeleteObject on ` +
    `${bucket}/${prefix}/*, and s3:ListBucket on ${bucket}`,
  InvalidAccessKeyId: () => "the server does not know the accessKeyId",
  SignatureDoesNotMatch: () =>
    "the signature is wrong: check the secretAccessKey, and that no proxy changes paths, queries or the header Host",
  RequestTimeTooSkewed: (_config, _refused, skewMillis) =>
    `the clock of this machine is ${Math.round(Math.abs(skewMillis) / 60_000)} minutes ` +
    `${skewMillis > 0 ? "behind" : "ahead of"} that of the server, which refuses more than 15: set it`,
  AuthorizationHeaderMalformed: (_config, { region }) => otherRegion(region),
  PermanentRedirect: (_config, { region }) => otherRegion(region),
  IllegalLocationConstraintException: (_config, { region }) => otherRegion(region)
}

const otherRegion = (region: string | undefined): string =>
  `the bucket is in another region: set region${region === undefined ? "" : ` to "${region}"`}`

const reasons: { readonly [code: string]: StoreErrorReason } = {
  NoSuchBucket: "Unsupported",
  PermanentRedirect: "Unsupported",
  AuthorizationHeaderMalformed: "Unsupported",
  IllegalLocationConstraintException: "Unsupported",
  NotImplemented: "Unsupported",
  EntityTooLarge: "TooLarge",
  QuotaExceeded: "Full",
  XMinioStorageFull: "Full"
}

const reasonOf = (status: number, code: string): StoreErrorReason =>
  reasons[code] ??
    (status === 401 || status === 403
      ? "Denied"
      : status === 413
      ? "TooLarge"
      : status === 507
      ? "Full"
      : "Unavailable")

interface Answered {
  readonly status: number
  readonly refused: Refused
  /** How far the clock of the server is ahead of that of this machine. */
  readonly skewMillis: number
}

export const faultOf = (config: Config, operation: string, { refused, skewMillis, status }: Answered): StoreError => {
  const { code } = refused
  const hint = isExpired(refused)
    ? `the key has expired: ${
      config.isRenewable ? "credentials gave no newer one" : "give credentials, an Effect that reads a new one"
    }`
    : Object.hasOwn(hints, code)
    ? hints[code]!(config, refused, skewMillis)
    // Without the permission to list, some servers refuse what does not exist, and give no code after HEAD.
    : status === 403
    ? hints["AccessDenied"]!(config, refused, skewMillis)
    : `it answered ${status}${code === "" ? "" : ` ${code}`}`
  return refusal(operation, isExpired(refused) ? "Denied" : reasonOf(status, code), hint)
}

/** The code of a lost connection, like `ECONNREFUSED`. An error of a client may quote the headers that it sent. */
export const codeOf = (thrown: unknown): string | undefined => {
  let error = thrown
  for (let depth = 0; depth < 6 && typeof error === "object" && error !== null; depth++) {
    const { cause, code, reason } = error as { cause?: unknown; code?: unknown; reason?: unknown }
    if (typeof code === "string" && /^[A-Z_\d]{1,64}$/.test(code)) return code
    error = reason ?? cause
  }
  return undefined
}
