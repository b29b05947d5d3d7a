/**
 * The port to a lock that holds across processes. It protects what is not in the cache, so whoever holds it is given a
 * token that only grows: the protected resource can refuse one that is smaller than the last it saw.
 *
 * See M. Kleppmann, "How to do distributed locking" (2016), on fencing tokens.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LockError } from "./CacheError.ts"

/**
 * A lock that is held until its scope is closed, or lost when its holder could not prolong it in time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Lease {
  /** larger than that of every holder before */
  readonly token: bigint
  /** fails with reason `Lost` as soon as the lock may be another's */
  readonly lost: Effect.Effect<never, LockError>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface AcquireOptions {
  /** held for so long without being prolonged; a holder that lives prolongs it */
  readonly lease: Duration.Input
  /** how long to wait for another holder before failing with reason `Timeout` */
  readonly wait: Duration.Input
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Lock {
  readonly name: string
  readonly acquire: (name: string, options: AcquireOptions) => Effect.Effect<Lease, LockError, Scope.Scope>
}
