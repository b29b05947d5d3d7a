/** The types of the port for locks across processes. Its constructors are in `Lock`. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LockError } from "../CacheError.ts"
import type * as Ttl from "../Ttl.ts"

/**
 * A held lock. It lasts until the scope closes, or until the holder fails to renew it in time.
 * @category models
 * @since 0.1.0
 */
export interface Lease {
  /** The fencing token: larger than the token of every earlier holder. */
  readonly token: bigint
  /** Fails with reason `Lost` as soon as another caller may hold the lock. Until then, it does not complete. */
  readonly lost: Effect.Effect<never, LockError>
}

/**
 * The options of `Lock.acquire`: how long a lock is held without renewal, and how long to wait for it.
 * @category options
 * @since 0.1.0
 */
export interface AcquireOptions {
  /**
   * How long the lock is held without renewal. A running holder renews the lock after each third of this time, so
   * `lease` does not limit the work, only how long other callers wait for a holder that was killed or suspended.
   */
  readonly lease: Ttl.Input
  /** How long to wait for the current holder before failing with reason `Timeout`. 0 tries once. */
  readonly wait: Ttl.Input
}

/**
 * A service of named locks: mutual exclusion among all callers that share its backend. Callers in one process get the
 * lock in the order of their calls; processes get it in any order. An interrupted waiter leaves nothing behind.
 *
 * **When to use**
 *
 * Use for work that must not run twice at once and whose result is not a cache entry: a report, a migration, a file.
 *
 * **Gotchas**
 *
 * - The lock is not reentrant. A holder that acquires the same name again waits for itself.
 * - A holder that was suspended for longer than its lease (a sleeping machine, a blocked event loop) notices late that
 *   another caller holds the lock. Pass the token to the protected resource, which can refuse outdated tokens, and race
 *   long work with `lost`.
 *
 * **Example** (Refusing a late holder by its token)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Lock } from "effect-cached/adapters"
 *
 * let newest = 0n // kept by the protected resource
 * const write = (token: bigint) => Effect.sync(() => token < newest ? "refused" : (newest = token, "written"))
 * const report = Effect.gen(function*() {
 *   const lock = yield* Lock.Lock
 *   const lease = yield* lock.acquire("report", { lease: "10 seconds", wait: "1 minute" })
 *   return yield* Effect.raceFirst(write(lease.token), lease.lost)
 * })
 * await Effect.runPromise(Effect.scoped(report)) // => "written"
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface Lock {
  readonly name: string
  /** Acquires a lock and holds it until the scope closes. Throws a `CacheConfigError` for a zero or infinite lease. */
  readonly acquire: (name: string, options: AcquireOptions) => Effect.Effect<Lease, LockError, Scope.Scope>
  /** Whether a lock is held. The answer may be outdated: to exclude other callers, acquire the lock with `wait: 0`. */
  readonly isLocked: (name: string) => Effect.Effect<boolean, LockError>
}

/**
 * The result of `Backend.tryAcquire`: the new holder's token, or how long another holder may still keep the lock.
 * @category models
 * @since 0.1.0
 */
export type Acquired =
  | { readonly _tag: "Held"; readonly token: bigint }
  | { readonly _tag: "Wait"; readonly leftMillis: number }

/**
 * The operations of a lock backend, from which `Lock.make` creates a lock. Each operation is one atomic step in the
 * backend. It must end within about a second by itself, because it is not interrupted.
 * @see {@link Lock} for the resulting lock
 * @category models
 * @since 0.1.0
 */
export interface Backend {
  readonly name: string
  /**
   * How many milliseconds a waiting caller pauses between attempts. If absent, the caller tries again when the lease
   * ends or the lock is released through the same `Lock`, which suffices if nothing else uses the backend.
   */
  readonly pollMillis?: number | undefined
  /** Acquires the lock unless another holder's lease is still running. The token is larger than all earlier tokens. */
  readonly tryAcquire: (name: string, leaseMillis: number) => Effect.Effect<Acquired, LockError>
  /** Restarts the lease with this length. Returns `false` if the lock was released, or another caller holds it. */
  readonly renew: (name: string, token: bigint, leaseMillis: number) => Effect.Effect<boolean, LockError>
  readonly release: (name: string, token: bigint) => Effect.Effect<void, LockError>
  /** Releases up to 256 locks in one step. If absent, each lock is released separately. */
  readonly releaseMany?:
    | ((held: ReadonlyArray<{ readonly name: string; readonly token: bigint }>) => Effect.Effect<void, LockError>)
    | undefined
  /**
   * Listens for releases until the returned function is called. Calls `wake` once at the beginning and whenever the
   * lock may be free: a waiting caller then tries again. If absent, callers try again every `pollMillis`.
   */
  readonly watch?: ((name: string, wake: () => void) => () => void) | undefined
  /** Whether a holder's lease is running. If absent, `Lock.isLocked` fails with reason `Unsupported`. */
  readonly isHeld?: ((name: string) => Effect.Effect<boolean, LockError>) | undefined
}
