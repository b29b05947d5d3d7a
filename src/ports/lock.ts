/** The port to a lock that holds across processes: what a lock is. Its constructors are in `Lock`. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LockError } from "../CacheError.ts"

/**
 * A lock that is held until its scope is closed, or lost when its holder could not prolong it in time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lease {
  /** larger than that of every holder before */
  readonly token: bigint
  /** fails with reason `Lost` as soon as the lock may be another's, and never ends otherwise */
  readonly lost: Effect.Effect<never, LockError>
}

/**
 * How a lock is held, and how long it is waited for.
 *
 * @category options
 * @since 0.1.0
 */
export interface AcquireOptions {
  /**
   * Held for so long without being prolonged. A holder that lives prolongs it three times as often, so this is not a
   * limit of what it does under the lock: it is how long the others wait for one that was killed or stopped.
   */
  readonly lease: Duration.Input
  /** how long to wait for another holder before failing with reason `Timeout`; 0 tries once */
  readonly wait: Duration.Input
}

/**
 * Mutual exclusion by name.
 *
 * It is not reentrant: a holder that acquires the same name again waits for itself. Those who wait in one process are
 * served in the order they came; between processes there is no order. Who is interrupted while waiting leaves nothing
 * behind.
 *
 * A holder that was stopped for longer than its lease (a suspended machine, a blocked event loop) finds out late that
 * the lock is another's: what it does until then only the token can refuse. Hand it to what is protected, and race long
 * work with `lost`.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Lock } from "effect-cached"
 *
 * let newest = 0n // of what is protected
 *
 * const report = Effect.gen(function*() {
 *   const lock = yield* Lock.Lock
 *   const lease = yield* lock.acquire("report", { lease: "10 seconds", wait: "1 minute" })
 *   const write = Effect.sync(() => {
 *     if (lease.token < newest) return "refused"
 *     newest = lease.token
 *     return "written"
 *   })
 *   return yield* Effect.raceFirst(write, lease.lost)
 * })
 * await Effect.runPromise(Effect.scoped(report)) // => "written"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Lock {
  readonly name: string
  /** throws a `CacheConfigError` for a lease that is not above zero or has no end, and a wait that is no duration */
  readonly acquire: (name: string, options: AcquireOptions) => Effect.Effect<Lease, LockError, Scope.Scope>
}

/**
 * The answer to `acquire`: the token of the new holder, or how long another may still hold the lock.
 *
 * @category models
 * @since 0.1.0
 */
export type Acquired =
  | { readonly _tag: "Held"; readonly token: bigint }
  | { readonly _tag: "Wait"; readonly leftMillis: number }

/**
 * What `make` needs of a place where locks are kept. Each operation is one atomic step there, ends by itself within a
 * second or so, and is not interrupted.
 *
 * @category models
 * @since 0.1.0
 */
export interface Backend {
  readonly name: string
  /**
   * How often to look again while another holds the lock; default: only once its time is over, for a place that nobody
   * but this `Lock` gives locks back to
   */
  readonly pollMillis?: number | undefined
  /** the lock, unless another holds it whose time is not over; the token is larger than all that were given before */
  readonly tryAcquire: (name: string, leaseMillis: number) => Effect.Effect<Acquired, LockError>
  /** from now on it is held for so long; `false`: it was taken by another since, or given back */
  readonly renew: (name: string, token: bigint, leaseMillis: number) => Effect.Effect<boolean, LockError>
  /** gives it back if it is still this holder's */
  readonly release: (name: string, token: bigint) => Effect.Effect<void, LockError>
}
