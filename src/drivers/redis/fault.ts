/** What goes wrong with Redis, and what it means. */
import { StoreError, type StoreErrorReason } from "../../CacheError.ts"

/** A command, or a connection, that failed. */
export class Fault {
  readonly reason: StoreErrorReason
  readonly message: string
  /** the first word of an error of the server (`MOVED`, `NOSCRIPT`), or the code of one of the system */
  readonly code: string
  /** waiting does not mend it */
  readonly isLasting: boolean
  constructor(reason: StoreErrorReason, message: string, code = "", isLasting = false) {
    this.reason = reason
    this.message = message
    this.code = code
    this.isLasting = isLasting
  }
}

/** What waiting does not mend, because the server, or what the program has given, is of another kind. */
export const unfit = (message: string): Fault => new Fault("Unsupported", message, "UNFIT", true)

/** Removes secrets from a text: servers repeat the command that they do not understand, `AUTH` too. */
export type Scrub = (text: string) => string

export const scrubbing = (secrets: ReadonlyArray<string>): Scrub => {
  const known = secrets.filter((secret) => secret !== "").toSorted((a, b) => b.length - a.length)
  return (text) => known.reduce((text, secret) => text.replaceAll(secret, "<redacted>"), withoutUnknown(text))
}

// a client of the program's has a password that is not known here
const withoutUnknown = (text: string): string =>
  text
    .replace(/(:\/\/[^\s:@/]*):\S+@/g, "$1:<redacted>@")
    .replace(/,? with args beginning with:[^]*/, "")

const reasons: Readonly<Record<string, StoreErrorReason>> = {
  WRONGPASS: "Denied",
  NOAUTH: "Denied",
  NOPERM: "Denied",
  OOM: "Full",
  MISCONF: "Full"
}

const denied = new Set(["WRONGPASS", "NOAUTH", "NOPERM"])

/** Errors of a server that come and go. */
const passing =
  /^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|READONLY|MISCONF|OOM|UNBLOCKED|ERR max number of clients)/

const ofTls = /^(ERR_TLS|ERR_SSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH)/

/** What a server that cannot be used answers while a client logs in, and what to do about it. */
const misfits: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /^ERR (DB index is out of range|invalid DB index)/i,
    "The server has no such database: \"database\", or the number in the path of \"url\", is too large"
  ],
  [
    /^ERR SELECT is not allowed in cluster mode/i,
    "The server is a node of a Redis cluster: use RedisStore.makeCluster or CacheLayer.redisCluster, without a database"
  ],
  [
    /^ERR unknown command .?SELECT\b/i,
    "The server has no databases. If it is a Sentinel: name it in \"sentinel\", not in \"url\""
  ]
]

const wordOf = (message: string): string => /^[A-Z]{2,}\b/.exec(message)?.[0] ?? ""

/**
 * What a client threw. Of the error only its words are kept: it has the command with it, and so the value, and the
 * password.
 */
export const faultOf = (thrown: unknown, scrub: Scrub): Fault => {
  const { code, message, name } = (thrown ?? {}) as Partial<Record<"code" | "message" | "name", unknown>>
  const text = scrub(typeof message === "string" ? message : String(thrown)).slice(0, 300)
  if (typeof code === "string") {
    return ofTls.test(code)
      ? new Fault("Denied", `TLS: ${text || code}`, code, true)
      : new Fault("Unavailable", text || code, code)
  }
  const isOfServer = /ErrorReply|SimpleError|BlobError/.test(`${String(name)} ${constructorOf(thrown)}`)
  if (!isOfServer) return new Fault("Unavailable", text)
  const misfit = misfits.find(([answer]) => answer.test(text))
  if (misfit !== undefined) return unfit(`${misfit[1]} (${text})`)
  const word = wordOf(text)
  const isDenied = denied.has(word) || /^ERR (AUTH|invalid password|Client sent AUTH)/i.test(text)
  return new Fault(isDenied ? "Denied" : reasons[word] ?? "Unavailable", text, word, !passing.test(text))
}

const constructorOf = (thrown: unknown): string =>
  typeof thrown === "object" && thrown !== null ? thrown.constructor?.name ?? "" : ""

export const isFault = (answer: unknown): answer is Fault => answer instanceof Fault

/** The name of the store in errors and logs. */
export const storeName = "redis"

export const storeError = (operation: string, { message, reason }: Fault): StoreError =>
  new StoreError({ store: storeName, operation, reason, cause: new Error(message) })

/** An answer of the server that is none. */
export const noAnswer = (what: string): Fault => new Fault("Corrupt", `the server's answer to ${what} is none`)
