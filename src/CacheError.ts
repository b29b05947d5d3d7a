/**
 * The errors of the cache itself, as tagged Schema errors with fields to act on.
 *
 * A load's own failure is never wrapped in one of these. By default a store's or serializer's fault never reaches the
 * program at all: it is logged, counted and worked around; `CachePolicy.strict` makes it one of these errors.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Why a store could not do what it was asked.
 *
 * @category models
 * @since 0.1.0
 */
export const StoreErrorReason = Schema.Literals([
  /** it cannot be reached, or the operation failed for a reason of its own (see `cause`) */
  "Unavailable",
  /** it did not answer within the store budget */
  "Timeout",
  /** this store cannot do this at all */
  "Unsupported",
  /** no room: the value was not stored */
  "Full",
  /** the value is larger than the store takes */
  "TooLarge",
  /** a counter would be no safe integer any more: it stays as it was */
  "OutOfRange",
  /** what is stored cannot be read */
  "Corrupt",
  /** the store, or its directory, refuses access */
  "Denied"
])

/**
 * Why a store could not do what it was asked.
 *
 * @category models
 * @since 0.1.0
 */
export type StoreErrorReason = typeof StoreErrorReason.Type

/**
 * A store failed: `store` names it, `operation` what was asked, `reason` why.
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  store: Schema.String,
  operation: Schema.String,
  reason: StoreErrorReason,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return `The store "${this.store}" failed to ${this.operation}: ${this.reason}`
  }
}

/**
 * A value could not be encoded for the store, or what was stored could not be decoded.
 *
 * @category errors
 * @since 0.1.0
 */
export class SerializerError extends Schema.TaggedError<SerializerError>()("SerializerError", {
  serializer: Schema.String,
  operation: Schema.Literals(["encode", "decode"]),
  reason: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return `The serializer "${this.serializer}" could not ${this.operation} a value: ${this.reason}`
  }
}

/**
 * A lock could not be acquired within `wait`, was lost, or its backend is unavailable.
 *
 * @category errors
 * @since 0.1.0
 */
export class LockError extends Schema.TaggedError<LockError>()("LockError", {
  name: Schema.String,
  reason: Schema.Literals(["Timeout", "Lost", "Unavailable", "Unsupported"]),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return `The lock "${this.name}" could not be held: ${this.reason}`
  }
}

/**
 * A caller waited longer than its `timeout` for a load. Only that caller fails; the load may go on for others.
 *
 * @category errors
 * @since 0.1.0
 */
export class LoadTimeout extends Schema.TaggedError<LoadTimeout>()("LoadTimeout", {
  key: Schema.String,
  timeoutMillis: Schema.Number
}) {
  override get message(): string {
    return `The load of "${this.key}" took longer than ${this.timeoutMillis} ms`
  }
}

/**
 * Loads wait for each other in a circle (`path` names them, first and last are the same). It is a defect: every way
 * out would be a guess. See `Cached.recursive`.
 *
 * @category defects
 * @since 0.1.0
 */
export class CacheCycle extends Schema.TaggedError<CacheCycle>()("CacheCycle", {
  path: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `Loads wait for each other in a circle: ${this.path.join(" -> ")}`
  }
}

/**
 * A load was asked of a cache whose layer is closed. It is a defect: the program uses the cache outside its scope.
 *
 * @category defects
 * @since 0.1.0
 */
export class CacheClosed extends Schema.TaggedError<CacheClosed>()("CacheClosed", {
  key: Schema.String
}) {
  override get message(): string {
    return `The cache is closed and does not load "${this.key}": keep its layer open as long as the program that uses it`
  }
}

/**
 * A programmer's error: a duration that does not parse, an unknown option, a key that cannot be canonical. It is
 * thrown at once by what is given the wrong thing, or dies with the first read where only then it can be seen.
 *
 * @category defects
 * @since 0.1.0
 */
export class CacheConfigError extends Schema.TaggedError<CacheConfigError>()("CacheConfigError", {
  message: Schema.String
}) {}
