/**
 * Counters: integers with their own names and lifetimes, stored apart from cache entries.
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { StoreError } from "../CacheError.ts"
import type { Caching } from "../Caching.ts"
import { incrementBy } from "../internal/defaults/options.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { kindOf } from "../internal/options/given.ts"
import { checkOptions, type Checks, mistake, optional, requireObject } from "../internal/options/options.ts"
import type { NamedCounter } from "../ports/store.ts"
import type * as Ttl from "../Ttl.ts"
import { toMillis } from "../Ttl.ts"
import { globOf } from "./targets.ts"
import { streamWithCaching, withCaching } from "./withCaching.ts"

/**
 * Options for `increment` of `Cached.counter`.
 * @category options
 * @since 0.1.0
 */
interface IncrementOptions {
  /** The integer to add, which may be negative. 0 reads the counter without creating it. @default 1 */
  readonly by?: number | undefined
  /** How long the counter lives after its creation. Later calls do not extend its lifetime. @default forever */
  readonly ttl?: Ttl.Input | undefined
}

const increment = (name: string, options?: IncrementOptions): Effect.Effect<number, StoreError, Caching> =>
  withCaching((caching) => {
    requireObject(callOf, options ?? {}, `an object, like { by: 5, ttl: "1 day" }`)
    checkOptions<IncrementOptions>(callOf, options ?? {}, incrementOptions)
    const { by = incrementBy, ttl } = options ?? {}
    return caching.perform(
      Operations.increment,
      name,
      by,
      ttl === undefined ? Infinity : toMillis(ttl, `ttl of ${callOf}`)
    )
  })

const callOf = "increment of Cached.counter"

const incrementOptions: Checks<IncrementOptions> = {
  by: optional((by) => {
    if (Number.isSafeInteger(by)) return
    throw mistake(`${callOf} cannot add ${typeof by === "number" ? by : kindOf(by)}: pass a safe integer as by`)
  }),
  ttl: optional((ttl) => void toMillis(ttl, `ttl of ${callOf}`))
}

const checkName = (of: string, name: string): void => {
  if (typeof name !== "string") throw mistake(`${of} needs a name: pass a string`)
}

/**
 * A counter, made by {@link counter}. Its operations fail if the store fails, because the store has the only copy.
 * @category models
 * @since 0.1.0
 */
export interface CachedCounter {
  readonly name: string
  /** Gets the value of the counter, or 0 if the counter does not exist. */
  readonly get: Effect.Effect<number, StoreError, Caching>
  /**
   * Adds to the counter, which starts at 0, and returns the sum. If the sum is not a safe integer, fails with reason
   * `OutOfRange` and leaves the counter unchanged.
   */
  readonly increment: (options?: IncrementOptions) => Effect.Effect<number, StoreError, Caching>
  /** Gives the counter a new lifetime from now on, and returns whether it existed. A `ttl` of 0 or less removes it. */
  readonly touch: (ttl: Ttl.Input) => Effect.Effect<boolean, StoreError, Caching>
  /** Gets the remaining lifetime: `Option.none()` if the counter is absent, `Duration.infinity` if it never expires. */
  readonly expiresIn: Effect.Effect<Option.Option<Duration.Duration>, StoreError, Caching>
  /** Removes the counter, and returns whether it existed. */
  readonly remove: Effect.Effect<boolean, StoreError, Caching>
}

/**
 * Makes a handle to a named counter. Each operation is one atomic step across all processes that share the store, and
 * ignores `CachePolicy`. The first increment creates the counter.
 *
 * **When to use**
 *
 * Use for a number to which many fibers or processes add: visits, attempts, votes.
 *
 * **Example** (Limiting requests by the minute)
 *
 * ```ts
 * import { Duration, Effect, Option } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const requests = Cached.counter("requests:ada")
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* requests.increment({ ttl: "1 minute" })
 *   yield* TestClock.adjust("20 seconds")
 *   yield* requests.expiresIn // => Option.some(Duration.seconds(40))
 *   yield* TestClock.adjust("40 seconds")
 *   return yield* requests.get
 * }).pipe(Effect.provide([CacheLayer.memory(), TestClock.layer()]))) // => 0
 * ```
 *
 * @see {@link counters} for listing counters
 * @see `Cached.update` for values other than numbers
 * @category constructors
 * @since 0.1.0
 */
export const counter = (name: string): CachedCounter => {
  checkName("Cached.counter", name)
  const read = withCaching((caching) => caching.perform(Operations.counter, name))
  return {
    name,
    get: Effect.map(read, (found) => found?.value ?? 0),
    increment: (options) => increment(name, options),
    touch: (ttl) =>
      withCaching((caching) => caching.perform(Operations.touchCounter, name, toMillis(ttl, "ttl of touch"))),
    expiresIn: Effect.flatMap(read, (found) =>
      Effect.clockWith((clock) =>
        Effect.succeed(
          found === undefined
            ? Option.none()
            : Option.some(Duration.millis(Math.max(0, found.expiresAt - clock.currentTimeMillisUnsafe())))
        )
      )),
    remove: withCaching((caching) => caching.perform(Operations.removeCounter, name))
  }
}

/**
 * Streams the counters whose names match a pattern (as in `Cached.entries`), with their values, in no particular order.
 * If the store cannot list counters, the stream fails with a `StoreError` (`Unsupported`).
 *
 * **When to use**
 *
 * Use in tools, not for every request: the stream may read all counters of the store.
 *
 * **Example** (Listing counters)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.counter("visits:home").increment({ by: 2 })
 *   yield* Cached.counter("logins").increment()
 *   return yield* Stream.runCollect(Cached.counters("visits:*"))
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => [{ name: "visits:home", value: 2, expiresAt: Infinity }]
 * ```
 *
 * @see {@link counter} for one counter
 * @category accessors
 * @since 0.1.0
 */
export const counters = (pattern = "*"): Stream.Stream<NamedCounter, StoreError, Caching> => {
  const glob = globOf("Cached.counters", pattern)
  return streamWithCaching((caching) =>
    Stream.filter(caching.perform(Operations.counters, glob.prefix), ({ name }) => glob.matches(name))
  )
}
