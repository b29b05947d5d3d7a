/**
 * The schemas of the cache's errors, for programs that store these errors or send them to other processes. They are
 * separate from `CacheError`, so that programs that do not need these schemas do not bundle them.
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as CacheError from "./CacheError.ts"

/** Makes a schema that encodes exactly the given fields of an error class. */
const schemaOf = <Self extends object, Fields extends Schema.Struct.Fields>(
  error: new(fields: never) => Self,
  fields: Fields
): Schema.decodeTo<Schema.instanceOf<Self>, Schema.Struct<Fields>> => {
  const plainOf = (self: object): object =>
    // Copies each field by name, because a spread would omit `message`, which is not enumerable.
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
 * import { CacheErrorSchema } from "effect-cached/schemas"
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
 * import { CacheErrorSchema } from "effect-cached/schemas"
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
 * **Example** (Decoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheErrorSchema } from "effect-cached/schemas"
 *
 * const json = { _tag: "SerializerError", serializer: "json", operation: "decode", reason: "no JSON" }
 * Schema.decodeUnknownSync(CacheErrorSchema.SerializerError)(json).serializer // => "json"
 * ```
 *
 * @see {@link StoreError} for an example that also encodes
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
 * **Example** (Decoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheErrorSchema } from "effect-cached/schemas"
 *
 * const json = { _tag: "LockError", lock: "report", reason: "Timeout" }
 * Schema.decodeUnknownSync(CacheErrorSchema.LockError)(json).lock // => "report"
 * ```
 *
 * @see {@link StoreError} for an example that also encodes
 * @category schemas
 * @since 0.1.0
 */
export const LockError = schemaOf(CacheError.LockError, {
  _tag: Schema.tag("LockError"),
  lock: Schema.String,
  reason: Schema.Literals(["Timeout", "Lost", "Unavailable", "Unsupported"]),
  cause,
  retryAfterMillis: Schema.optionalKey(Schema.Number)
})

/**
 * The schema of `CacheError.RateLimitExceeded`.
 *
 * **Example** (Decoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheErrorSchema } from "effect-cached/schemas"
 *
 * const json = { _tag: "RateLimitExceeded", key: "api", limit: 10, retryAfterMillis: 500 }
 * Schema.decodeUnknownSync(CacheErrorSchema.RateLimitExceeded)(json).key // => "api"
 * ```
 *
 * @see {@link StoreError} for an example that also encodes
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
 * **Example** (Decoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheErrorSchema } from "effect-cached/schemas"
 *
 * const json = { _tag: "CircuitOpen", key: "api", state: "Open", retryAfterMillis: 500 }
 * Schema.decodeUnknownSync(CacheErrorSchema.CircuitOpen)(json).key // => "api"
 * ```
 *
 * @see {@link StoreError} for an example that also encodes
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
 * **Example** (Decoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheErrorSchema } from "effect-cached/schemas"
 *
 * const json = { _tag: "LoadTimeout", key: "user:1", timeoutMillis: 200 }
 * Schema.decodeUnknownSync(CacheErrorSchema.LoadTimeout)(json).key // => "user:1"
 * ```
 *
 * @see {@link StoreError} for an example that also encodes
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
 * **Example** (Decoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheErrorSchema } from "effect-cached/schemas"
 *
 * Schema.decodeUnknownSync(CacheErrorSchema.StreamLagged)({ _tag: "StreamLagged", key: "rows" }).key // => "rows"
 * ```
 *
 * @see {@link StoreError} for an example that also encodes
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
 * **Example** (Decoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheErrorSchema } from "effect-cached/schemas"
 *
 * Schema.decodeUnknownSync(CacheErrorSchema.StreamCut)({ _tag: "StreamCut", key: "rows" }).key // => "rows"
 * ```
 *
 * @see {@link StoreError} for an example that also encodes
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
 * **Example** (Decoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheErrorSchema } from "effect-cached/schemas"
 *
 * const json = { _tag: "UpdateConflict", key: "cart:1", tries: 30 }
 * Schema.decodeUnknownSync(CacheErrorSchema.UpdateConflict)(json).key // => "cart:1"
 * ```
 *
 * @see {@link StoreError} for an example that also encodes
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
 * **Example** (Decoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheErrorSchema } from "effect-cached/schemas"
 *
 * const json = { _tag: "TransactionConflict", ids: ["cart:1"], names: [] }
 * Schema.decodeUnknownSync(CacheErrorSchema.TransactionConflict)(json).ids // => ["cart:1"]
 * ```
 *
 * @see {@link StoreError} for an example that also encodes
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
 * **Example** (Decoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheErrorSchema } from "effect-cached/schemas"
 *
 * const json = { _tag: "TransactionTimeout", timeoutMillis: 5000 }
 * Schema.decodeUnknownSync(CacheErrorSchema.TransactionTimeout)(json).timeoutMillis // => 5000
 * ```
 *
 * @see {@link StoreError} for an example that also encodes
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
 * **Example** (Decoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheErrorSchema } from "effect-cached/schemas"
 *
 * const json = { _tag: "CacheCycle", path: ["a", "b", "a"] }
 * Schema.decodeUnknownSync(CacheErrorSchema.CacheCycle)(json).path // => ["a", "b", "a"]
 * ```
 *
 * @see {@link StoreError} for an example that also encodes
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
 * **Example** (Decoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheErrorSchema } from "effect-cached/schemas"
 *
 * Schema.decodeUnknownSync(CacheErrorSchema.CacheClosed)({ _tag: "CacheClosed", key: "user:1" }).key // => "user:1"
 * ```
 *
 * @see {@link StoreError} for an example that also encodes
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
 * **Example** (Decoding the error)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheErrorSchema } from "effect-cached/schemas"
 *
 * const json = { _tag: "CacheConfigError", message: "ttl must be positive" }
 * Schema.decodeUnknownSync(CacheErrorSchema.CacheConfigError)(json).message // => "ttl must be positive"
 * ```
 *
 * @see {@link StoreError} for an example that also encodes
 * @category schemas
 * @since 0.1.0
 */
export const CacheConfigError = schemaOf(CacheError.CacheConfigError, {
  _tag: Schema.tag("CacheConfigError"),
  message: Schema.String
})
