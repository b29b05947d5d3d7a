/**
 * Locks: the port for mutual exclusion across processes, and its constructors. A lock protects a resource outside the
 * cache. Each holder gets a fencing token, larger than all earlier ones, so that the resource can refuse a holder whose
 * lease has expired (M. Kleppmann, "How to do distributed locking", 2016).
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as fromBackend from "./internal/lock/fromBackend.ts"
import * as processLocks from "./internal/lock/process.ts"
import type * as Port from "./ports/lock.ts"

export type { Acquired, Backend, Lease } from "./ports/lock.ts"

/**
 * A service of named locks: mutual exclusion among all callers that share its backend.
 * @category models
 * @since 0.1.0
 */
export type Lock = Port.Lock

/**
 * The reference to the lock service of a program. The default works only among callers in one process.
 *
 * **When to use**
 *
 * Provide another lock if several processes share the protected resource.
 *
 * **Example** (Running one report at a time)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Lock } from "effect-cached/adapters"
 *
 * const report = Effect.gen(function*() {
 *   const lock = yield* Lock.Lock
 *   yield* lock.acquire("report", { lease: "10 seconds", wait: "1 minute" })
 *   return "written"
 * })
 * await Effect.runPromise(Effect.scoped(report)) // => "written"
 * ```
 *
 * @see `SqliteGuards.layer` for processes on one machine
 * @see `RedisGuards.layer` for processes on several machines
 * @category services
 * @since 0.1.0
 */
export const Lock: Context.Reference<Port.Lock> = Context.Reference<Port.Lock>("effect-cached/Lock", {
  defaultValue: () => fromBackend.make(processLocks.make())
})

/**
 * Creates a `Lock` from a backend, and adds waiting, automatic renewal and release. If several callers in this process
 * wait for the same name, only the first of them asks the backend.
 *
 * **When to use**
 *
 * Use for a custom backend, such as a lock service.
 *
 * **Example** (Keeping locks in a map)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Lock } from "effect-cached/adapters"
 *
 * const held = new Map<string, bigint>()
 * let last = 0n
 * const lock = Lock.make({
 *   name: "map",
 *   pollMillis: 50,
 *   tryAcquire: (name, leaseMillis) =>
 *     Effect.sync(() => {
 *       if (held.has(name)) return { _tag: "Wait", leftMillis: leaseMillis } // a real backend lets leases expire
 *       held.set(name, ++last)
 *       return { _tag: "Held", token: last }
 *     }),
 *   renew: (name, token) => Effect.sync(() => held.get(name) === token),
 *   release: (name, token) => Effect.sync(() => void (held.get(name) === token && held.delete(name)))
 * })
 * const once = Effect.scoped(lock.acquire("door", { lease: "5 seconds", wait: 0 }))
 * const [first, second] = await Effect.runPromise(Effect.all([once, once]))
 * second.token > first.token // => true
 * ```
 *
 * @see {@link Lock} for the lock service of a program
 * @category constructors
 * @since 0.1.0
 */
export const make: (backend: Port.Backend) => Port.Lock = fromBackend.make
