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
 * @see {@link StoreError} for an example
 *
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
 * @see {@link StoreError} for an example
 *
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
 * @see {@link StoreError} for an example
 *
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
 * @see {@link StoreError} for an example
 *
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
 * @see {@link StoreError} for an example
 *
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
 * @see {@link StoreError} for an example
 *
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
 * @see {@link StoreError} for an example
 *
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
 * @see {@link StoreError} for an example
 *
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
 * @see {@link StoreError} for an example
 *
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
 * @see {@link StoreError} for an example
 *
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
 * @see {@link StoreError} for an example
 *
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
 * @see {@link StoreError} for an example
 *
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
 * @see {@link StoreError} for an example
 *
 * @category schemas
 * @since 0.1.0
 */
export const CacheConfigError = schemaOf(CacheError.CacheConfigError, {
  _tag: Schema.tag("CacheConfigError"),
  message: Schema.String
})
