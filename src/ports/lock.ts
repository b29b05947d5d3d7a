/** The port to a lock that holds across processes: the types. Its constructors are in `Lock`. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { LockError } from "../CacheError.ts"
import type * as Ttl from "../Ttl.ts"

/**
 * A held lock, which lasts until the scope closes, or until the holder cannot renew it in time.
 * @category models
 * @since 0.1.0
 */
export interface Lease {
  /** The fencing token: larger than the token of every earlier holder. */
  readonly token: bigint
  /** Fails with reason `Lost` as soon as another may hold the lock. Otherwise it never ends. */
  readonly lost: Effect.Effect<never, LockError>
}

/**
 * The options of `acquire`: how long a lock is held without renewal, and how long to wait for it.
 * @category options
 * @since 0.1.0
 */
export interface AcquireOptions {
  /**
   * How long the lock is held without renewal, which a running holder does every third of it. It does not limit the
   * work: it is the time others wait for a holder that was killed or stopped.
   */
  readonly lease: Ttl.Input
  /** How long to wait for another holder before failing with reason `Timeout`. 0 tries once. */
  readonly wait: Ttl.Input
}

/**
 * Mutual exclusion by name, among all users of the same place. Callers of one process are served in the order of their
 * calls; between processes there is no order. A caller interrupted while it waits leaves nothing behind.
 *
 * **When to use**
 *
 * Use it for work that must not run twice at once and that no cache entry represents: a report, a migration, a file.
 *
 * **Gotchas**
 *
 * - The lock is not reentrant. A holder that acquires the same name again waits for itself.
 * - A holder that was stopped for longer than its lease (a suspended machine, a blocked event loop) notices late that
 *   another holds the lock. Pass the token to the protected resource, which can refuse it, and race long work with
 *   `lost`.
 *
 * **Example** (Refusing a late holder by its token)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Lock } from "effect-cached"
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
  /** Acquires a lock until the scope closes. Throws a `CacheConfigError` for a lease that is zero or infinite. */
  readonly acquire: (name: string, options: AcquireOptions) => Effect.Effect<Lease, LockError, Scope.Scope>
  /** Whether a lock is held. The answer may be outdated: to keep others out, acquire the lock with `wait: 0`. */
  readonly isLocked: (name: string) => Effect.Effect<boolean, LockError>
}

/**
 * The answer to `tryAcquire` of a `Backend`: the token of the new holder, or how long another may still hold the lock.
 * @category models
 * @since 0.1.0
 */
export type Acquired =
  | { readonly _tag: "Held"; readonly token: bigint }
  | { readonly _tag: "Wait"; readonly leftMillis: number }

/**
 * The operations of a place of locks, from which `Lock.make` creates a lock. Each is one atomic step there, ends by
 * itself within about a second, and is not interrupted.
 * @see {@link Lock} for the resulting lock
 * @category models
 * @since 0.1.0
 */
export interface Backend {
  readonly name: string
  /**
   * How often a waiting caller tries again, in milliseconds. Without it, a caller tries again when the current lease
   * ends or a caller of the same `Lock` releases, which is enough for a place without other users.
   */
  readonly pollMillis?: number | undefined
  /** Acquires the lock unless another holder's lease is still running. The token is larger than all earlier tokens. */
  readonly tryAcquire: (name: string, leaseMillis: number) => Effect.Effect<Acquired, LockError>
  /** Restarts the lease with this length. `false` if it was released, or another holds the lock. */
  readonly renew: (name: string, token: bigint, leaseMillis: number) => Effect.Effect<boolean, LockError>
  readonly release: (name: string, token: bigint) => Effect.Effect<void, LockError>
  /** Releases several locks in one step, at most 256. Without it each is released separately. */
  readonly releaseMany?:
    | ((held: ReadonlyArray<{ readonly name: string; readonly token: bigint }>) => Effect.Effect<void, LockError>)
    | undefined
  /**
   * Calls `wake` once it has begun to listen, and whenever the lock may have become free, until the returned function
   * is called. A waiting caller then tries again. Without it callers try again every `pollMillis`.
   */
  readonly watch?: ((name: string, wake: () => void) => () => void) | undefined
  /** Whether a holder's lease is running. Without it `isLocked` fails with reason `Unsupported`. */
  readonly isHeld?: ((name: string) => Effect.Effect<boolean, LockError>) | undefined
}
