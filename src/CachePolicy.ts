/**
 * Policies: how the calls inside an effect use the cache.
 *
 * Each policy wraps any effect, not only a cached one, and applies to everything that runs in it. A load starts with
 * the standard policy again, except under `bypass`. Inside an open SQL transaction (`sql.withTransaction`) every read
 * of a cached effect runs under `bypass`: it sees the writes of the transaction, and no other reader gets values that
 * may be rolled back.
 *
 * | policy | reads memory | reads store | joins a flight | others may join its flight | writes |
 * |---|---|---|---|---|---|
 * | (none) | yes | yes | yes | yes | yes |
 * | `refresh` | no | no | a `refresh` whose load has not begun | yes | yes |
 * | `readOnly`, `disable("set")` | yes | yes | yes | no | no |
 * | `writeOnly`, `disable("get")` | no | no | no | yes | yes |
 * | `bypass`, `disable("get", "set")` | no | no | no | no | no |
 *
 * Invalidations are carried out under every policy, unless `disable` names them. Operations on counters are carried out
 * under every policy.
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { SerializerError, StoreError } from "./CacheError.ts"
import * as KeepAlive from "./internal/engine/flight/waitUntil.ts"
import * as Policy from "./internal/engine/request/callPolicy.ts"
import { surfacing } from "./internal/engine/storeTier/strict.ts"
import { requireEffect } from "./internal/options/given.ts"
import { mistake, positiveMillis } from "./internal/options/options.ts"
import type * as Ttl from "./Ttl.ts"

const under = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  change: (policy: Policy.Policy) => Policy.Policy
): Effect.Effect<A, E, R> => {
  requireEffect("CachePolicy", self)
  return Effect.updateService(self, Policy.Current, change)
}

/**
 * Loads again, whatever is cached, and stores the result. A failure reaches the caller and keeps the stored value.
 *
 * **When to use**
 *
 * Use for a read that needs a new value and shares it with all later reads.
 *
 * **Details**
 *
 * - The load begins in a later turn of the event loop than the call, so it sees everything written before the call. All
 *   calls made until it begins share it.
 * - It follows a running refresh, even one in the background: calls in the meantime share one more load. The older
 *   result goes to its own callers and does not replace the newer one.
 * - It does not wait for an ordinary running load, whose callers get its result, which is not stored.
 *
 * **Example** (Loading again)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "count", ttl: "1 hour" }))
 * const program = Effect.all([count, count.pipe(CachePolicy.refresh), count])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 2]
 * ```
 *
 * @see `Cached.invalidateFurther` for removing the stored value first
 * @see {@link writeOnly} for loads that are not shared
 * @category combinators
 * @since 0.1.0
 */
export const refresh = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => under(self, Policy.refreshing)

/**
 * Serves cached values and joins running loads, loads what is missing, and stores nothing.
 *
 * **When to use**
 *
 * Use for reads that must not fill the cache: a crawler, a report, a preview.
 *
 * **Example** (Reading without writing)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "count", ttl: "1 hour" }))
 * const program = Effect.all([count.pipe(CachePolicy.readOnly), count, count.pipe(CachePolicy.readOnly)])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 2]
 * ```
 *
 * @see {@link bypass} for reads that do not use the cache either
 * @category combinators
 * @since 0.1.0
 */
export const readOnly = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  under(self, (policy) => ({ ...policy, writes: false }))

/**
 * Loads on every read: serves nothing cached, joins no load, and stores the result.
 *
 * **When to use**
 *
 * Use if each call must load on its own and later reads should get the result, such as in a job that replaces entries.
 *
 * **Example** (Writing without reading)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "count", ttl: "1 hour" }))
 * const program = Effect.all([count, count.pipe(CachePolicy.writeOnly), count])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 2]
 * ```
 *
 * @see {@link refresh} for sharing one load among concurrent callers
 * @category combinators
 * @since 0.1.0
 */
export const writeOnly = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  under(self, (policy) => ({ ...policy, readsMemory: false, readsStore: false, joins: "none" }))

/**
 * Runs cached effects unwrapped, in loads too.
 *
 * **When to use**
 *
 * Use if a call must see the origin and its result is not for others: an administrator's view, a diagnosis.
 *
 * **Example** (Going past the cache)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "count", ttl: "1 hour" }))
 * const program = Effect.all([count, count.pipe(CachePolicy.bypass), count])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 1]
 * ```
 *
 * @see {@link writeOnly} for storing the result
 * @see `CacheLayer.disabled` for a whole program
 * @category combinators
 * @since 0.1.0
 */
export const bypass = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  under(self, (policy) => ({
    ...policy,
    bypass: true,
    readsMemory: false,
    readsStore: false,
    joins: "none",
    writes: false
  }))

/**
 * Makes failures of the store and the serializer failures of the effect. Without it they are logged and counted, and
 * the program continues without the cache.
 *
 * **When to use**
 *
 * Use if continuing without the store would be wrong, as with permissions or money.
 *
 * **Details**
 *
 * - While this process cannot read the changes of other processes, memory is not trusted: a read asks the store.
 * - If the store has not acknowledged an invalidation of a key or of one of its tags, a read of the key sends it again
 *   first, and fails if the store still does not acknowledge it.
 *
 * **Example** (Failing where the store is down)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer, CachePolicy, Store } from "effect-cached"
 * import { StoreError } from "effect-cached/CacheError"
 *
 * const down = Effect.fail(new StoreError({ store: "mine", operation: "ask", reason: "Unavailable" }))
 * const store = Store.make({ name: "mine", get: () => down, set: () => down, remove: () => down })
 * const cache = CacheLayer.layer.pipe(Layer.provide(Layer.succeed(Store.Store, store)))
 * const answer = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
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
 * Sets the total time for all store steps of one read, instead of the layer's `storeTimeout`.
 *
 * **When to use**
 *
 * Use if a call can wait less for the store than the rest of the program, or has to wait longer.
 *
 * **Example** (Waiting less for the store)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer, CachePolicy, Store } from "effect-cached"
 *
 * const never = () => Effect.never
 * const store = Store.make({ name: "hangs", get: never, set: never, remove: never })
 * const cache = CacheLayer.layer.pipe(Layer.provide(Layer.succeed(Store.Store, store)))
 * const answer = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(CachePolicy.storeTimeout("20 millis"), Effect.provide(cache))) // => 42
 * ```
 *
 * @see {@link strict} for failing when that time is over
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

const operations: ReadonlySet<string> = new Set<Operation>(["get", "set", "remove", "invalidate", "clear"])

/**
 * Switches single operations off: `get` reads nothing, `set` writes nothing (nor does `Cached.touch`); `remove`,
 * `invalidate` (by key, tag, class, index and pattern) and `clear` leave what they would remove.
 *
 * **When to use**
 *
 * Use for what no other policy switches off, such as invalidations in a dry run.
 *
 * **Example** (Neither reading nor writing)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "count", ttl: "1 hour" }))
 * const program = Effect.all([count, count.pipe(CachePolicy.disable("get", "set")), count])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 1]
 * ```
 *
 * @see {@link readOnly} for reads that store nothing
 * @see {@link bypass} for no cache at all
 * @category combinators
 * @since 0.1.0
 */
export const disable = (...names: ReadonlyArray<Operation>) => {
  const unknown = names.find((name) => !operations.has(name))
  if (unknown !== undefined) {
    throw mistake(`CachePolicy.disable has no operation "${unknown}": use one of ${Array.from(operations).join(", ")}`)
  }
  const get = names.includes("get")
  const set = names.includes("set")
  return <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    under(self, (policy) => ({
      ...policy,
      ...get ? { readsMemory: false, readsStore: false, joins: "none" } : {},
      ...set ? { writes: false } : {},
      ...names.includes("invalidate") ? { invalidate: undefined } : {},
      disabled: new Set([...policy.disabled, ...names])
    }))
}

/**
 * Keeps a request alive while its background work runs: refreshes in the background, and loads past a `softTimeout`.
 * For caches whose layer has `flights: "private"`, in Workers. Without it there is no background work: the next reader
 * after the `ttl` loads. It is called with an effect that never fails, and has to run it.
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
 *   Cached.refreshAhead({ key: "count", ttl: "1 hour", refreshAfter: "1 milli" })
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
