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

export const codeOf = ({ reason }: SqlError): string => {
  const cause = reason.cause as ServerError | null | undefined
  return String(cause?.code ?? cause?.fields?.code ?? "")
}

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
