/**
 * The combinators. Each caches an effect under a key with one strategy.
 * @since 0.1.0
 */
import { refreshLoad } from "../internal/engine/load/refreshLoad.ts"
import * as Kinds from "../internal/strategy/kinds.ts"
import type { BareCombinator, Combinator } from "./combinator.ts"
import * as Combine from "./combine.ts"

/**
 * Caches an effect: serves its value for `ttl`, then loads again.
 *
 * **When to use**
 *
 * Use as the default, if a value may be up to `ttl` old and the first read after its expiry may wait for a load.
 *
 * **Gotchas**
 *
 * Like every combinator, it closes the effect's scope when the load ends, so a resource (`Effect.acquireRelease`) is
 * already released when the first reader gets it. Share resources with `RcMap`, or close them in `Cached.onRemoval`.
 *
 * **Example** (Loading once)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let calls = 0
 * const slow = Effect.sync(() => ++calls).pipe(Cached.ttl("slow", { ttl: "1 hour" }))
 * await Effect.runPromise(Effect.all([slow, slow, slow]).pipe(Effect.provide(CacheLayer.memory()))) // => [1, 1, 1]
 * ```
 *
 * @see {@link softTtl} for a source that is sometimes down
 * @see {@link refreshAhead} for reads that do not wait for a load
 * @see {@link untilInvalidated} for values that the program invalidates at every change
 * @category combinators
 * @since 0.1.0
 */
export const ttl: Combinator<"ttl"> = Combine.combinator(Kinds.ttl)

/**
 * Caches an effect: loads again after `softTtl`, and serves the stored value until `ttl` if that load fails or takes
 * longer than `softTimeout`.
 *
 * **When to use**
 *
 * Use if the source is sometimes down or slow and an older value is better than none.
 *
 * **Details**
 *
 * `fallbackOn` names the failures that are outages, and an effect that can fail needs it. A typed failure that it does
 * not name, such as a 404 for a deleted row, is definitive: the caller gets the failure, and the old value is not used
 * as a fallback again until a load succeeds. `"all"` serves the stale value even then.
 *
 * **Example** (Surviving a failure of the source)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let up = true
 * const report = Effect.suspend(() => up ? Effect.succeed("sunny") : Effect.fail("down")).pipe(
 *   Cached.softTtl("report", { ttl: "10 minutes", softTtl: "7 minutes", fallbackOn: "all" })
 * )
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* report
 *   up = false
 *   yield* TestClock.adjust("8 minutes")
 *   return yield* report
 * }).pipe(Effect.provide(CacheLayer.memory()), Effect.provide(TestClock.layer()))) // => "sunny"
 * ```
 *
 * @see {@link refreshAhead} for reads that do not wait for the load
 * @see {@link failover} for a load on every read
 * @category combinators
 * @since 0.1.0
 */
export const softTtl: Combinator<"softTtl"> = Combine.combinator(Kinds.softTtl)

/**
 * Caches an effect: serves its value for `ttl`, and refreshes it in the background after `refreshAfter`.
 * If a refresh fails, the stored value stays.
 *
 * **When to use**
 *
 * Use for values that are read so often that no reader should wait for a load. The layer's `refresh` options set a
 * timeout and retries for refreshes.
 *
 * **Example** (Refreshing behind a read)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let loads = 0
 * const rate = Effect.sync(() => ++loads).pipe(
 *   Cached.refreshAhead("rate", { ttl: "1 hour", refreshAfter: "10 minutes" })
 * )
 * const program = Effect.all([rate, TestClock.adjust("10 minutes"), rate, TestClock.adjust("1 second"), rate])
 * await Effect.runPromise(program.pipe(Effect.provide([CacheLayer.memory(), TestClock.layer()]))) // => [1, undefined, 1, undefined, 2]
 * ```
 *
 * @see {@link softTtl} for reads that wait for the new value
 * @see {@link probabilistic} for many processes that read the same keys
 * @category combinators
 * @since 0.1.0
 */
export const refreshAhead: Combinator<"refreshAhead"> = Combine.combinator(Kinds.refreshAhead, refreshLoad)

/**
 * Caches an effect: serves its value for `ttl`, and refreshes it in the background at random. The closer the expiry
 * and the slower the loads, the more likely each read is to start a refresh (XFetch: Vattani, Chierichetti, Lowenstein,
 * "Optimal Probabilistic Cache Stampede Prevention", VLDB 2015).
 *
 * **When to use**
 *
 * Use when many processes read the same keys: they refresh at different times without any communication.
 *
 * **Example** (Refreshing by chance)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let loads = 0
 * const report = Effect.sync(() => ++loads).pipe(
 *   Effect.delay("1 second"),
 *   Cached.probabilistic("report", { ttl: "1 hour", beta: 2 })
 * )
 * await Effect.runPromise(Effect.gen(function*() {
 *   const first = yield* Effect.raceFirst(report, Effect.andThen(TestClock.adjust("1 second"), Effect.never))
 *   // the load took one second: an hour before the expiry, a refresh is very unlikely
 *   return [first, yield* report]
 * }).pipe(Effect.provide([CacheLayer.memory(), TestClock.layer()]))) // => [1, 1]
 * ```
 *
 * @see {@link refreshAhead} for a refresh at a fixed age
 * @category combinators
 * @since 0.1.0
 */
export const probabilistic: Combinator<"probabilistic"> = Combine.combinator(
  Kinds.probabilistic,
  refreshLoad
)

/**
 * Caches an effect: serves its value until it has not been read for the duration `idle`, and for `ttl` at most.
 *
 * **When to use**
 *
 * Use for values that should stay cached as long as they are in use: sessions, drafts, carts.
 *
 * **Example** (Keeping what is read)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let loads = 0
 * const session = Effect.sync(() => ++loads).pipe(Cached.sliding("session", { idle: "30 minutes" }))
 * const readAfter = (minutes: number) => Effect.andThen(TestClock.adjust(`${minutes} minutes`), session)
 * const program = Effect.all([session, readAfter(20), readAfter(20), readAfter(30)])
 * await Effect.runPromise(program.pipe(Effect.provide([CacheLayer.memory(), TestClock.layer()]))) // => [1, 1, 1, 2]
 * ```
 *
 * @see {@link ttl} for a lifetime that reads do not extend
 * @category combinators
 * @since 0.1.0
 */
export const sliding: Combinator<"sliding"> = Combine.combinator(Kinds.sliding)

/**
 * Caches an effect: serves its value for `hits` reads in this process, and for `ttl` at most, then loads again. From
 * read number `refreshAfter` on, each read also starts a refresh in the background.
 *
 * **When to use**
 *
 * Use if a value may be served only a limited number of times, such as a random sample.
 *
 * **Example** (Serving two reads)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let loads = 0
 * const token = Effect.sync(() => ++loads).pipe(Cached.maxHits("token", { ttl: "1 hour", hits: 2 }))
 * const program = Effect.all([token, token, token, token])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 1, 1, 2]
 * ```
 *
 * @see {@link ttl} for a limit by age alone
 * @see {@link refreshAhead} for a refresh by age
 * @category combinators
 * @since 0.1.0
 */
export const maxHits: Combinator<"maxHits"> = Combine.combinator(Kinds.maxHits, refreshLoad)

/**
 * Caches an effect: loads on every read, and serves the last good value until `ttl` if the load fails or takes longer
 * than `softTimeout`.
 *
 * **When to use**
 *
 * Use to survive outages of the source, which `fallbackOn` names as for {@link softTtl}. The number of loads stays the
 * same.
 *
 * **Example** (Serving the last good value)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let up = true
 * const news = Effect.suspend(() => up ? Effect.succeed("good") : Effect.fail("down")).pipe(
 *   Cached.failover("news", { ttl: "1 day", fallbackOn: "all" })
 * )
 * await Effect.runPromise(Effect.gen(function*() {
 *   const first = yield* news
 *   up = false
 *   return [first, yield* news]
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => ["good", "good"]
 * ```
 *
 * @see {@link softTtl} for fewer loads
 * @category combinators
 * @since 0.1.0
 */
export const failover: Combinator<"failover"> = Combine.combinator(Kinds.failover)

/**
 * Caches an effect: serves its value until its key or one of its tags is invalidated.
 *
 * **When to use**
 *
 * Use if the program notices every change, and then invalidates the value. If it may miss changes, use `ttl`.
 *
 * **Example** (Loading again after an invalidation)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let loads = 0
 * const config = Effect.sync(() => ++loads).pipe(Cached.untilInvalidated("config"))
 * const program = Effect.all([config, config, Cached.invalidate("config"), config])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 1, undefined, 2]
 * ```
 *
 * @see {@link ttl} for changes that the program does not see
 * @see `Cached.invalidateAfter` for invalidating the value after a write
 * @category combinators
 * @since 0.1.0
 */
export const untilInvalidated: BareCombinator<"untilInvalidated"> = Combine.combinator(Kinds.untilInvalidated)

/**
 * Caches an effect with a strategy of your own, or with the word and the options of another, like
 * `{ strategy: "softTtl", ttl: "1 hour", softTtl: "5 minutes" }`. Without the option `strategy`, it uses the layer's.
 *
 * **When to use**
 *
 * Use for a strategy of your own, a strategy that is chosen at run time, or the strategy of the layer.
 *
 * **Example** (Writing a strategy)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, type Strategy } from "effect-cached"
 *
 * // serves twice, then loads
 * const twice: Strategy.Strategy = {
 *   name: "twice",
 *   countsReads: true,
 *   decide: (entry) => entry === undefined || (entry.reads ?? 0) >= 2 ? "Load" : "Serve",
 *   lifetime: () => ({ softTtl: Infinity, ttl: Infinity })
 * }
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.withStrategy("count", { strategy: twice }))
 * const program = Effect.all([count, count, count, count])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 1, 1, 2]
 * ```
 *
 * @see {@link ttl} for the simplest strategy
 * @category combinators
 * @since 0.1.0
 */
export const withStrategy: BareCombinator<undefined> = Combine.withStrategy
