/** Turns the errors of SQL clients into store errors. No message quotes a statement, a parameter or a password. */
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { StoreError, type StoreErrorReason } from "../../../CacheError.ts"

export const storeName = "sql"

const ofTag: { readonly [tag: string]: StoreErrorReason } = {
  AuthenticationError: "Denied",
  AuthorizationError: "Denied",
  StatementTimeoutError: "Timeout",
  LockTimeoutError: "Timeout"
}

const ofCode: { readonly [code: string]: StoreErrorReason } = {
  "3D000": "Unsupported",
  "53100": "Full",
  "53200": "Full",
  "54000": "TooLarge"
}

interface ServerError {
  readonly code?: unknown
  readonly fields?: { readonly code?: unknown }
}

export const codeIn = (cause: unknown): string => {
  const error = cause as ServerError | null | undefined
  return String(error?.code ?? error?.fields?.code ?? "")
}

const codeOf = ({ reason }: SqlError): string => codeIn(reason.cause)

/** Whether the server has answered that it does not carry a statement out. */
export const isRefused = ({ cause }: StoreError): boolean => /^[0-9A-Z]{5}$/.test(codeIn(cause))

/** Whether a schema, a table or a function is missing. */
export const isMissing = ({ cause }: StoreError): boolean =>
  ["3F000", "42P01", "42883"].includes(codeIn(cause)) ||
  // Each client gives another code for SQLite.
  /\bno such table\b/.test(String((cause as Error | null | undefined)?.message))

/** Whether a connection was closed without a reason, or by a pooler that lends connections for one statement only. */
export const isClosed = (error: StoreError): boolean =>
  error.reason === "Unavailable" && error.cause !== undefined && (!isRefused(error) || codeIn(error.cause) === "08P01")

const reasonOf = (error: unknown): StoreErrorReason =>
  isSqlError(error) ? ofCode[codeOf(error)] ?? ofTag[error.reason._tag] ?? "Unavailable" : "Unavailable"

/** Whether the server has undone a statement because of others that ran meanwhile, so that it may be repeated. */
export const isRepeatable = (error: SqlError): boolean =>
  error.reason._tag === "DeadlockError" || error.reason._tag === "SerializationError"

/** The cause is what the server or the socket reported, because a client wraps it in a message that says less. */
export const storeError = (operation: string, error: unknown): StoreError =>
  new StoreError({
    store: storeName,
    operation,
    reason: reasonOf(error),
    cause: isSqlError(error) ? error.reason.cause ?? error : error
  })

export const refusal = (operation: string, reason: StoreErrorReason, message: string): StoreError =>
  new StoreError({ store: storeName, operation, reason, cause: new Error(message) })
