/** Describes failures in words: the operation, the reason, and the message of the cause. */
import * as Duration from "effect/Duration"

const operations: Readonly<Record<string, string>> = {
  open: "be opened",
  ping: "answer",
  listen: "report changes",
  changes: "report changes",
  get: "read an entry",
  getMany: "read entries",
  set: "write an entry",
  remove: "remove an entry",
  touch: "change the lifetime of an entry",
  acquire: "grant a lease",
  renew: "renew a lease",
  release: "release a lease",
  commit: "write the result of a load",
  markers: "read the versions of tags",
  invalidateTags: "invalidate tags",
  scan: "list entries",
  size: "count entries",
  clear: "remove all entries",
  increment: "increment a counter",
  counter: "read a counter",
  touchCounter: "change the lifetime of a counter",
  removeCounter: "remove a counter",
  scanLoads: "list loads",
  scanCounters: "list counters",
  transact: "commit a transaction",
  fixedWindow: "count a call against its limit",
  slidingLog: "count a call against its limit",
  slidingCounter: "count a call against its limit",
  bucket: "take a token for a call",
  circuit: "follow a circuit breaker",
  readBits: "read a filter",
  mergeBits: "write a filter",
  removeBits: "remove a filter"
}

export const phraseOf = (operation: string): string =>
  Object.hasOwn(operations, operation) ? operations[operation]! : `carry out "${operation}"`

const reasons = {
  Unavailable: "it is unavailable",
  Timeout: "it did not answer in time",
  Unsupported: "it does not support that",
  Full: "it is full",
  TooLarge: "the value is too large",
  OutOfRange: "the sum is not a safe integer",
  Corrupt: "its answer is damaged",
  Denied: "it refuses access"
}

/** The reasons that are replaced by the cause's message, because the message explains the failure completely. */
const explained: ReadonlySet<string> = new Set(["Unsupported", "TooLarge", "OutOfRange"])

export const whyOf = (reason: keyof typeof reasons, cause: unknown): string => {
  const message = messageOf(cause)
  if (message && explained.has(reason)) return message
  return withCause(reasons[reason], message)
}

export const lengthOf = (millis: number): string => {
  const unit = millis < 1000 ? 1 : 1000
  return Duration.format(Duration.millis(Math.round(millis / unit) * unit))
}

export const withCause = (text: string, message: string | undefined): string => message ? `${text} (${message})` : text

/** The message of an adapter's exception. Omits other properties: drivers attach the command, which holds the value. */
export const messageOf = (thrown: unknown): string | undefined => {
  try {
    if (!(thrown instanceof Error)) return undefined
    const { message, name } = thrown
    return name === "Error" || message === "" ? message : `${name}: ${message}`
  } catch {
    // An error of the program may have getters that throw.
    return undefined
  }
}
