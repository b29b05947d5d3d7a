/** Values that are not stored now, although the database could be written. */
import { StoreError, type StoreErrorReason } from "../../CacheError.ts"

const refusals = new WeakSet<StoreError>()

const notStored = (reason: StoreErrorReason, message: string): StoreError =>
  new StoreError({ store: "sqlite", operation: "set", reason, cause: new Error(message) })

/** It may be stored in a moment. */
export const refusal = (message: string): StoreError => {
  const error = notStored("Unavailable", message)
  refusals.add(error)
  return error
}

export const isRefusal = (error: StoreError): boolean => refusals.has(error)

/** The disk is full, and what is kept for removing must stay free. */
export const noRoom = (): StoreError =>
  notStored("Full", "The disk is full: nothing is stored before there is room again")
