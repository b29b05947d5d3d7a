/**
 * The schemas of the cache's errors, for programs that send them to other processes or store them. Separate from
 * `CacheError`, so that other programs do not bundle them.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as CacheError from "./CacheError.ts"

/** The schema of an error, which encodes exactly its fields. */
const schemaOf = <Self extends object, Fields extends Schema.Struct.Fields>(
  error: new(fields: never) => Self,
  fields: Fields
): Schema.decodeTo<Schema.instanceOf<Self>, Schema.Struct<Fields>> => {
  const plainOf = (self: object): object =>
    // `message` is not enumerable.
    Object.fromEntries(
      Object.keys(fields).flatMap((name) => name in self ? [[name, self[name as keyof typeof self]]] : [])
    )
  return Schema.Struct(fields).pipe(
    Schema.decodeTo(
      Schema.instanceOf(error),
      SchemaTransformation.transform({
        decode: (plain: object) => new error(plain as never),
        encode: plainOf
      }) as SchemaTransformation.Transformation<any, any>
    )
  )
}

const cause = Schema.optionalKey(Schema.Defect())

/**
 * The schema of `StoreError.reason`.
 *
 * **Example** (Listing the reasons)
 *
 * ```ts
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * CacheErrorSchema.StoreErrorReason.literals.includes("OutOfRange") // => true
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const StoreErrorReason: Schema.Literals<ReadonlyArray<CacheError.StoreErrorReason>> = Schema.Literals([
  "Unavailable",
  "Timeout",
  "Unsupported",
  "Full",
  "TooLarge",
  "OutOfRange",
  "Corrupt",
  "Denied"
])

/**
 * The schema of `CacheError.StoreError`.
 *
 * **Example** (Sending an error as JSON)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * const error = new CacheError.StoreError({ store: "redis", operation: "get", reason: "Timeout" })
 * const json = Schema.encodeSync(CacheErrorSchema.StoreError)(error)
 * json // => { _tag: "StoreError", store: "redis", operation: "get", reason: "Timeout" }
 * Schema.decodeUnknownSync(CacheErrorSchema.StoreError)(json) instanceof CacheError.StoreError // => true
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const StoreError = schemaOf(CacheError.StoreError, {
  _tag: Schema.tag("StoreError"),
  store: Schema.String,
  operation: Schema.String,
  reason: StoreErrorReason,
  cause
})

/**
 * The schema of `CacheError.SerializerError`.
 *
 * **Example** (Encoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * const error = new CacheError.SerializerError({ serializer: "json", operation: "decode", reason: "no JSON" })
 * const json = Schema.encodeSync(CacheErrorSchema.SerializerError)(error)
 * json // => { _tag: "SerializerError", serializer: "json", operation: "decode", reason: "no JSON" }
 * ```
 *
 * @see {@link StoreError} for decoding too
 * @category schemas
 * @since 0.1.0
 */
export const SerializerError = schemaOf(CacheError.SerializerError, {
  _tag: Schema.tag("SerializerError"),
  serializer: Schema.String,
  operation: Schema.Literals(["encode", "decode"]),
  reason: Schema.String,
  cause
})

/**
 * The schema of `CacheError.LockError`.
 *
 * **Example** (Encoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * const error = new CacheError.LockError({ name: "report", reason: "Timeout" })
 * Schema.encodeSync(CacheErrorSchema.LockError)(error) // => { _tag: "LockError", name: "report", reason: "Timeout" }
 * ```
 *
 * @see {@link StoreError} for decoding too
 * @category schemas
 * @since 0.1.0
 */
export const LockError = schemaOf(CacheError.LockError, {
  _tag: Schema.tag("LockError"),
  name: Schema.String,
  reason: Schema.Literals(["Timeout", "Lost", "Unavailable", "Unsupported"]),
  cause,
  retryAfterMillis: Schema.optionalKey(Schema.Number)
})

/**
 * The schema of `CacheError.RateLimitExceeded`.
 *
 * **Example** (Encoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * const error = new CacheError.RateLimitExceeded({ key: "api", limit: 10, retryAfterMillis: 500 })
 * const json = Schema.encodeSync(CacheErrorSchema.RateLimitExceeded)(error)
 * json // => { _tag: "RateLimitExceeded", key: "api", limit: 10, retryAfterMillis: 500 }
 * ```
 *
 * @see {@link StoreError} for decoding too
 * @category schemas
 * @since 0.1.0
 */
export const RateLimitExceeded = schemaOf(CacheError.RateLimitExceeded, {
  _tag: Schema.tag("RateLimitExceeded"),
  key: Schema.String,
  limit: Schema.Number,
  retryAfterMillis: Schema.Number
})

/**
 * The schema of `CacheError.CircuitOpen`.
 *
 * **Example** (Encoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * const error = new CacheError.CircuitOpen({ key: "api", state: "Open", retryAfterMillis: 500 })
 * const json = Schema.encodeSync(CacheErrorSchema.CircuitOpen)(error)
 * json // => { _tag: "CircuitOpen", key: "api", state: "Open", retryAfterMillis: 500 }
 * ```
 *
 * @see {@link StoreError} for decoding too
 * @category schemas
 * @since 0.1.0
 */
export const CircuitOpen = schemaOf(CacheError.CircuitOpen, {
  _tag: Schema.tag("CircuitOpen"),
  key: Schema.String,
  state: Schema.Literals(["Open", "HalfOpen"]),
  retryAfterMillis: Schema.Number
})

/**
 * The schema of `CacheError.LoadTimeout`.
 *
 * **Example** (Encoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * const error = new CacheError.LoadTimeout({ key: "user:1", timeoutMillis: 200 })
 * const json = Schema.encodeSync(CacheErrorSchema.LoadTimeout)(error)
 * json // => { _tag: "LoadTimeout", key: "user:1", timeoutMillis: 200 }
 * ```
 *
 * @see {@link StoreError} for decoding too
 * @category schemas
 * @since 0.1.0
 */
export const LoadTimeout = schemaOf(CacheError.LoadTimeout, {
  _tag: Schema.tag("LoadTimeout"),
  key: Schema.String,
  timeoutMillis: Schema.Number
})

/**
 * The schema of `CacheError.StreamLagged`.
 *
 * **Example** (Encoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * const error = new CacheError.StreamLagged({ key: "rows" })
 * Schema.encodeSync(CacheErrorSchema.StreamLagged)(error) // => { _tag: "StreamLagged", key: "rows" }
 * ```
 *
 * @see {@link StoreError} for decoding too
 * @category schemas
 * @since 0.1.0
 */
export const StreamLagged = schemaOf(CacheError.StreamLagged, {
  _tag: Schema.tag("StreamLagged"),
  key: Schema.String
})

/**
 * The schema of `CacheError.StreamCut`.
 *
 * **Example** (Encoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * const error = new CacheError.StreamCut({ key: "rows" })
 * Schema.encodeSync(CacheErrorSchema.StreamCut)(error) // => { _tag: "StreamCut", key: "rows" }
 * ```
 *
 * @see {@link StoreError} for decoding too
 * @category schemas
 * @since 0.1.0
 */
export const StreamCut = schemaOf(CacheError.StreamCut, {
  _tag: Schema.tag("StreamCut"),
  key: Schema.String
})

/**
 * The schema of `CacheError.UpdateConflict`.
 *
 * **Example** (Encoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * const error = new CacheError.UpdateConflict({ key: "cart:1", tries: 30 })
 * Schema.encodeSync(CacheErrorSchema.UpdateConflict)(error) // => { _tag: "UpdateConflict", key: "cart:1", tries: 30 }
 * ```
 *
 * @see {@link StoreError} for decoding too
 * @category schemas
 * @since 0.1.0
 */
export const UpdateConflict = schemaOf(CacheError.UpdateConflict, {
  _tag: Schema.tag("UpdateConflict"),
  key: Schema.String,
  tries: Schema.Number
})

/**
 * The schema of `CacheError.TransactionConflict`.
 *
 * **Example** (Encoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * const error = new CacheError.TransactionConflict({ ids: ["cart:1"], names: [] })
 * const json = Schema.encodeSync(CacheErrorSchema.TransactionConflict)(error)
 * json // => { _tag: "TransactionConflict", ids: ["cart:1"], names: [] }
 * ```
 *
 * @see {@link StoreError} for decoding too
 * @category schemas
 * @since 0.1.0
 */
export const TransactionConflict = schemaOf(CacheError.TransactionConflict, {
  _tag: Schema.tag("TransactionConflict"),
  ids: Schema.Array(Schema.String),
  names: Schema.Array(Schema.String)
})

/**
 * The schema of `CacheError.TransactionTimeout`.
 *
 * **Example** (Encoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * const error = new CacheError.TransactionTimeout({ timeoutMillis: 5000 })
 * const json = Schema.encodeSync(CacheErrorSchema.TransactionTimeout)(error)
 * json // => { _tag: "TransactionTimeout", timeoutMillis: 5000 }
 * ```
 *
 * @see {@link StoreError} for decoding too
 * @category schemas
 * @since 0.1.0
 */
export const TransactionTimeout = schemaOf(CacheError.TransactionTimeout, {
  _tag: Schema.tag("TransactionTimeout"),
  timeoutMillis: Schema.Number
})

/**
 * The schema of `CacheError.CacheCycle`.
 *
 * **Example** (Encoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * const error = new CacheError.CacheCycle({ path: ["a", "b", "a"] })
 * Schema.encodeSync(CacheErrorSchema.CacheCycle)(error) // => { _tag: "CacheCycle", path: ["a", "b", "a"] }
 * ```
 *
 * @see {@link StoreError} for decoding too
 * @category schemas
 * @since 0.1.0
 */
export const CacheCycle = schemaOf(CacheError.CacheCycle, {
  _tag: Schema.tag("CacheCycle"),
  path: Schema.Array(Schema.String)
})

/**
 * The schema of `CacheError.CacheClosed`.
 *
 * **Example** (Encoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * const error = new CacheError.CacheClosed({ key: "user:1" })
 * Schema.encodeSync(CacheErrorSchema.CacheClosed)(error) // => { _tag: "CacheClosed", key: "user:1" }
 * ```
 *
 * @see {@link StoreError} for decoding too
 * @category schemas
 * @since 0.1.0
 */
export const CacheClosed = schemaOf(CacheError.CacheClosed, {
  _tag: Schema.tag("CacheClosed"),
  key: Schema.String
})

/**
 * The schema of `CacheError.CacheConfigError`.
 *
 * **Example** (Encoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import * as CacheErrorSchema from "effect-cached/CacheErrorSchema"
 *
 * const error = new CacheError.CacheConfigError({ message: "ttl must be positive" })
 * const json = Schema.encodeSync(CacheErrorSchema.CacheConfigError)(error)
 * json // => { _tag: "CacheConfigError", message: "ttl must be positive" }
 * ```
 *
 * @see {@link StoreError} for decoding too
 * @category schemas
 * @since 0.1.0
 */
export const CacheConfigError = schemaOf(CacheError.CacheConfigError, {
  _tag: Schema.tag("CacheConfigError"),
  message: Schema.String
})
