/**
 * Many keys at once: one question to the store, and one load for all that is missing.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { CacheConfigError } from "../CacheError.ts"
import type * as Key from "../CacheKey.ts"
import type { AnyClass, Error as KeyError, Input, Services, Success } from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import type { Strategy } from "../Strategy.ts"
import * as Combine from "./combine.ts"
import { invalidateMany } from "./invalidation.ts"
import { type SetOptions, setOptions } from "./operations.ts"
import type { FallbackOptions, Given, ReadOptions, Timeout, TimeoutError } from "./options.ts"
import { type AnyKey, checked, type CodecsOf, idOf, type ValueOf, withCaching } from "./withCaching.ts"

/**
 * The values stored under keys, in their order; nothing is loaded. What memory does not have the store is asked for in
 * one question.
 *
 * @category bulk
 * @since 0.1.0
 */
export const getMany = <K extends AnyKey>(
  keys: Iterable<K>
): Effect.Effect<ReadonlyArray<Option.Option<ValueOf<K>>>, never, CodecsOf<K> | Caching> =>
  withCaching((caching) =>
    Effect.map(
      caching.lookupMany(Array.from(keys, checked)),
      (found) =>
        found.map((entry) =>
          entry !== undefined && Exit.isSuccess(entry.exit)
            ? Option.some(entry.exit.value as ValueOf<K>)
            : Option.none()
        )
    )
  )

/**
 * Stores values in place of what is there, all at once.
 *
 * @category bulk
 * @since 0.1.0
 */
export const setMany = <K extends AnyKey>(
  entries: Iterable<readonly [key: K, value: ValueOf<K>]>,
  options?: SetOptions
): Effect.Effect<void, never, CodecsOf<K> | Caching> =>
  withCaching((caching, policy) => {
    if (!policy.writes || policy.disabled.has("set")) return Effect.void
    const given = setOptions(options ?? {})
    return Effect.forEach(
      Array.from(entries),
      ([key, value]) => caching.set(checked(key), value, given) as Effect.Effect<boolean>,
      { concurrency: "unbounded", discard: true }
    )
  })

/**
 * Removes what is stored under keys; answers how many of them had something.
 *
 * @category bulk
 * @since 0.1.0
 */
export const removeMany = (keys: Iterable<AnyKey>): Effect.Effect<number, never, Caching> =>
  withCaching((caching, policy) =>
    policy.disabled.has("remove") ? Effect.succeed(0) : caching.invalidate(Array.from(keys, idOf))
  )

type Instance<C extends AnyClass> = InstanceType<C>

/**
 * A cached function of many payloads at once.
 *
 * @category models
 * @since 0.1.0
 */
export interface CachedMany<K extends Key.Any, In, E, E2, R> {
  (payloads: Iterable<In>): Effect.Effect<ReadonlyArray<Exit.Exit<Success<K>, E>>, E2, R>
  /** the key of a payload */
  readonly key: (payload: In) => K
  readonly invalidate: (payloads: Iterable<In>) => Effect.Effect<void, never, Caching>
  /** loads all of them anew, in one call; a failure keeps what is stored */
  readonly refresh: (payloads: Iterable<In>) => Effect.Effect<ReadonlyArray<Exit.Exit<Success<K>, E>>, E2, R>
}

/**
 * As `fn`, for many keys at once: what is cached is served, what is missing is loaded in one call, each key once. The
 * lookup answers an `Exit` for each key, in their order: one that fails does not fail the others. Where the lookup fails
 * as a whole, so does the read, unless stale values stand in for all that it has needed.
 *
 * Each key is shared with single reads of it: who reads one that is being loaded waits for that load, and the other way
 * round. Keys that another process is loading are waited for, and are not in the call.
 *
 * ```ts
 * import { Effect, Exit, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
 *
 * class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}
 *
 * const calls: Array<ReadonlyArray<number>> = []
 * const users = Cached.many(User, {
 *   lookup: (keys) =>
 *     Effect.sync(() => {
 *       calls.push(keys.map(({ id }) => id))
 *       return keys.map(({ id }) => Exit.succeed(`user ${id}`))
 *     }),
 *   strategy: Strategy.ttl({ ttl: "1 hour" })
 * })
 *
 * const program = Effect.gen(function*() {
 *   yield* users([{ id: 1 }, { id: 2 }])
 *   yield* users([{ id: 3 }, { id: 2 }, { id: 3 }])
 *   return calls
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [[1, 2], [3]]
 * ```
 *
 * @category bulk
 * @since 0.1.0
 */
export const many = <C extends AnyClass, E, E2, R, T extends Given = undefined>(
  keyClass: C,
  options:
    & FallbackOptions
    & Timeout<T>
    & ReadOptions<Success<Instance<C>>, KeyError<Instance<C>>, Instance<C>>
    & {
      readonly strategy: Strategy<Success<Instance<C>>, KeyError<Instance<C>>, Instance<C>>
      readonly lookup: (
        keys: ReadonlyArray<Instance<C>>
      ) => Effect.Effect<ReadonlyArray<Exit.Exit<NoInfer<Success<Instance<C>>>, E>>, E2, R>
    }
): CachedMany<
  Instance<C>,
  Input<C>,
  E | KeyError<Instance<C>> | TimeoutError<T>,
  E2,
  Exclude<R, Scope.Scope> | Services<Instance<C>> | Caching
> => {
  Combine.validateFn(keyClass, options as never)
  const readMany = Combine.callMany(options as never)
  const keyOf = (payload: unknown): Key.Any => payload instanceof keyClass ? payload : new keyClass(payload)
  const call = (payloads: Iterable<unknown>) => {
    if (typeof payloads !== "object" || payloads === null || !(Symbol.iterator in payloads)) {
      throw new CacheConfigError({ message: `Many "${keyClass.keyName}" takes a list of payloads` })
    }
    // as an array it is gone through several times as fast
    return readMany(Array.isArray(payloads) ? payloads.map(keyOf) : Array.from(payloads, keyOf))
  }
  Combine.markMany(call)
  return Object.assign(call, {
    key: keyOf,
    invalidate: (payloads: Iterable<unknown>) => invalidateMany(Array.from(payloads, keyOf)),
    refresh: (payloads: Iterable<unknown>) => Combine.refreshing(call(payloads))
  }) as never
}
