/**
 * Reading and writing entries by hand, without a load.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { CacheConfigError, type StoreError } from "../CacheError.ts"
import type { Caching, Known } from "../Caching.ts"
import { incrementBy } from "../internal/defaults.ts"
import type { Cache } from "../internal/engine/cache.ts"
import { knownOf } from "../internal/engine/operations/inspect.ts"
import { checkOptions, type Checks, optional, refuseUnknown } from "../internal/options.ts"
import type { SetCondition as StoreCondition } from "../ports/store.ts"
import { toMillis } from "../Ttl.ts"
import { type AnyKey, checked, type CodecsOf, idOf, tagsOf, type ValueOf, withCaching } from "./withCaching.ts"

/**
 * The value stored under a key, if there is one within its ttl; nothing is loaded. A stored failure is no value.
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.gen(function*() {
 *   yield* Cached.set("answer", 42)
 *   return [yield* Cached.getOption("answer"), yield* Cached.getOption("question")]
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [Option.some(42), Option.none()]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const getOption = <K extends AnyKey>(
  key: K
): Effect.Effect<Option.Option<ValueOf<K>>, never, CodecsOf<K> | Caching> =>
  withCaching((caching) =>
    Effect.map(
      caching.lookup(checked(key)),
      (entry) =>
        entry !== undefined && Exit.isSuccess(entry.exit) ? Option.some(entry.exit.value as ValueOf<K>) : Option.none()
    )
  )

/**
 * What `set` takes beside key and value.
 *
 * @category options
 * @since 0.1.0
 */
export interface SetOptions {
  /**
   * how long it is served; zero or negative removes what is there
   *
   * @default for ever
   */
  readonly ttl?: Duration.Input | undefined
  /**
   * tags of the entry
   *
   * @default those of the key
   */
  readonly tags?: ReadonlyArray<string> | undefined
  /**
   * `true`: the expiry of the present entry stays, if there is one
   *
   * @default `false`
   */
  readonly keepTtl?: boolean | undefined
  /** what the origin calls this version of the value, for `Cached.previous` */
  readonly etag?: string | undefined
}

/**
 * One of these: only then is the value put in.
 *
 * @category options
 * @since 0.1.0
 */
export type SetCondition =
  | {
    /** nothing is there; an expired or invalidated entry counts as nothing */
    readonly ifAbsent: true
  }
  | {
    /** something is there, even if it is stale, `undefined` or a failure */
    readonly ifPresent: true
  }
  | {
    /** exactly the write with this `writeId` is there, as `getEntry` has told it: nobody has written since */
    readonly ifUnchanged: string
  }

/**
 * Stores a value in place of what is there, and of what is being loaded at the moment; answers whether it did: `false`
 * where a condition does not hold, or where the policy writes nothing.
 *
 * With a condition it is one atomic step, across processes too where the store is shared. Whether it holds only the store
 * knows then, so that its failure is the caller's (`StoreError`); without one a store that fails is worked around.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.all([
 *   Cached.set("leader", "a", { ttl: "1 minute", ifAbsent: true }),
 *   Cached.set("leader", "b", { ttl: "1 minute", ifAbsent: true })
 * ])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [true, false]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const set: {
  <K extends AnyKey>(
    key: K,
    value: ValueOf<K>,
    options: SetOptions & SetCondition
  ): Effect.Effect<boolean, StoreError, CodecsOf<K> | Caching>
  <K extends AnyKey>(
    key: K,
    value: ValueOf<K>,
    options?: SetOptions
  ): Effect.Effect<boolean, never, CodecsOf<K> | Caching>
} = <K extends AnyKey>(
  key: K,
  value: ValueOf<K>,
  options?: SetOptions & Partial<Conditions>
): Effect.Effect<boolean, never, CodecsOf<K> | Caching> =>
  // only a condition lets a store's failure through, and then the type says so
  withCaching((caching, policy) =>
    !policy.writes || policy.disabled.has("set")
      ? Effect.succeed(false)
      : caching.set(checked(key), value, setOptions(options ?? {})) as Effect.Effect<boolean>
  )

interface Conditions {
  readonly ifAbsent: boolean
  readonly ifPresent: boolean
  readonly ifUnchanged: string
}

const optionsOfSet = {
  ttl: true,
  tags: true,
  keepTtl: true,
  etag: true,
  ifAbsent: true,
  ifPresent: true,
  ifUnchanged: true
} satisfies { readonly [Name in keyof SetOptions | keyof Conditions]: true }

/** What the engine takes for the options of `set`. */
export const setOptions = (options: SetOptions & Partial<Conditions>): Parameters<Cache["set"]>[2] => {
  refuseUnknown("Cached.set", options, Object.keys(optionsOfSet))
  return {
    ttlMillis: options.ttl === undefined ? Infinity : toMillis(options.ttl),
    tags: options.tags === undefined ? undefined : tagsOf(options.tags),
    keepTtl: options.keepTtl === true,
    etag: options.etag,
    condition: conditionOf(options)
  }
}

const conditionOf = (options: Partial<Conditions>): StoreCondition | undefined => {
  const { ifAbsent = false, ifPresent = false, ifUnchanged } = options
  // what is only meant as a condition must not become none
  if (typeof ifAbsent !== "boolean" || typeof ifPresent !== "boolean") {
    throw new CacheConfigError({ message: "Cached.set: ifAbsent and ifPresent are true, or left out" })
  }
  if (typeof ifUnchanged !== "string" && "ifUnchanged" in options) {
    throw new CacheConfigError({
      message:
        "Cached.set: ifUnchanged is the writeId that Cached.getEntry has told; where it finds nothing, use ifAbsent"
    })
  }
  const conditions: Array<StoreCondition> = []
  if (ifAbsent) conditions.push({ _tag: "IfAbsent" })
  if (ifPresent) conditions.push({ _tag: "IfPresent" })
  if (ifUnchanged !== undefined) conditions.push({ _tag: "IfUnchanged", writeId: ifUnchanged })
  if (conditions.length <= 1) return conditions[0]
  throw new CacheConfigError({ message: "Cached.set takes one condition: ifAbsent, ifPresent or ifUnchanged" })
}

/**
 * A cached value, and what is known of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface FoundEntry<A> extends Known {
  readonly value: A
  /** another one is another write: for `ifUnchanged` */
  readonly writeId: string
}

/**
 * As `getOption`, with what is known of the value: when it was loaded and how long it lives, its tags, its ETag, and the
 * `writeId` by which `set` can tell whether somebody else has written since (compare and set).
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.gen(function*() {
 *   yield* Cached.set("answer", 41, { tags: ["numbers"] })
 *   const { tags, value, writeId } = Option.getOrThrow(yield* Cached.getEntry("answer"))
 *   const first = yield* Cached.set("answer", 42, { ifUnchanged: writeId })
 *   const late = yield* Cached.set("answer", 43, { ifUnchanged: writeId })
 *   return { tags, value, first, late }
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => { tags: ["numbers"], value: 41, first: true, late: false }
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const getEntry = <K extends AnyKey>(
  key: K
): Effect.Effect<Option.Option<FoundEntry<ValueOf<K>>>, never, CodecsOf<K> | Caching> =>
  withCaching((caching) =>
    Effect.map(caching.find(checked(key)), (found) => {
      if (found === undefined || Exit.isFailure(found.exit)) return Option.none()
      return Option.some({ ...knownOf(found), writeId: found.writeId!, value: found.exit.value as ValueOf<K> })
    })
  )

/**
 * Gives what is stored under a key another lifetime, from now on; `false` where nothing is. Zero or negative removes it,
 * `Infinity` lets it live until it is invalidated.
 *
 * ```ts
 * import { Duration, Effect, Option } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.gen(function*() {
 *   yield* Cached.set("answer", 42)
 *   yield* Cached.touch("answer", Infinity) // => true
 *   yield* Cached.touch("question", "1 hour") // => false
 *   return yield* Cached.expiresIn("answer")
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => Option.some(Duration.infinity)
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const touch = (key: AnyKey, ttl: Duration.Input): Effect.Effect<boolean, never, Caching> =>
  withCaching((caching, policy) =>
    !policy.writes || policy.disabled.has("set")
      ? Effect.succeed(false)
      : caching.touch(checked(key), toMillis(ttl))
  )

/**
 * What `increment` takes beside the name.
 *
 * @category options
 * @since 0.1.0
 */
export interface IncrementOptions {
  /**
   * what is added: a whole number, may be negative; 0 reads the counter, and creates none
   *
   * @default 1
   */
  readonly by?: number | undefined
  /**
   * how long the counter lives, from its creation on; later calls do not extend it
   *
   * @default for ever
   */
  readonly ttl?: Duration.Input | undefined
}

/**
 * Adds to a counter that starts at 0, and answers the sum: one atomic step, across processes where the store is shared.
 * Counters have names of their own, apart from keys; `Cached.clear` empties them. A sum cannot be made up, so a store that
 * fails is the caller's to know (`StoreError`); one past the safe integers fails with reason `OutOfRange`.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.all([Cached.increment("visits"), Cached.increment("visits", { by: 10, ttl: "1 day" })])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 11]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const increment = (
  name: string,
  options?: IncrementOptions
): Effect.Effect<number, StoreError, Caching> =>
  withCaching((caching) => {
    const { by = incrementBy, ttl } = options ?? {}
    checkOptions<IncrementOptions>("Cached.increment", options ?? {}, incrementOptions)
    if (typeof name !== "string") refuseIncrement(by)
    return caching.increment(name, by, ttl === undefined ? Infinity : toMillis(ttl))
  })

const refuseIncrement = (by: number): never => {
  throw new CacheConfigError({ message: `Cached.increment takes a name and a whole number, not ${String(by)}` })
}

const incrementOptions: Checks<IncrementOptions> = {
  by: optional((by) => {
    if (!Number.isSafeInteger(by)) refuseIncrement(by)
  }),
  ttl: optional((ttl) => void toMillis(ttl))
}

/**
 * Whether something is stored under a key, a failure included.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.andThen(Cached.set("answer", 42), Effect.all([Cached.has("answer"), Cached.has("question")]))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [true, false]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const has = <K extends AnyKey>(key: K): Effect.Effect<boolean, never, CodecsOf<K> | Caching> =>
  withCaching((caching) => Effect.map(caching.lookup(checked(key)), (entry) => entry !== undefined))

/**
 * How long what is stored under a key is served still at most: none where nothing is stored, infinity where it does
 * not expire.
 *
 * ```ts
 * import { Duration, Effect, Option } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.gen(function*() {
 *   yield* Cached.set("answer", 42, { ttl: "1 hour" })
 *   yield* TestClock.adjust("20 minutes")
 *   return yield* Cached.expiresIn("answer")
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide([CacheLayer.memory(), TestClock.layer()]))) // => Option.some(Duration.minutes(40))
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const expiresIn = <K extends AnyKey>(
  key: K
): Effect.Effect<Option.Option<Duration.Duration>, never, CodecsOf<K> | Caching> =>
  withCaching((caching) =>
    Effect.clockWith((clock) =>
      Effect.map(
        caching.lookup(checked(key)),
        Option.liftNullishOr((entry) =>
          entry === undefined ? undefined : Duration.millis(entry.expiresAt - clock.currentTimeMillisUnsafe())
        )
      )
    )
  )

/**
 * Removes what is stored under a key; `false` where nothing was. As `invalidate`, but says so. A store may count what has
 * expired and is not cleaned up.
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.andThen(Cached.set("answer", 42), Effect.all([Cached.remove("answer"), Cached.remove("answer")]))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [true, false]
 * ```
 *
 * @category operations
 * @since 0.1.0
 */
export const remove = (key: AnyKey): Effect.Effect<boolean, never, Caching> =>
  withCaching((caching, policy) =>
    policy.disabled.has("remove")
      ? Effect.succeed(false)
      : Effect.map(caching.invalidate([idOf(key)]), (removed) => removed > 0)
  )
