/**
 * The port to a lock that holds across processes. It protects what is not in the cache, so whoever holds it is given a
 * token that only grows: the protected resource can refuse one that is smaller than the last it saw.
 *
 * See M. Kleppmann, "How to do distributed locking" (2016), on fencing tokens.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as fromBackend from "./internal/lock/fromBackend.ts"
import * as processLocks from "./internal/lock/process.ts"
import type * as Port from "./ports/lock.ts"

export type { Acquired, AcquireOptions, Backend, Lease } from "./ports/lock.ts"

/**
 * Mutual exclusion by name: see `effect-cached/Lock`.
 *
 * @category models
 * @since 0.1.0
 */
export type Lock = Port.Lock

/**
 * The lock in use. By default it is that of this process alone (`effect-cached/locks/ProcessLock`): provide another
 * where processes share what is protected.
 *
 * @category services
 * @since 0.1.0
 */
export const Lock: Context.Reference<Port.Lock> = Context.Reference<Port.Lock>("effect-cached/Lock", {
  defaultValue: () => fromBackend.make(processLocks.make())
})

/**
 * A `Lock` over a place where locks are kept: waiting, prolonging and giving back are derived.
 *
 * Of those who wait for one name only the first asks the backend.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (backend: Port.Backend) => Port.Lock = fromBackend.make
