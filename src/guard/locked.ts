/**
 * The guard that runs effects and streams under a lock, one at a time.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { LockError } from "../CacheError.ts"
import * as GuardsDefaults from "../internal/defaults/guards.ts"
import * as OptionsDefaults from "../internal/defaults/options.ts"
import { during } from "../internal/lock/fromBackend.ts"
import { checkOptions, type Checks, mistake, optional } from "../internal/options/options.ts"
import { Lock } from "../Lock.ts"
import type { Lease } from "../ports/lock.ts"
import type * as Ttl from "../Ttl.ts"
import { toMillis } from "../Ttl.ts"
import { checkTime } from "./checks.ts"
import { type AnyEffect, type AnyStream, guard, type Guardable, type Guarded } from "./guardable.ts"
import { checkKey, type GuardKey, nameOf } from "./guardKey.ts"

/**
 * The options of `Guard.locked`.
 * @category options
 * @since 0.1.0
 */
interface LockedOptions {
  /** The name of the lock, or an instance of a key class. */
  readonly key: GuardKey
  /**
   * How long the lock stays held after its holder was killed or suspended. A running holder renews its lease.
   * @default 5 seconds
   */
  readonly lease?: Ttl.Input | undefined
  /** How long to wait while another caller holds the lock. 0 tries only once. @default no limit */
  readonly wait?: Ttl.Input | undefined
}

const checks: Checks<LockedOptions> = {
  key: checkKey,
  lease: optional(checkTime("lease")),
  wait: optional((given, of) => {
    const millis = toMillis(given, `wait of ${of}`)
    if (millis < 0) throw mistake(`wait of ${of} must be 0 or longer, not ${millis} ms`)
  })
}

interface Checked {
  readonly name: string
  readonly leaseMillis: number
  readonly waitMillis: number
}

const check = (options: LockedOptions): Checked => {
  checkOptions("Guard.locked", options, checks)
  return {
    name: nameOf(options.key),
    leaseMillis: toMillis(options.lease ?? OptionsDefaults.layer.leaseMillis),
    waitMillis: toMillis(options.wait ?? GuardsDefaults.guard.waitMillis)
  }
}

/**
 * The service that `Guard.locked` provides to the locked effect. An effect that requires `Held` must run under a lock.
 * Its `token` is larger than those of earlier holders.
 *
 * **When to use**
 *
 * Use in the type of an effect that must run under a lock, and for its token if the protected resource can refuse a
 * request with a smaller token than the last one that it accepted.
 *
 * **Example** (Requiring a lock)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 *
 * const write = (text: string): Effect.Effect<string, never, Guard.Held> =>
 *   Effect.map(Guard.Held, ({ token }) => token > 0n ? `${text}, guarded` : text)
 * await Effect.runPromise(write("report").pipe(Guard.locked({ key: "report" }))) // => "report, guarded"
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Held extends Context.Service<Held, { readonly token: bigint }>()("effect-cached/Guard/Held") {}

/** Holds the lock until the scope closes. Used for streams, and for a `Lock` that was not created with `Lock.make`. */
const acquire = ({ leaseMillis, name, waitMillis }: Checked): Effect.Effect<Lease, LockError, Scope.Scope> =>
  Effect.withFiber((fiber) => fiber.getRef(Lock).acquire(name, { lease: leaseMillis, wait: waitMillis }))

const onEffect = (self: AnyEffect, options: Checked): AnyEffect =>
  Effect.withFiber((fiber) => {
    const holding = (token: bigint) => Effect.provideService(self, Held, { token })
    return during(fiber.getRef(Lock), options, holding) ??
      Effect.scopedWith((scope) =>
        Effect.flatMap(
          Scope.provide(acquire(options), scope),
          ({ lost, token }) => Effect.raceFirst(holding(token), lost)
        )
      )
  })

/**
 * `Stream.interruptWhen` of Effect 4.1 waits for ever under some schedules if its stream ends at once. The buffer runs
 * the stream in one fiber: what a raced pull forks would end with that pull.
 */
const untilLost = (self: AnyStream, lost: Lease["lost"]): AnyStream =>
  Stream.transformPull(
    Stream.bufferArray(self, { capacity: 1 }),
    (pull) => Effect.succeed(Effect.raceFirst(lost, pull))
  )

const onStream = (self: AnyStream, options: Checked): AnyStream =>
  Stream.unwrap(
    Effect.map(acquire(options), ({ lost, token }) => untilLost(Stream.provideService(self, Held, { token }), lost))
  )

/**
 * Runs an effect or a stream under a lock, so that no other holder of the key runs at the same time. Caches nothing.
 *
 * **When to use**
 *
 * Use it for work that must not run twice at once and has no result to share, such as a migration or a report.
 *
 * **Details**
 *
 * - The lock comes from the `Lock` service. With `CacheLayer.memory`, it excludes callers in this process; with `disk`,
 *   callers in all processes that use the folder; with `redis`, callers in all processes that use the server. It also
 *   excludes `Lock.acquire` of the same name. It is not reentrant: the effect cannot lock its own key again.
 * - The lease is renewed while the effect runs. A holder that loses the lease is interrupted, and fails with a
 *   `LockError` of reason `Lost`.
 * - If the lock is not granted within `wait`, the guard fails with a `LockError` of reason `Timeout`. If the `Lock`
 *   itself fails, the reason is `Unavailable`. The effect never runs without the lock.
 *
 * **Example** (Writing one report at a time)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Guard } from "effect-cached"
 *
 * let running = 0
 * const report = Effect.gen(function*() {
 *   const alone = ++running === 1
 *   yield* Effect.yieldNow
 *   running--
 *   return alone
 * }).pipe(Guard.locked({ key: "report", lease: "10 seconds", wait: "1 minute" }))
 * await Effect.runPromise(Effect.all([report, report, report], { concurrency: "unbounded" })) // => [true, true, true]
 * ```
 *
 * @see {@link Held} for a resource that refuses requests of earlier holders
 * @see `Guard.rateLimit` for limiting the calls in a time window
 * @category combinators
 * @since 0.1.0
 */
export const locked: {
  (options: LockedOptions): <Self extends Guardable>(self: Self) => Guarded<Self, LockError, Held>
  <Self extends Guardable>(self: Self, options: LockedOptions): Guarded<Self, LockError, Held>
} = guard(check, onEffect, onStream)
