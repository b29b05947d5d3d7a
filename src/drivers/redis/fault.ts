/** Classifies failures of commands and connections, and removes secrets from their messages. */
import { StoreError, type StoreErrorReason } from "../../CacheError.ts"

export class Fault {
  readonly reason: StoreErrorReason
  readonly message: string
  /** The first word of an error from the server (`MOVED`, `NOSCRIPT`), or the code of a system error. */
  readonly code: string
  readonly isLasting: boolean
  constructor(reason: StoreErrorReason, message: string, code = "", isLasting = false) {
    this.reason = reason
    this.message = message
    this.code = code
    this.isLasting = isLasting
  }
}

/** The answer to a command was lost with its connection. The server may have carried the command out. */
export class Lost extends Fault {}

/** The server is a replica, which may lack the latest writes. One of a cluster knows the owners of all slots. */
export class Replica extends Fault {
  readonly slots: unknown
  constructor(slots: unknown) {
    super("Unsupported", "the server is a replica, which may lack the latest writes", "REPLICA", true)
    this.slots = slots
  }
}

/** A permanent fault: the server or an option of the program is unsuitable, so retrying does not help. */
export const unfit = (message: string): Fault => new Fault("Unsupported", message, "UNFIT", true)

/** Adds to a temporary fault that the server was never reached, because `"eventually"` hides this at startup. */
export const unreached = (fault: Fault): Fault => {
  const { code, isLasting, message, reason } = fault
  const hint = `${message}. It was never reached: with connect: "required", the layer fails then`
  return isLasting ? fault : new Fault(reason, hint, code, isLasting)
}

/** Removes secrets from a text. If a server does not know a command, even `AUTH`, its error quotes the command. */
export type Scrub = (text: string) => string

export const scrubbing = (secrets: ReadonlyArray<string>): Scrub => {
  const known = secrets.filter((secret) => secret !== "").toSorted((a, b) => b.length - a.length)
  return (text) => known.reduce((text, secret) => text.replaceAll(secret, "<redacted>"), withoutUnknown(text))
}

// Removes passwords that are not known to this module, such as the password of a client that the program created.
const withoutUnknown = (text: string): string =>
  text
    .replace(/(:\/\/[^\s:@/]*):\S+@/g, "$1:<redacted>@")
    .replace(/,? with args beginning with:[^]*/, "")

const reasons: Readonly<Record<string, StoreErrorReason>> = {
  WRONGPASS: "Denied",
  NOAUTH: "Denied",
  NOPERM: "Denied",
  OOM: "Full",
  WRONGTYPE: "Corrupt",
  MISCONF: "Full"
}

const denied = new Set(["WRONGPASS", "NOAUTH", "NOPERM"])

const passing =
  /^(LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|READONLY|MISCONF|OOM|UNBLOCKED|ERR max number of clients)/

const ofTls = /^(ERR_TLS|ERR_SSL|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH)/

const misfits: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /^ERR (DB index is out of range|invalid DB index)/i,
    "the server has no such database: \"database\", or the number in the path of \"url\", is too large"
  ],
  [
    /^ERR SELECT is not allowed in cluster mode/i,
    "the server is a node of a Redis cluster: use \"nodes\" in place of \"url\", without a database"
  ],
  [
    /^ERR unknown command .?SELECT\b/i,
    "the server has no databases. If it is a Sentinel: name it in \"sentinel\", not in \"url\""
  ]
]

export const noInteger = "ERR value is not an integer or out of range"

const wordOf = (message: string): string => /^[A-Z]{2,}\b/.exec(message)?.[0] ?? ""

/** Converts an error to a fault. Keeps only the message, because the error also holds the command and its secrets. */
export const faultOf = (thrown: unknown, scrub: Scrub): Fault => {
  const { code, message } = (thrown ?? {}) as Partial<Record<"code" | "message", unknown>>
  const text = scrub(typeof message === "string" ? message : String(thrown)).slice(0, 300)
  if (typeof code === "string") {
    return ofTls.test(code)
      ? new Fault("Denied", `TLS: ${text || code}`, code, true)
      : new Fault("Unavailable", text || code, code)
  }
  if (!isReply(thrown)) return new Fault("Unavailable", text)
  const misfit = misfits.find(([answer]) => answer.test(text))
  if (misfit !== undefined) return unfit(`${misfit[1]} (${text})`)
  const word = wordOf(text)
  const isDenied = denied.has(word) ||
    /^ERR (AUTH|invalid password|Client sent AUTH)|ACL failure in script|can't run this command/i.test(text)
  const reason = isDenied ? "Denied" : text.startsWith(noInteger) ? "Corrupt" : reasons[word] ?? "Unavailable"
  return new Fault(reason, text, word, !passing.test(text))
}

export const isReply = (thrown: unknown): boolean =>
  /ErrorReply|SimpleError|BlobError/.test(`${String((thrown as Error | undefined)?.name)} ${constructorOf(thrown)}`)

const constructorOf = (thrown: unknown): string =>
  typeof thrown === "object" && thrown !== null ? thrown.constructor?.name ?? "" : ""

export const isFault = (answer: unknown): answer is Fault => answer instanceof Fault

export const storeName = "redis"

export const storeError = (operation: string, { message, reason }: Fault): StoreError =>
  new StoreError({ store: storeName, operation, reason, cause: new Error(message) })

export const noAnswer = (what: string): Fault => new Fault("Corrupt", `the server's answer to ${what} is malformed`)
