/**
 * Policies: how the calls inside an effect use the cache.
 *
 * A policy wraps any effect, not only a cached one, and applies to every cache call inside that effect. Loads run under
 * the standard policy, except that `bypass` also applies inside loads. In an open SQL transaction
 * (`sql.withTransaction`), cached effects run under `bypass`, so that a read sees the writes of the transaction, and no
 * other reader gets values that may be rolled back.
 *
 * | policy | reads memory | reads store | joins a running load | others may join its load | writes |
 * |---|---|---|---|---|---|
 * | (none) | yes | yes | yes | yes | yes |
 * | `refresh` | no | no | a `refresh` whose load has not begun | yes | yes |
 * | `disable("set")` | yes | yes | yes | no | no |
 * | `disable("get")` | no | no | no | yes | yes |
 * | `bypass`, `disable("get", "set")` | no | no | no | no | no |
 *
 * Invalidations take effect under every policy, unless `disable` names them. Counter operations always take effect.
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { strategyIn, strategyOf as resolved } from "./cached/checkCall.ts"
import type { SerializerError, StoreError } from "./CacheError.ts"
import * as KeepAlive from "./internal/engine/flight/waitUntil.ts"
import { invalidateIds } from "./internal/engine/invalidation/invalidate.ts"
import * as Policy from "./internal/engine/request/callPolicy.ts"
import { surfacing } from "./internal/engine/request/strict.ts"
import * as Jobs from "./internal/engine/telemetry/job.ts"
import { requireEffect } from "./internal/options/given.ts"
import { positiveMillis } from "./internal/options/options.ts"
import type { Input, Strategy } from "./Strategy.ts"
import type * as Ttl from "./Ttl.ts"

const under = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  change: (policy: Policy.Policy) => Policy.Policy
): Effect.Effect<A, E, R> => {
  requireEffect("CachePolicy", self)
  return Effect.updateService(self, Policy.Current, change)
}

/**
 * Loads again even if a value is cached, and stores the result. A failure reaches the caller; the cached value stays.
 *
 * **When to use**
 *
 * Use for a read that needs a new value and shares it with all later reads.
 *
 * **Details**
 *
 * - The load begins in a later turn of the event loop, so it sees everything written before the call. All `refresh`
 *   calls made before the load begins share the load.
 * - If a refresh is already running, even in the background, the new load begins when that refresh ends, and serves all
 *   `refresh` calls made meanwhile. The callers of the older refresh get its result. The newer result then replaces it.
 * - The new load does not wait for a running ordinary load, whose result reaches its own callers but is not stored.
 *
 * **Example** (Loading again)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl("count", { ttl: "1 hour" }))
 * const program = Effect.all([count, count.pipe(CachePolicy.refresh), count])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 2]
 * ```
 *
 * @see {@link invalidating} for removing the stored value first
 * @see {@link disable} for loads that are not shared: `disable("get")`
 * @category combinators
 * @since 0.1.0
 */
export const refresh = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => under(self, Policy.refreshing)

/**
 * Makes each cached read in an effect invalidate its key first, so that the value is loaded again for all readers.
 * Reads inside those loads are answered as usual.
 *
 * **When to use**
 *
 * Use for a request that asks for fresh data, and must not get the stored value even if the load fails.
 *
 * **Example** (Loading again for one request)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * let calls = 0
 * const price = Effect.sync(() => ++calls).pipe(Cached.ttl("price", { ttl: "1 hour" }))
 * const program = Effect.all([price, CachePolicy.invalidating(price), price])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 2]
 * ```
 *
 * @see {@link refresh} for a new load whose failure keeps the stored value
 * @see `Cached.invalidate` for invalidating a key without reading it
 * @category combinators
 * @since 0.1.0
 */
export const invalidating = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  under(self, (policy) => ({ ...policy, invalidate: policy.disabled.has("invalidate") ? undefined : invalidateIds }))

/**
 * Runs cached effects as if they were not cached, even those inside loads.
 *
 * **When to use**
 *
 * Use if a call must reach the origin and its result must stay private, as for an administrator's view or a diagnosis.
 *
 * **Example** (Bypassing the cache)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl("count", { ttl: "1 hour" }))
 * const program = Effect.all([count, count.pipe(CachePolicy.bypass), count])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 1]
 * ```
 *
 * @see {@link disable} for storing the result: `disable("get")`
 * @see `CacheLayer.disabled` for a program without caching
 * @category combinators
 * @since 0.1.0
 */
export const bypass = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  under(self, (policy) => ({
    ...policy,
    bypass: true,
    readsEntries: false,
    joins: "none",
    writes: false
  }))

/**
 * Lets the effect fail when the store or the serializer fails. Without `strict`, the cache logs and counts such
 * failures, and the program continues without the store.
 *
 * **When to use**
 *
 * Use if continuing without the store would be wrong, as with permissions or money.
 *
 * **Details**
 *
 * - While this process cannot receive changes by other processes, reads do not trust memory and ask the store.
 * - If the store has not acknowledged an invalidation of a key or of one of its tags, a read of the key first repeats
 *   the invalidation, and fails if the store does not acknowledge the repetition either.
 *
 * **Example** (Failing when the store is down)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 * import { Store } from "effect-cached/adapters"
 * import { StoreError } from "effect-cached/CacheError"
 *
 * const down = Effect.fail(new StoreError({ store: "mine", operation: "ask", reason: "Unavailable" }))
 * const store = Store.make({ name: "mine", get: () => down, set: () => down, remove: () => down })
 * const cache = CacheLayer.layer().pipe(Layer.provide(Layer.succeed(Store.Store, store)))
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * const error = await Effect.runPromise(answer.pipe(CachePolicy.strict, Effect.flip, Effect.provide(cache)))
 * error._tag // => "StoreError"
 * ```
 *
 * @see {@link storeTimeout} for how long a read waits for the store
 * @category error handling
 * @since 0.1.0
 */
export const strict = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | StoreError | SerializerError, R> =>
  surfacing(under(self, (policy) => ({ ...policy, strict: true })))

/**
 * Limits the total time that one read may spend on the store. This limit overrides the layer's `storeTimeout`.
 *
 * **When to use**
 *
 * Use if a call should wait for the store for a shorter or longer time than the rest of the program.
 *
 * **Example** (Waiting less for the store)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 * import { Store } from "effect-cached/adapters"
 *
 * const never = () => Effect.never
 * const store = Store.make({ name: "hangs", get: never, set: never, remove: never })
 * const cache = CacheLayer.layer().pipe(Layer.provide(Layer.succeed(Store.Store, store)))
 * const answer = Effect.succeed(42).pipe(Cached.ttl("answer", { ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(CachePolicy.storeTimeout("20 millis"), Effect.provide(cache))) // => 42
 * ```
 *
 * @see {@link strict} for failing when this time has passed
 * @category delays & timeouts
 * @since 0.1.0
 */
export const storeTimeout = (timeout: Ttl.Input): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> => {
  const storeTimeoutMillis = positiveMillis("storeTimeout of CachePolicy.storeTimeout", timeout)
  return (self) => under(self, (policy) => ({ ...policy, storeTimeoutMillis }))
}

/**
 * An operation that {@link disable} can switch off.
 * @category models
 * @since 0.1.0
 */
export type Operation = Policy.Operation

/**
 * Disables single operations: `get` (reads), `set` (writes, including `Cached.touch`), `remove`, `invalidate` (by key,
 * tag, class, index and pattern) and `clear`. All other operations continue to work.
 *
 * **When to use**
 *
 * Use `disable("set")` for reads that must not fill the cache: a crawler, a report, a preview. Use `disable("get")` if
 * each call must load on its own and later reads should get the result, as in a job that replaces entries. Use
 * `disable("invalidate", "remove", "clear")` for a dry run.
 *
 * **Example** (Reading without writing, writing without reading)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl("count", { ttl: "1 hour" }))
 * const reading = count.pipe(CachePolicy.disable("set"))
 * const writing = count.pipe(CachePolicy.disable("get"))
 * const program = Effect.all([reading, writing, reading, count])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 2, 2]
 * ```
 *
 * @see {@link bypass} for not using the cache at all
 * @category combinators
 * @since 0.1.0
 */
export const disable = (...names: ReadonlyArray<Operation>) => {
  const change = Policy.disabling("CachePolicy.disable", names)
  return <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => under(self, change)
}

/**
 * A function that keeps a request alive during background refreshes, and during loads that exceed a `softTimeout`. Only
 * layers with `flights: "private"`, as in Workers, use the function. They call it with an effect that never fails and
 * must be run. Without the function, nothing runs in the background, so the first read after each `ttl` has to load.
 *
 * **Example** (Refreshing in a Worker, after the response)
 *
 * ```ts
 * import { Effect, ManagedRuntime } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * const runtime = ManagedRuntime.make(CacheLayer.memory({ flights: "private" }))
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(
 *   Cached.refreshAhead("count", { ttl: "1 hour", refreshAfter: "1 milli" })
 * )
 * // a request; `waitUntil` is that of its `ctx`
 * const answer = (waitUntil: (promise: Promise<unknown>) => unknown) =>
 *   runtime.runPromise(
 *     Effect.provideService(count, CachePolicy.WaitUntil, (rest) => void waitUntil(Effect.runPromise(rest)))
 *   )
 * await answer(() => {}) // => 1
 * await new Promise((resume) => setTimeout(resume, 20))
 * const kept: Array<Promise<unknown>> = []
 * await answer((promise) => kept.push(promise)) // => 1
 * await Promise.all(kept)
 * loads // => 2
 * ```
 *
 * @category references
 * @since 0.1.0
 */
export const WaitUntil: Context.Reference<((rest: Effect.Effect<void>) => void) | undefined> = KeepAlive.WaitUntil

/** Reads what cannot be loaded again, whatever the policy. @internal */
export const readingAll = <A, E, R>(self: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.updateService(self, Policy.Current, Policy.readingAll)

/** The strategy that an option of the middleware or of an endpoint gives. @internal */
export const strategyOf: (given: Input<any, any, any>) => Strategy<any, any, any> = resolved

/** Throws a `CacheConfigError` for wrong options of a read with a strategy. `what` names them. @internal */
export const checkRead = (what: string, options: object): void =>
  void strategyIn({ name: what, before: `${what}(…` }, options)

/** Makes the job of a pipeline. @internal */
export const makeJob = Jobs.make

/** Runs the reads of a pipeline. @internal */
export const inJob = <A, E, R>(self: Effect.Effect<A, E, R>, job: Jobs.Job): Effect.Effect<A, E, R> =>
  Effect.provideService(self, Jobs.Current, job)
