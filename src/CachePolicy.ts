/**
 * How the calls inside an effect use the cache. Each of these wraps any effect, not only a cached one, and holds for
 * all that runs in it; a load starts with the standard policy again (but under `bypass`).
 *
 * | policy | reads memory | reads store | joins a flight | others may join its flight | writes |
 * |---|---|---|---|---|---|
 * | (none) | yes | yes | yes | yes | yes |
 * | `refresh` | no | no | a running refresh | yes | yes |
 * | `readOnly`, `disable("set")` | yes | yes | yes | no | no |
 * | `writeOnly`, `disable("get")` | no | no | no | yes | yes |
 * | `bypass`, `disabled`, `disable("get", "set")` | no | no | no | no | no |
 *
 * Invalidations are always carried out, whatever the policy, unless `disable` names them. `Cached.increment` is
 * carried out under every one.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { CacheConfigError, type LockError, type SerializerError, type StoreError } from "./CacheError.ts"
import * as Policy from "./internal/engine/flight/callPolicy.ts"
import { surfacing } from "./internal/engine/storeTier/strict.ts"
import { toMillis } from "./Ttl.ts"

const under = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  change: (policy: Policy.Policy) => Policy.Policy
): Effect.Effect<A, E, R> => Effect.updateService(self, Policy.Current, change)

/**
 * Loads anew, whatever is cached, and stores the result; merges with a refresh that is running. A failure is the
 * caller's and leaves the stored value as it is.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "count", ttl: "1 hour" }))
 *
 * const program = Effect.all([count, count.pipe(CachePolicy.refresh), count])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 2]
 * ```
 *
 * @category policies
 * @since 0.1.0
 */
export const refresh = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => under(self, Policy.refreshing)

/**
 * Serves what is cached or being loaded, loads what is not, and writes nothing.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "count", ttl: "1 hour" }))
 *
 * const program = Effect.all([count.pipe(CachePolicy.readOnly), count, count.pipe(CachePolicy.readOnly)])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 2]
 * ```
 *
 * @category policies
 * @since 0.1.0
 */
export const readOnly = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  under(self, (policy) => ({ ...policy, writes: false }))

/**
 * Loads always, by itself, and stores the result.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "count", ttl: "1 hour" }))
 *
 * const program = Effect.all([count, count.pipe(CachePolicy.writeOnly), count])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 2]
 * ```
 *
 * @category policies
 * @since 0.1.0
 */
export const writeOnly = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  under(self, (policy) => ({ ...policy, readsMemory: false, readsStore: false, joins: "none" }))

/**
 * Runs cached effects as if they were not wrapped.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "count", ttl: "1 hour" }))
 *
 * const program = Effect.all([count, count.pipe(CachePolicy.bypass), count])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 1]
 * ```
 *
 * @category policies
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
 * The same as `bypass`, by the name that configuration uses.
 *
 * @category policies
 * @since 0.1.0
 */
export const disabled: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> = bypass

/**
 * Makes the failures of store, serializer and lock failures of the effect. Without it the program goes on without the
 * cache; they are logged and counted.
 *
 * It does not believe memory either while what other processes do cannot be heard (the `maxStaleness` of the layer is for
 * all others): such a read asks the store.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer, CachePolicy, Store } from "effect-cached"
 * import { StoreError } from "effect-cached/CacheError"
 *
 * const down = Effect.fail(new StoreError({ store: "mine", operation: "ask", reason: "Unavailable" }))
 * const store = Store.make({ name: "mine", get: () => down, set: () => down, remove: () => down })
 * const cache = CacheLayer.layer.pipe(Layer.provide(Layer.succeed(Store.Store, store)))
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 * const failure = answer.pipe(CachePolicy.strict, Effect.flip, Effect.map((error) => error._tag))
 * await Effect.runPromise(failure.pipe(Effect.provide(cache))) // => "StoreError"
 * ```
 *
 * @category policies
 * @since 0.1.0
 */
export const strict = <A, E, R>(
  self: Effect.Effect<A, E, R>
): Effect.Effect<A, E | StoreError | SerializerError | LockError, R> =>
  surfacing(under(self, (policy) => ({ ...policy, strict: true })))

/**
 * Another budget for all store steps of one read.
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cached, CacheLayer, CachePolicy, Store } from "effect-cached"
 *
 * const store = Store.make({
 *   name: "hangs",
 *   get: () => Effect.never,
 *   set: () => Effect.never,
 *   remove: () => Effect.never
 * })
 * const cache = CacheLayer.layer.pipe(Layer.provide(Layer.succeed(Store.Store, store)))
 *
 * const answer = Effect.succeed(42).pipe(Cached.ttl({ key: "answer", ttl: "1 hour" }))
 * await Effect.runPromise(answer.pipe(CachePolicy.storeTimeout("20 millis"), Effect.provide(cache))) // => 42
 * ```
 *
 * @category policies
 * @since 0.1.0
 */
export const storeTimeout = (
  timeout: Duration.Input
): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R> => {
  const storeTimeoutMillis = toMillis(timeout, "storeTimeout")
  return (self) => under(self, (policy) => ({ ...policy, storeTimeoutMillis }))
}

/**
 * The operations that can be switched off.
 *
 * @category models
 * @since 0.1.0
 */
export type Operation = Policy.Operation

const operations: ReadonlySet<string> = new Set<Operation>(["get", "set", "remove", "invalidate", "clear"])

/**
 * Switches single operations off: `get` reads nothing, `set` writes nothing (`Cached.touch` neither), `remove`,
 * `invalidate` (all invalidations, by key, tag, class, field and pattern) and `clear` leave what they would remove.
 *
 * Throws a `CacheConfigError` for a name that is none of these.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, CachePolicy } from "effect-cached"
 *
 * let loads = 0
 * const count = Effect.sync(() => ++loads).pipe(Cached.ttl({ key: "count", ttl: "1 hour" }))
 *
 * const program = Effect.all([count, count.pipe(CachePolicy.disable("get", "set")), count])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 1]
 * ```
 *
 * @category policies
 * @since 0.1.0
 */
export const disable = (...names: ReadonlyArray<Operation>) => {
  const unknown = names.find((name) => !operations.has(name))
  if (unknown !== undefined) {
    throw new CacheConfigError({
      message: `There is no operation "${unknown}" to disable, only ${Array.from(operations).join(", ")}`
    })
  }
  const get = names.includes("get")
  const set = names.includes("set")
  return <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    under(self, (policy) => ({
      ...policy,
      ...get ? { readsMemory: false, readsStore: false, joins: "none" } : {},
      ...set ? { writes: false } : {},
      ...names.includes("invalidate") ? { invalidates: false } : {},
      disabled: new Set([...policy.disabled, ...names])
    }))
}
