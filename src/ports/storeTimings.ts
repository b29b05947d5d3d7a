/**
 * Measures how long the operations of a store take.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { StoreError } from "../CacheError.ts"
import { monotonicMillis } from "../internal/time/monotonic.ts"
import type { StoreCall } from "./tapStore.ts"

/**
 * The number of calls of one store operation, and their durations in milliseconds.
 * @category models
 * @since 0.1.0
 */
export interface Timing {
  /** How many calls of the operation have ended. */
  readonly count: number
  /** How many of these calls failed or were interrupted. */
  readonly failures: number
  readonly totalMillis: number
  readonly minMillis: number
  readonly maxMillis: number
  readonly averageMillis: number
}

/**
 * A recorder of store timings, made by {@link timings}.
 * @category models
 * @since 0.1.0
 */
export interface Timings {
  /** Measures one store call. Pass it to `Store.tap` as the option `around`. */
  readonly around: <A>(call: StoreCall, effect: Effect.Effect<A, StoreError>) => Effect.Effect<A, StoreError>
  /** Gets the timings so far, by operation. Operations that were never called are missing. */
  readonly read: Effect.Effect<{ readonly [operation in StoreCall["operation"]]?: Timing }>
}

/**
 * Makes a recorder for `Store.tap` that counts and times the calls of each store operation.
 *
 * **When to use**
 *
 * Use for metrics, or to find out why a cache is slow. A recorder may watch several stores, and then counts their calls
 * together. Each page of a `scan` is one call.
 *
 * **Example** (Timing a store)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 * import { Store } from "effect-cached/adapters"
 * import { MemoryStore } from "effect-cached/memory"
 *
 * const timings = Store.timings()
 * const store = MemoryStore.layer.pipe(Store.tap({ around: timings.around }))
 * const program = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.layer().pipe(Layer.provide(store)))))
 * const { commit, get } = await Effect.runPromise(timings.read)
 * get?.count // => 1
 * commit?.failures // => 0
 * ```
 *
 * @see `Cached.stats` for hits, misses and loads
 * @category constructors
 * @since 0.1.0
 */
export const timings = (): Timings => {
  const byOperation = new Map<string, Noted>()
  const note = (operation: string, millis: number, hasFailed: boolean): void => {
    const timing = byOperation.get(operation) ??
      { count: 0, failures: 0, totalMillis: 0, minMillis: Infinity, maxMillis: 0 }
    byOperation.set(operation, timing)
    timing.count++
    if (hasFailed) timing.failures++
    timing.totalMillis += millis
    timing.minMillis = Math.min(timing.minMillis, millis)
    timing.maxMillis = Math.max(timing.maxMillis, millis)
  }
  return {
    around: ({ operation }, effect) =>
      Effect.clockWith((clock) => {
        const startedAt = monotonicMillis(clock)
        return Effect.onExit(effect, (exit) =>
          Effect.sync(() => note(operation, monotonicMillis(clock) - startedAt, Exit.isFailure(exit))))
      }),
    read: Effect.sync(() =>
      Object.fromEntries(
        Array.from(byOperation, ([operation, timing]) => [
          operation,
          { ...timing, averageMillis: timing.totalMillis / timing.count }
        ])
      )
    )
  }
}

type Noted = { -readonly [Name in Exclude<keyof Timing, "averageMillis">]: Timing[Name] }
