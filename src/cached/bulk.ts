/**
 * Operations on many keys, which share store requests and loads.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Key from "../CacheKey.ts"
import type { AnyClass, Error as KeyError, Input, Services, Success } from "../CacheKey.ts"
import type { Caching } from "../Caching.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { IdMap } from "../internal/idMap.ts"
import { mistake, requireList } from "../internal/options/options.ts"
import * as Turns from "../internal/time/turns.ts"
import { copiedFor, setAll, type SetOptions, setOptions, ttlOf } from "./byHand.ts"
import { checkFn, type FnOptions, strategyIn } from "./checkCall.ts"
import * as Combine from "./combine.ts"
import type { GivenStrategy, Infer, OptionsOf, Seen } from "./flat.ts"
import { inTurns } from "./inTurns.ts"
import { invalidate } from "./invalidation.ts"
import type { Given, TimeoutError } from "./options.ts"
import {
  type AnyKey,
  checked,
  type CodecsOf,
  idOf,
  type ListOf,
  valueFor,
  type ValueOf,
  withCaching
} from "./withCaching.ts"

/**
 * Gets the cached values of several keys, in the order of the keys, without loading. A key without an entry, or with a
 * cached failure, gives `Option.none()`. One store request covers all entries that are not in memory.
 *
 * **When to use**
 *
 * Use for several known keys, if missing values need not be loaded.
 *
 * **Example** (Reading several values)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.andThen(Cached.set("user:1", "Ada"), Cached.getMany(["user:1", "user:2"]))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [Option.some("Ada"), Option.none()]
 * ```
 *
 * @see {@link many} for a function that loads missing values
 * @see `Cached.getOption` for one key
 * @see `Cached.getMatching` for keys that match a pattern
 * @category accessors
 * @since 0.1.0
 */
export const getMany = <K extends AnyKey>(
  keys: ListOf<K>
): Effect.Effect<ReadonlyArray<Option.Option<ValueOf<K>>>, never, CodecsOf<K> | Caching> => {
  requireList("Cached.getMany", keys, "key")
  return withCaching((caching) => {
    return inTurns(keys, checked, (asked) =>
      Effect.flatMap(caching.perform(Operations.lookupMany, asked), (found) => {
        let place = 0
        return Turns.map(found, (entry) => {
          const key = asked[place++]!
          return entry !== undefined && Exit.isSuccess(entry.exit)
            ? Option.some(valueFor(caching, key, entry.exit.value))
            : Option.none()
        })
      }))
  })
}

/**
 * Stores several values under their keys, replacing existing entries. The options apply to every entry. Entries are
 * written in batches of 256, with one store request per batch, so the call as a whole is not atomic.
 *
 * **When to use**
 *
 * Use for many values at once, such as the rows of an import.
 *
 * **Example** (Storing several values)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const users = Cached.setMany([["user:1", "Ada"], ["user:2", "Grace"]], { ttl: "1 hour", tags: ["users"] })
 * await Effect.runPromise(Effect.andThen(users, Cached.size).pipe(Effect.provide(CacheLayer.memory()))) // => 2
 * ```
 *
 * @see `Cached.set` for a single key, with a condition
 * @category mutations
 * @since 0.1.0
 */
export const setMany = <Pair>(
  entries: Iterable<Seen<Pair, Pair> & PairFor<Pair>>,
  options?: SetOptions<ValueOf<KeyIn<Pair>>>
): Effect.Effect<void, never, CodecsOf<KeyIn<Pair>> | Caching> => {
  requireList("Cached.setMany", entries, "[key, value]")
  return withCaching((caching, policy) => {
    if (!policy.writes || policy.disabled.has("set")) return Effect.void
    const given = setOptions(options ?? {}, "Cached.setMany")
    if (given.condition !== undefined) throw mistake("Cached.setMany takes no condition: call Cached.set for each key")
    // Keeps only the last value of each key. If all its values were written concurrently, any could remain.
    const byTtl = new Map<number, IdMap<AnyPair>>()
    const list = Array.from(entries as Iterable<AnyPair>)
    const collected = Turns.forEach(list, (entry) => {
      const [key, value] = checkedPair(entry)
      const ttlMillis = given.ttlMillis ?? ttlOf(caching, key)
      let pairs = byTtl.get(ttlMillis)
      if (pairs === undefined) byTtl.set(ttlMillis, pairs = new IdMap(list.length))
      pairs.set(idOf(key), [key, copiedFor(caching, key, value, given.copy)])
    })
    const set = Effect.suspend(() =>
      // All are set, even if some fail.
      Effect.forEach(
        byTtl,
        ([ttlMillis, pairs]) => Effect.exit(setAll(caching, pairs.values(), given, ttlMillis)),
        { concurrency: "unbounded" }
      )
    )
    return Effect.andThen(collected, Effect.flatMap(set, Exit.asVoidAll)) as Effect.Effect<void>
  })
}

type AnyPair = readonly [key: AnyKey, value: unknown]

type KeyIn<Pair> = Pair extends readonly [infer K extends AnyKey, unknown] ? K : never

/** A pair whose value is of its key. Each pair of a union is one, so that a list may have keys of several classes. */
type PairFor<Pair> = Pair extends readonly [infer K extends AnyKey, unknown] ? readonly [key: K, value: ValueOf<K>]
  : AnyPair

const checkedPair = <Pair extends ReadonlyArray<unknown>>(entry: Pair): Pair => {
  if (Array.isArray(entry) && entry.length === 2) return entry
  throw mistake("Cached.setMany cannot set an element that is not a pair: pass a list of [key, value]")
}

type Instance<C extends AnyClass> = InstanceType<C>

/**
 * A cached function of many payloads, made by {@link many}.
 * @category models
 * @since 0.1.0
 */
export interface CachedMany<K extends Key.Any, In, E, E2, R> {
  (payloads: Iterable<In>): Effect.Effect<ReadonlyArray<Exit.Exit<Success<K>, E>>, E2, R>
  readonly key: (payload: In) => K
  readonly invalidate: (payloads: Iterable<In>) => Effect.Effect<void, never, Caching>
  /** Loads the results for all payloads again, in one call. A key whose load fails keeps its stored value. */
  readonly refresh: (payloads: Iterable<In>) => Effect.Effect<ReadonlyArray<Exit.Exit<Success<K>, E>>, E2, R>
}

/**
 * Creates a cached function of many payloads, which loads all missing results in one call.
 *
 * **When to use**
 *
 * Use when the origin answers many keys at once, such as a database query by ids.
 *
 * **Details**
 *
 * - `lookup` gets every missing key once and returns an `Exit` for each: a list in the order of the keys, or a `Map` by
 *   key. A failing key does not fail the others.
 * - If the map also contains results for other keys, the successful ones are cached too, unless a newer value may
 *   exist. One call stores at most 1,000 of them, and keeps no more than a tenth of the memory tier's capacity. A store
 *   that does not report changes by other processes, as of files and buckets, does not get them.
 * - If `lookup` itself fails, the call fails too, unless every missing key has a stale value to fall back on.
 * - Loads are shared with single reads of the same key. If another process is loading a key, the call waits for it.
 * - The scope of `lookup` closes when the call ends, before any caller gets a value, so it must not return resources.
 *
 * **Example** (Loading what is missing in one call)
 *
 * ```ts
 * import { Effect, Exit, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * class User extends CacheKey.Class<User>()("User", { payload: { id: Schema.Int }, success: Schema.String }) {}
 * const calls: Array<ReadonlyArray<number>> = []
 * const load = (keys: ReadonlyArray<User>) =>
 *   Effect.sync(() => {
 *     calls.push(keys.map(({ id }) => id))
 *     return keys.map(({ id }) => Exit.succeed(`user ${id}`))
 *   })
 * const users = Cached.many(User, load, { ttl: "1 hour" })
 * const program = Effect.andThen(users([{ id: 1 }, { id: 2 }]), users([{ id: 3 }, { id: 2 }, { id: 3 }]))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory())))
 * calls // => [[1, 2], [3]]
 * ```
 *
 * @see `Cached.fn` for a function of one payload
 * @see `Cached.resolver` for an origin that is a `RequestResolver`
 * @see `Cached.getMany` for cached values without loads
 * @category constructors
 * @since 0.1.0
 */
export const many = <
  C extends AnyClass,
  E,
  E2,
  R,
  S extends GivenStrategy = "ttl",
  T extends Given<Instance<C>> = undefined
>(
  keyClass: C,
  lookup: (
    keys: ReadonlyArray<Instance<C>>
  ) => Effect.Effect<
    | ReadonlyArray<Exit.Exit<Success<Instance<C>>, E>>
    | ReadonlyMap<Instance<C>, Exit.Exit<Success<Instance<C>>, E>>,
    E2,
    R
  >,
  options:
    & Infer<S, T>
    & OptionsOf<
      S,
      Success<Instance<C>>,
      KeyError<Instance<C>>,
      NoInfer<E | E2 | KeyError<Instance<C>>>,
      Instance<C>,
      T
    >
): CachedMany<
  Instance<C>,
  Input<C>,
  E | KeyError<Instance<C>> | TimeoutError<T>,
  E2,
  Exclude<R, Scope.Scope> | Services<Instance<C>> | Caching
> => {
  const name = checkFn("Cached.many", keyClass, lookup)
  const strategy = strategyIn({ name, before: `Cached.many(${keyClass.keyName}, lookup` }, options as FnOptions)
  const readMany = Combine.callMany({ lookup, options, strategy } as Combine.CheckedMany)
  const keyOf = (payload: unknown): Key.Any => payload instanceof keyClass ? payload : new keyClass(payload)
  const call = (payloads: Iterable<unknown>) => {
    requireList(`The function of many "${keyClass.keyName}"`, payloads, "payload")
    return inTurns(payloads, keyOf, readMany)
  }
  Combine.markMany(call)
  return Object.assign(call, {
    key: keyOf,
    invalidate: (payloads: Iterable<unknown>) => {
      requireList(`The function of many "${keyClass.keyName}"`, payloads, "payload")
      return inTurns(payloads, keyOf, (keys) => invalidate(keys))
    },
    refresh: (payloads: Iterable<unknown>) => Combine.refreshing(call(payloads))
  }) as never
}
