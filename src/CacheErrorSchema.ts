/**
 * The schemas of the cache's errors, for programs that store these errors or send them to other processes. They are
 * separate from `CacheError`, so that programs that do not need these schemas do not bundle them.
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type * as CacheError from "./CacheError.ts"

const cause = Schema.optionalKey(Schema.Defect())

const storeErrorReasons: ReadonlyArray<CacheError.StoreErrorReason> = [
  "Unavailable",
  "Timeout",
  "Unsupported",
  "Full",
  "TooLarge",
  "OutOfRange",
  "Corrupt",
  "Denied"
]

/** The fields of each error class that are encoded. */
const fields = {
  StoreError: {
    _tag: Schema.tag("StoreError"),
    store: Schema.String,
    operation: Schema.String,
    reason: Schema.Literals(storeErrorReasons),
    cause
  },
  SerializerError: {
    _tag: Schema.tag("SerializerError"),
    serializer: Schema.String,
    operation: Schema.Literals(["encode", "decode"]),
    reason: Schema.String,
    cause
  },
  LockError: {
    _tag: Schema.tag("LockError"),
    lock: Schema.String,
    reason: Schema.Literals(["Timeout", "Lost", "Unavailable", "Unsupported"]),
    cause,
    retryAfterMillis: Schema.optionalKey(Schema.Number)
  },
  RateLimitExceeded: {
    _tag: Schema.tag("RateLimitExceeded"),
    key: Schema.String,
    limit: Schema.Number,
    retryAfterMillis: Schema.Number
  },
  CircuitOpen: {
    _tag: Schema.tag("CircuitOpen"),
    key: Schema.String,
    state: Schema.Literals(["Open", "HalfOpen"]),
    retryAfterMillis: Schema.Number
  },
  LoadTimeout: { _tag: Schema.tag("LoadTimeout"), key: Schema.String, timeoutMillis: Schema.Number },
  StreamLagged: { _tag: Schema.tag("StreamLagged"), key: Schema.String },
  StreamCut: { _tag: Schema.tag("StreamCut"), key: Schema.String },
  UpdateConflict: { _tag: Schema.tag("UpdateConflict"), key: Schema.String, tries: Schema.Number },
  TransactionConflict: {
    _tag: Schema.tag("TransactionConflict"),
    ids: Schema.Array(Schema.String),
    names: Schema.Array(Schema.String)
  },
  TransactionTimeout: { _tag: Schema.tag("TransactionTimeout"), timeoutMillis: Schema.Number },
  CacheCycle: { _tag: Schema.tag("CacheCycle"), path: Schema.Array(Schema.String) },
  CacheClosed: { _tag: Schema.tag("CacheClosed"), key: Schema.String },
  CacheConfigError: { _tag: Schema.tag("CacheConfigError"), message: Schema.String }
}

type Classes = typeof CacheError

type FieldsOf<Class extends Classes[keyof Classes]> = (typeof fields)[InstanceType<Class>["_tag"]]

/**
 * Makes the schema of an error class of `CacheError`, for errors that go to another process.
 *
 * **Details**
 *
 * The encoded error has `_tag` and the fields of the class. The decoded one is an instance of the class, with its
 * message. `Schema.Union` joins the schemas of several classes.
 *
 * **Example** (Sending an error as JSON)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { CacheError } from "effect-cached"
 * import { CacheErrorSchema } from "effect-cached/schemas"
 *
 * const schema = CacheErrorSchema.of(CacheError.StoreError)
 * const error = new CacheError.StoreError({ store: "redis", operation: "get", reason: "Timeout" })
 * const json = Schema.encodeSync(schema)(error)
 * json // => { _tag: "StoreError", store: "redis", operation: "get", reason: "Timeout" }
 * Schema.decodeUnknownSync(schema)(json) instanceof CacheError.StoreError // => true
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const of = <Class extends Classes[keyof Classes]>(
  error: Class
): Schema.decodeTo<Schema.instanceOf<InstanceType<Class>>, Schema.Struct<FieldsOf<Class>>> => {
  const its: Schema.Struct.Fields = fields[error.prototype.name as keyof typeof fields]
  const plainOf = (self: object): object =>
    // Copies each field by name, because a spread would omit `message`, which is not enumerable.
    Object.fromEntries(
      Object.keys(its).flatMap((name) => name in self ? [[name, self[name as keyof typeof self]]] : [])
    )
  const schema = Schema.Struct(its).pipe(
    Schema.decodeTo(
      Schema.instanceOf(error as new(plain: never) => object),
      SchemaTransformation.transform({
        decode: (plain: object) => new error(plain as never),
        encode: plainOf
      }) as SchemaTransformation.Transformation<any, any>
    )
  )
  return schema as unknown as Schema.decodeTo<Schema.instanceOf<InstanceType<Class>>, Schema.Struct<FieldsOf<Class>>>
}
