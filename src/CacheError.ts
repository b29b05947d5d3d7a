/**
 * The tagged errors of the cache itself, with schemas in `CacheErrorSchema`. A load's own failure is never wrapped in
 * one of them. A failure of the store or the serializer reaches the program in three cases: under `CachePolicy.strict`,
 * from operations that depend on the store's answer (`Cached.counter`, a conditional `Cached.set`, scans), and while
 * a layer opens its store. In all other cases the cache logs and counts the failure, and continues.
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import { messageOf, phraseOf, whyOf, withCause } from "./internal/text/failures.ts"

/**
 * Why a store operation failed: the `reason` of a `StoreError`.
 * @category models
 * @since 0.1.0
 */
export type StoreErrorReason =
  /** The store cannot be reached, or the operation failed for a reason not listed here (see `cause`). */
  | "Unavailable"
  /** The store did not answer within `storeTimeout`. */
  | "Timeout"
  /** The store does not support this operation, or does not run on this platform. */
  | "Unsupported"
  /** The store is full, so the value was not stored. */
  | "Full"
  /** The value is larger than the store accepts. */
  | "TooLarge"
  /** An increment would exceed the range of safe integers. The counter is unchanged. */
  | "OutOfRange"
  /** The stored data cannot be read. */
  | "Corrupt"
  /** The store or its directory denies access. */
  | "Denied"

/**
 * A store operation failed. `store` and `operation` name the store and the operation, and `reason` says why it failed.
 *
 * **Example** (Acting on a reason)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Cached.counter("visits").increment({ by: Number.MAX_SAFE_INTEGER }).pipe(
 *   Effect.andThen(Cached.counter("visits").increment()),
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
    return `The store "${this.store}" could not ${phraseOf(this.operation)}: ${whyOf(this.reason, this.cause)}`
  }
}

/**
 * A value could not be encoded for the store, or stored bytes could not be decoded.
 *
 * **Example** (Encoding a value that JSON cannot represent)
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
 * A lock operation failed: the lock was not acquired in time, it was lost, or its backend could not answer.
 *
 * **Example** (Trying a lock once)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Lock } from "effect-cached/adapters"
 *
 * const program = Effect.gen(function*() {
 *   const { acquire } = yield* Lock.Lock
 *   yield* acquire("door", { lease: "10 seconds", wait: 0 })
 *   return yield* Effect.flip(acquire("door", { lease: "10 seconds", wait: 0 }))
 * })
 * const { reason } = await Effect.runPromise(Effect.scoped(program))
 * reason // => "Timeout"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class LockError extends Data.TaggedError("LockError")<{
  readonly lock: string
  readonly reason: "Timeout" | "Lost" | "Unavailable" | "Unsupported"
  readonly cause?: unknown
  /** If `reason` is `Timeout`: how long the holder's lease still lasts, unless the holder renews or releases it. */
  readonly retryAfterMillis?: number
}> {
  override get message(): string {
    const lock = `The lock "${this.lock}"`
    switch (this.reason) {
      case "Timeout": {
        const when = this.retryAfterMillis === undefined ? "" : ` after ${Math.ceil(this.retryAfterMillis)} ms`
        return `${lock} was not acquired: another holder kept it for all of \`wait\`. Try again${when}`
      }
      case "Lost":
        return `${lock} was lost: its lease ended before it was renewed, and another holder may have it now. ` +
          "Use a longer `lease` if the process is often blocked or suspended"
      case "Unavailable":
        return `${lock} is not held: ${withCause("its backend is unavailable", messageOf(this.cause))}. Try again later`
      case "Unsupported":
        return `${lock} has no known state: its backend has no \`isHeld\`. Add it to the backend`
    }
  }
  get retryAfter(): Duration.Duration {
    return Duration.millis(this.retryAfterMillis ?? 0)
  }
  /** `retryAfter` in whole seconds, rounded up, for the HTTP header `Retry-After`. */
  get retryAfterHeader(): string {
    return headerOf(this.retryAfterMillis ?? 0)
  }
}

/**
 * A rate limit (`Guard.rateLimit`) refused a call.
 *
 * **Example** (Telling a client when to come back)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { CacheLayer, Guard } from "effect-cached"
 *
 * const call = Effect.succeed("called").pipe(
 *   Guard.rateLimit({ key: "api", limit: 1, window: "90 seconds" }),
 *   Effect.catchTag("RateLimitExceeded", (error) => Effect.succeed(`Retry-After: ${error.retryAfterHeader}`))
 * )
 * const program = Effect.all([call, call])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["called", "Retry-After: 90"]
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class RateLimitExceeded extends Data.TaggedError("RateLimitExceeded")<{
  readonly key: string
  readonly limit: number
  readonly retryAfterMillis: number
}> {
  override get message(): string {
    return `The limit of ${this.limit} calls of "${this.key}" is reached: the next one may run in ` +
      `${Math.ceil(this.retryAfterMillis)} ms`
  }
  get retryAfter(): Duration.Duration {
    return Duration.millis(this.retryAfterMillis)
  }
  /** `retryAfter` in whole seconds, rounded up, for the HTTP header `Retry-After`. */
  get retryAfterHeader(): string {
    return headerOf(this.retryAfterMillis)
  }
}

/**
 * A circuit breaker (`Guard.circuitBreaker`) refused a call. `state` is `Open`, or `HalfOpen` while another call tests
 * whether the circuit can close.
 *
 * **Example** (Answering for a service that is down)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { CacheLayer, Guard } from "effect-cached"
 *
 * const call = Effect.fail("down").pipe(
 *   Guard.circuitBreaker({ key: "api", failures: 1, open: "30 seconds" }),
 *   Effect.catchTag("CircuitOpen", (error) => Effect.succeed(`Retry-After: ${error.retryAfterHeader}`)),
 *   Effect.catch(Effect.succeed)
 * )
 * const program = Effect.all([call, call])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => ["down", "Retry-After: 30"]
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class CircuitOpen extends Data.TaggedError("CircuitOpen")<{
  readonly key: string
  readonly state: "Open" | "HalfOpen"
  readonly retryAfterMillis: number
}> {
  override get message(): string {
    return `The circuit "${this.key}" is ${this.state === "Open" ? "open" : "half open"}: the next call may run in ` +
      `${Math.ceil(this.retryAfterMillis)} ms`
  }
  get retryAfter(): Duration.Duration {
    return Duration.millis(this.retryAfterMillis)
  }
  /** `retryAfter` in whole seconds, rounded up, for the HTTP header `Retry-After`. */
  get retryAfterHeader(): string {
    return headerOf(this.retryAfterMillis)
  }
}

// Rounds up, because a client that retries even a moment too early is refused again.
const headerOf = (millis: number): string => String(Math.ceil(millis / 1000))

/**
 * `Cached.update` stored nothing, because other writers changed the entry during each of its `tries`.
 *
 * **Example** (Conflicting with its own write)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { withTimePassing } from "effect-cached/testing"
 *
 * // each try sets the value that it is about to change
 * const restless = Cached.update("n", () => Effect.as(Cached.set("n", 0), Option.some(1)))
 * const program = withTimePassing(Effect.flip(restless)).pipe(Effect.provide([CacheLayer.memory(), TestClock.layer()]))
 * const error = await Effect.runPromise(program)
 * error._tag // => "UpdateConflict"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class UpdateConflict extends Data.TaggedError("UpdateConflict")<{
  readonly key: string
  readonly tries: number
}> {
  override get message(): string {
    return `The entry "${this.key}" was not updated: others wrote it during each of ${this.tries} tries. Update it under a lock`
  }
}

/**
 * A transaction was not committed and wrote nothing, because other writers changed something that it depends on.
 * `ids` lists the changed entries, and `names` the changed counters. Both are empty if only a listing has changed.
 * `Transaction.run` retries before it fails with this error.
 *
 * **Example** (Conflicting with another write)
 *
 * ```ts
 * import { Effect, Schedule } from "effect"
 * import { Cached, CacheLayer, type Caching, Transaction } from "effect-cached"
 *
 * const program = Effect.gen(function*() {
 *   const outside = yield* Effect.context<Caching.Caching>()
 *   const sell = Effect.gen(function*() {
 *     yield* Cached.getOption("stock")
 *     yield* Effect.provideContext(Cached.set("stock", 41), outside)
 *     yield* Cached.set("stock", 40)
 *   })
 *   return yield* Effect.flip(Transaction.run(sell, { retry: Schedule.recurs(0) }))
 * })
 * const conflict = await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory())))
 * conflict._tag // => "TransactionConflict"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class TransactionConflict extends Data.TaggedError("TransactionConflict")<{
  readonly ids: ReadonlyArray<string>
  readonly names: ReadonlyArray<string>
}> {
  override get message(): string {
    const all = [...this.ids, ...this.names]
    return all.length === 0
      ? "The transaction was not committed, and nothing was written: others changed entries that it listed. Run it again"
      : `The transaction was not committed, and nothing was written: others changed ${
        all.slice(0, 10).map((id) => `"${id}"`).join(", ")
      }` +
        (all.length > 10 ? ` and ${all.length - 10} more` : "") + ". Run it again"
  }
}

/**
 * A transaction took longer than its `timeout`, which includes retries and waits for locks. Nothing was written.
 *
 * **Example** (Giving up)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { CacheLayer, Transaction } from "effect-cached"
 *
 * const program = Effect.flip(Transaction.run(Effect.never, { timeout: "10 millis" }))
 * const error = await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory())))
 * error._tag // => "TransactionTimeout"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class TransactionTimeout extends Data.TaggedError("TransactionTimeout")<{
  readonly timeoutMillis: number
}> {
  override get message(): string {
    return `The transaction took longer than ${this.timeoutMillis} ms, and nothing was written: raise \`timeout\`, or do less in it`
  }
}

/**
 * A caller waited longer than its `timeout` for a load. Only this caller fails, and the load may continue for others.
 *
 * **Example** (Limiting one caller)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const slow = Effect.never.pipe(Cached.ttl("slow", { ttl: "1 hour", timeout: "10 millis" }))
 * const error = await Effect.runPromise(Effect.flip(slow).pipe(Effect.provide(CacheLayer.memory())))
 * error.timeoutMillis // => 10
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
    return `The load of "${this.key}" took longer than ${this.timeoutMillis} ms: raise \`timeout\`, or try again`
  }
}

/**
 * A consumer of a cached stream was too slow, and the elements that it would have read next are gone. A stream that
 * can no longer be stored, for example because it exceeds `maxBytes`, keeps only its latest elements. Such a stream
 * waits for slow consumers for 5 seconds in total, or as `whenSlow` says.
 *
 * **Example** (Describing the failure)
 *
 * ```ts
 * import { CacheError } from "effect-cached"
 *
 * new CacheError.StreamLagged({ key: "rows" }).message.includes("whenSlow") // => true
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class StreamLagged extends Data.TaggedError("StreamLagged")<{
  readonly key: string
}> {
  override get message(): string {
    return `A consumer of the stream "${this.key}" was too slow, and its next elements are gone: raise maxBytes, or let the run wait with whenSlow: "wait"`
  }
}

/**
 * The store has lost a page of a stream behind elements that the consumer has already received. To get the stream from
 * its beginning, consume it again.
 *
 * **Example** (Describing the failure)
 *
 * ```ts
 * import { CacheError } from "effect-cached"
 *
 * new CacheError.StreamCut({ key: "rows" }).message.includes("Consume it again") // => true
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class StreamCut extends Data.TaggedError("StreamCut")<{
  readonly key: string
}> {
  override get message(): string {
    return `The rest of the stored stream "${this.key}" is lost. Consume it again`
  }
}

/**
 * A defect: loads wait for each other in a cycle. `path` lists their ids, beginning and ending with the same id. The
 * cache cannot break a cycle; the program must. While a load runs, a fiber that it has forked counts as part of the
 * load, because the cache cannot see whether the load waits for the fiber.
 *
 * **Example** (Detecting a cycle)
 *
 * ```ts
 * import { Cause, Effect } from "effect"
 * import { Cached, CacheLayer, type Caching } from "effect-cached"
 *
 * const self: Effect.Effect<number, never, Caching.Caching> = Effect.suspend(() => self).pipe(
 *   Cached.ttl("self", { ttl: "1 hour" })
 * )
 * const cause = await Effect.runPromise(Effect.sandbox(self).pipe(Effect.flip, Effect.provide(CacheLayer.memory())))
 * String(Cause.squash(cause)).includes("self -> self") // => true
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class CacheCycle extends Data.TaggedError("CacheCycle")<{
  readonly path: ReadonlyArray<string>
}> {
  override get message(): string {
    return `Loads wait for each other in a circle: ${this.path.join(" -> ")}. Break it, or fork outside the ` +
      "loads what they do not wait for"
  }
}

/**
 * A defect: the layer of the cache closed before a load could start or finish. Keep the layer open while it is used.
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
    return `The cache is closed and does not load "${this.key}": keep its layer open while it is used`
  }
}

/**
 * A programming mistake, such as a duration that does not parse, an unknown option, or a key without a canonical form.
 * The function that gets the invalid argument throws this error. If only a read can detect the mistake, the read dies.
 *
 * **Example** (Misspelling an option)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { CacheLayer } from "effect-cached"
 *
 * const mistake = Effect.try({
 *   try: () => CacheLayer.memory({ capacitty: 10 } as object),
 *   catch: (thrown) => (thrown as Error).name
 * })
 * Effect.runSync(Effect.flip(mistake)) // => "CacheConfigError"
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class CacheConfigError extends Data.TaggedError("CacheConfigError")<{
  readonly message: string
}> {}
