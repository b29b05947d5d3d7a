/** Errors about stored bytes that a secret does not fit. Under `CachePolicy.strict` they fail a read. */
import type { SerializerError } from "../../CacheError.ts"

const errors = new WeakSet<SerializerError>()

export const distrusted = (error: SerializerError): SerializerError => {
  errors.add(error)
  return error
}

export const isDistrusted = (error: SerializerError): boolean => errors.has(error)
