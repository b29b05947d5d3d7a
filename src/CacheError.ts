/**
 * The errors of the cache itself: tagged errors with fields to act on. Their schemas are in `CacheErrorSchema`, so that
 * a program that does not send them anywhere does not load them.
 *
 * The failure of a load is never wrapped in one of them. A fault of a store or serializer reaches the program only
 * under `CachePolicy.strict`, and from operations whose answer is the store's (`Cached.increment`, a conditional
 * `Cached.set`, scans), and where a layer over a folder is built; otherwise it is logged, counted and worked around.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"

/**
 * Why a store could not do what it was asked: the `reason` of a `StoreError`.
 *
 * @category models
 * @since 0.1.0
 */
export type StoreErrorReason =
  /** the store cannot be reached, or the operation failed for another reason (see `cause`) */
  | "Unavailable"
  /** the store did not answer within the store budget */
  | "Timeout"
  /** the store does not have this operation, or does not run on this platform */
  | "Unsupported"
  /** no room: the value was not stored */
  | "Full"
  /** the value is larger than the store takes */
  | "TooLarge"
  /** the sum of an increment is no safe integer: the counter stays as it was */
  | "OutOfRange"
  /** what is stored cannot be read */
  | "Corrupt"
  /** the store, or its directory, refuses access */
  | "Denied"

/**
 * A store failed: `store` is its name, `operation` what it was asked, `reason` why it failed.
 *
 * **Example** (Acting on a reason)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Cached.increment("visits", { by: Number.MAX_SAFE_INTEGER }).pipe(
 *   Effect.andThen(Cached.increment("visits")),
 *   Effect.catchTag("StoreError", ({ reason }) => Effect.succeed(reason))
 * )
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => "OutOfRange"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreError extends Data.TaggedError("StoreError")<{
  readonly store: string
  readonly operation: string
  readonly reason: StoreErrorReason
  readonly cause?: unknown
}> {
  override get message(): string {
    const failed = `The store "${this.store}" failed to ${this.operation}: ${this.reason}`
    // what is missing is in nobody's hands but the reader's
    return this.reason === "Unsupported" && this.cause instanceof Error ? `${failed} (${this.cause.message})` : failed
  }
}

/**
 * A value could not be encoded for the store, or stored bytes could not be decoded.
 *
 * **Example** (Refusing a value that JSON does not have)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Json } from "effect-cached/serializers/Json"
 *
 * const codec = Json.make<unknown, never>(undefined)
 * const error = Effect.runSync(Effect.flip(codec.encode(new Map(), "numbers")))
 * error._tag // => "SerializerError"
 * error.operation // => "encode"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class SerializerError extends Data.TaggedError("SerializerError")<{
  readonly serializer: string
  readonly operation: "encode" | "decode"
  readonly reason: string
  readonly cause?: unknown
}> {
  override get message(): string {
    return `The serializer "${this.serializer}" could not ${this.operation} a value: ${this.reason}`
  }
}

/**
 * A lock was not acquired within `wait`, was lost, or its backend is unavailable.
 *
 * **Example** (Trying a lock once)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Lock } from "effect-cached"
 *
 * const program = Effect.gen(function*() {
 *   const lock = yield* Lock.Lock
 *   yield* lock.acquire("door", { lease: "10 seconds", wait: 0 })
 *   return yield* lock.acquire("door", { lease: "10 seconds", wait: 0 })
 * }).pipe(
 *   Effect.scoped,
 *   Effect.catchTag("LockError", ({ reason }) => Effect.succeed(reason))
 * )
 * await Effect.runPromise(program) // => "Timeout"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class LockError extends Data.TaggedError("LockError")<{
  readonly name: string
  readonly reason: "Timeout" | "Lost" | "Unavailable" | "Unsupported"
  readonly cause?: unknown
}> {
  override get message(): string {
    return `The lock "${this.name}" could not be held: ${this.reason}`
  }
}

/**
 * A caller waited for a load longer than its `timeout`.
 *
 * **Details**
 *
 * Only this caller fails; the load may go on for others.
 *
 * **Example** (Limiting one caller)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const slow = Effect.never.pipe(Cached.ttl({ key: "slow", ttl: "1 hour", timeout: "10 millis" }))
 *
 * const program = slow.pipe(Effect.catchTag("LoadTimeout", ({ timeoutMillis }) => Effect.succeed(timeoutMillis)))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => 10
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class LoadTimeout extends Data.TaggedError("LoadTimeout")<{
  readonly key: string
  readonly timeoutMillis: number
}> {
  override get message(): string {
    return `The load of "${this.key}" took longer than ${this.timeoutMillis} ms`
  }
}

/**
 * A defect: loads wait for each other in a circle. `path` names them; first and last are the same.
 *
 * **Details**
 *
 * The cache cannot break the circle without a guess. `Cached.recursive` can.
 *
 * A fiber that a load forked counts as a part of it while the load runs, because the cache cannot see whether the load
 * waits for it.
 *
 * **Example** (Finding a circle)
 *
 * ```ts
 * import { Cause, Effect } from "effect"
 * import { Cached, CacheLayer, type Caching } from "effect-cached"
 *
 * const self: Effect.Effect<number, never, Caching.Caching> = Effect.suspend(() => self).pipe(
 *   Cached.ttl({ key: "self", ttl: "1 hour" })
 * )
 * const program = Effect.map(Effect.sandbox(self).pipe(Effect.flip), (cause) => String(Cause.squash(cause)))
 * const message = await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory())))
 * message.includes("self -> self") // => true
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class CacheCycle extends Data.TaggedError("CacheCycle")<{
  readonly path: ReadonlyArray<string>
}> {
  override get message(): string {
    return `Loads wait for each other in a circle: ${this.path.join(" -> ")}. A fiber that a load forked counts as a ` +
      "part of it while the load runs, because the cache cannot see whether the load waits for it: where it does not, " +
      "fork it outside of the load"
  }
}

/**
 * A defect: a load was asked of a cache whose layer is closed. The program uses the cache outside its scope.
 *
 * **Example** (Describing the defect)
 *
 * ```ts
 * import { CacheError } from "effect-cached"
 *
 * new CacheError.CacheClosed({ key: "answer" }).message.includes("keep its layer open") // => true
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class CacheClosed extends Data.TaggedError("CacheClosed")<{
  readonly key: string
}> {
  override get message(): string {
    return `The cache is closed and does not load "${this.key}": keep its layer open as long as the program that uses it`
  }
}

/**
 * A programming mistake: a duration that does not parse, an unknown option, a key that has no canonical form.
 *
 * **Details**
 *
 * It is thrown by the function that is given the wrong thing. Where the mistake shows only later, the first read dies
 * with it.
 *
 * **Example** (Misspelling an option)
 *
 * ```ts
 * import { CacheError, CacheLayer } from "effect-cached"
 *
 * let error: unknown
 * try {
 *   CacheLayer.memory({ capacitty: 10 } as object)
 * } catch (thrown) {
 *   error = thrown
 * }
 * error instanceof CacheError.CacheConfigError // => true
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class CacheConfigError extends Data.TaggedError("CacheConfigError")<{
  readonly message: string
}> {}
