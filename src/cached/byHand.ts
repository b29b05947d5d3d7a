/**
 * Reading and writing entries by hand, without a load.
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { StoreError } from "../CacheError.ts"
import type { Caching, Known } from "../Caching.ts"
import type { Cache } from "../internal/engine/boundCache.ts"
import { knownOf } from "../internal/engine/operations/inspect.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { copyOf } from "../internal/engine/request/copy.ts"
import { inCall, mistake, refuseUnknown } from "../internal/options/options.ts"
import { constantOfStrategy } from "../internal/strategy/make.ts"
import type { SetCondition as StoreCondition } from "../ports/store.ts"
import type * as Ttl from "../Ttl.ts"
import { toMillis } from "../Ttl.ts"
import type { Seen } from "./combinator.ts"
import { type AnyReadOptions, readOptions } from "./options.ts"
import {
  type AnyKey,
  checked,
  type CodecsOf,
  idOf,
  tagsOf,
  valueFor,
  type ValueOf,
  withCaching
} from "./withCaching.ts"

/**
 * Gets the cached value of a key, if there is one within its `ttl`, not a cached failure, and loads nothing.
 *
 * **When to use**
 *
 * Use to look at a value without loading it. A cached effect reads and loads.
 *
 * **Example** (Reading without a load)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.set("answer", 42)
 *   return [yield* Cached.getOption("answer"), yield* Cached.getOption("question")]
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => [Option.some(42), Option.none()]
 * ```
 *
 * @see {@link getEntry} for the value with its metadata
 * @see {@link has} for cached failures too
 * @category accessors
 * @since 0.1.0
 */
export const getOption = <K extends AnyKey>(
  key: K
): Effect.Effect<Option.Option<ValueOf<K>>, never, CodecsOf<K> | Caching> =>
  withCaching((caching) =>
    Effect.map(
      caching.perform(Operations.lookup, checked(key)),
      (entry) =>
        entry !== undefined && Exit.isSuccess(entry.exit)
          ? Option.some(valueFor(caching, key, entry.exit.value))
          : Option.none()
    )
  )

/**
 * Options for `Cached.set` and `Cached.setMany`.
 * @category options
 * @since 0.1.0
 */
export interface SetOptions<out A = unknown> {
  /**
   * How long the value is served. Zero or negative removes the entry, and `"Infinity"` keeps it for ever.
   * @default the `ttl` of the layer's strategy, or else for ever
   */
  readonly ttl?: Ttl.Input | undefined
  /** Tags of the entry, instead of the `tags` of its key class. @default those of the key */
  readonly tags?: ReadonlyArray<string> | undefined
  /** Whether the value keeps the expiry of the entry it replaces, if there is one. @default `false` */
  readonly keepTtl?: boolean | undefined
  /** The origin's name for this version of the value, for `Cached.previous`. */
  readonly etag?: string | undefined
  /**
   * How the value is copied, so that it may be changed afterwards: `"structured"` for plain data, or a function.
   * `"freeze"` freezes its plain objects and arrays in place.
   * @default the value itself
   */
  // A method: the value of a string key is `unknown`, and a function may declare its parameter type.
  readonly copy?: "structured" | "freeze" | { copy(value: A): A }["copy"] | undefined
}

/**
 * A condition of `Cached.set`: the value is stored only if it holds.
 * @category options
 * @since 0.1.0
 */
export type SetCondition =
  | {
    /** There is no entry, or only an expired or invalidated one. */
    readonly ifAbsent: true
  }
  | {
    /** There is an entry, even a stale one, `undefined` or a failure. */
    readonly ifPresent: true
  }
  | {
    /** The entry has this `writeId` from `getEntry`: it has not been written since. */
    readonly ifUnchanged: string
  }

type GivenCondition<C> = Seen<
  C,
  { readonly ifAbsent: C } | { readonly ifPresent: C } | { readonly ifUnchanged: C }
>

/**
 * Stores a value, replacing the entry of a key, and returns whether it did.
 *
 * **When to use**
 *
 * Use for a value that comes from elsewhere: a message, a form, the answer to a write.
 *
 * **Details**
 *
 * - Returns `false` if its condition does not hold or the policy does not write.
 * - The result of a running load is not stored: the value that was set stays.
 * - A condition is checked and the value stored in one atomic step, across all processes that share the store. A
 *   failing store then fails the caller (`StoreError`). Without a condition its failure is logged and counted.
 *
 * **Example** (Storing only where nothing is stored)
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
 * @see {@link touch} for a new lifetime of the same value
 * @see `Cached.update` for a change of the cached value
 * @see `Cached.setMany` for several keys
 * @category mutations
 * @since 0.1.0
 */
export const set: {
  // `beside` leaves one signature. With two, the compiler reports first that none of them fits.
  <K extends AnyKey, Condition = unknown>(
    key: K,
    value: ValueOf<K>,
    options: SetOptions<ValueOf<K>> & SetCondition & GivenCondition<Condition>,
    ...beside: unknown extends Condition ? [never, never] : []
  ): Effect.Effect<boolean, StoreError, CodecsOf<K> | Caching>
  <K extends AnyKey, Condition = unknown>(
    key: K,
    value: ValueOf<K>,
    options?: SetOptions<ValueOf<K>> & GivenCondition<Condition>,
    ...beside: unknown extends Condition ? [] : [never, never]
  ): Effect.Effect<boolean, never, CodecsOf<K> | Caching>
} = <K extends AnyKey>(
  key: K,
  value: ValueOf<K>,
  options?: SetOptions & Partial<Conditions>
): Effect.Effect<boolean, never, CodecsOf<K> | Caching> =>
  // A store fails the caller only under a condition, and only then the type includes the error.
  withCaching((caching, policy) =>
    !policy.writes || policy.disabled.has("set")
      ? Effect.succeed(false)
      : setOne(caching, [key, value], setOptions(options ?? {})) as Effect.Effect<boolean>
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
  copy: true,
  ifAbsent: true,
  ifPresent: true,
  ifUnchanged: true
} satisfies { readonly [Name in keyof SetOptions | keyof Conditions]: true }

/** The options of `set` for the engine, and how to copy a value. */
export interface Setting extends Omit<EngineOptions, "ttlMillis"> {
  /** `undefined`: the `ttl` of the layer's strategy. */
  readonly ttlMillis: number | undefined
  readonly copy: AnyReadOptions["copy"]
}

type EngineOptions = Parameters<typeof Operations.set.over>[3]

/** Parses the options of `set`, and of operations that set like it. */
export const setOptions = (options: SetOptions & Partial<Conditions>, call = "Cached.set"): Setting => {
  refuseUnknown(call, options, Object.keys(optionsOfSet))
  try {
    readOptions.copy(options.copy, call)
  } catch (thrown) {
    throw inCall(call, thrown)
  }
  return {
    copy: options.copy,
    ttlMillis: options.ttl === undefined ? undefined : toMillis(options.ttl, `ttl of ${call}`),
    tags: options.tags === undefined ? undefined : tagsOf(options.tags),
    keepTtl: options.keepTtl === true,
    etag: options.etag,
    condition: conditionOf(options)
  }
}

/** A value to set, copied at once because the store may take its time. */
export const copiedFor = (caching: Cache, key: AnyKey, value: unknown, copy: Setting["copy"]): unknown =>
  copy === undefined ? valueFor(caching, key, value) : copyOf<unknown>(copy, key)(value)

export const setOne = (
  caching: Cache,
  [key, value]: readonly [key: AnyKey, value: unknown],
  { copy, ttlMillis = ttlOf(caching), ...options }: Setting
): ReturnType<typeof Operations.set.over> =>
  caching.perform(Operations.set, checked(key), copiedFor(caching, key, value, copy), { ...options, ttlMillis })

/** Sets values that are copied already. */
export const setAll = (
  caching: Cache,
  pairs: ReadonlyArray<readonly [key: AnyKey, value: unknown]>,
  { copy: _, ttlMillis = ttlOf(caching), ...options }: Setting
): ReturnType<typeof Operations.setMany.over> => caching.perform(Operations.setMany, pairs, { ...options, ttlMillis })

const ttlOf = ({ strategy }: Cache): number => (strategy && constantOfStrategy(strategy))?.ttl ?? Infinity

const conditionOf = (options: Partial<Conditions>): StoreCondition | undefined => {
  const { ifAbsent = false, ifPresent = false, ifUnchanged } = options
  // An invalid condition must not be ignored.
  if (typeof ifAbsent !== "boolean" || typeof ifPresent !== "boolean") {
    throw mistake("ifAbsent and ifPresent of Cached.set must be true or false")
  }
  if (typeof ifUnchanged !== "string" && "ifUnchanged" in options) {
    throw mistake(
      "ifUnchanged of Cached.set is not a writeId: pass that of Cached.getEntry, or ifAbsent if it finds nothing"
    )
  }
  const conditions: Array<StoreCondition> = []
  if (ifAbsent) conditions.push({ _tag: "IfAbsent" })
  if (ifPresent) conditions.push({ _tag: "IfPresent" })
  if (ifUnchanged !== undefined) conditions.push({ _tag: "IfUnchanged", writeId: ifUnchanged })
  if (conditions.length <= 1) return conditions[0]
  throw mistake("Cached.set takes one condition: pass ifAbsent, ifPresent or ifUnchanged")
}

/**
 * A cached value with its metadata, returned by {@link getEntry}.
 * @category models
 * @since 0.1.0
 */
export interface FoundEntry<A> extends Known {
  readonly value: A
  /** Identifies the write of this value, for `ifUnchanged`. */
  readonly writeId: string
}

/**
 * Gets the cached value of a key with its metadata, if there is one within its `ttl`, and loads nothing.
 *
 * **When to use**
 *
 * Use if the age, the tags or the ETag of a value matter, or with `writeId` as the condition `ifUnchanged` of
 * {@link set} (compare and set).
 *
 * **Example** (Comparing and setting)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.set("answer", 41, { tags: ["numbers"] })
 *   const { tags, value, writeId } = Option.getOrThrow(yield* Cached.getEntry("answer"))
 *   const first = yield* Cached.set("answer", 42, { ifUnchanged: writeId })
 *   const late = yield* Cached.set("answer", 43, { ifUnchanged: writeId })
 *   return { tags, value, first, late }
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => { tags: ["numbers"], value: 41, first: true, late: false }
 * ```
 *
 * @see {@link getOption} for the value alone
 * @see {@link expiresIn} for the remaining lifetime alone
 * @category accessors
 * @since 0.1.0
 */
export const getEntry = <K extends AnyKey>(
  key: K
): Effect.Effect<Option.Option<FoundEntry<ValueOf<K>>>, never, CodecsOf<K> | Caching> =>
  withCaching((caching) =>
    Effect.map(caching.perform(Operations.find, checked(key)), (found) => {
      if (found === undefined || Exit.isFailure(found.exit)) return Option.none()
      return Option.some({
        ...knownOf(found),
        writeId: found.writeId!,
        value: valueFor(caching, key, found.exit.value)
      })
    })
  )

/**
 * Gives the entry of a key a new lifetime from now on, and returns whether there was one. Zero or negative removes the
 * entry. With `Infinity` it lives until it is invalidated.
 *
 * **When to use**
 *
 * Use to change a lifetime and keep the value. The strategy `sliding` does so with every read.
 *
 * **Example** (Keeping an entry until it is invalidated)
 *
 * ```ts
 * import { Duration, Effect, Option } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.set("answer", 42)
 *   yield* Cached.touch("answer", Infinity) // => true
 *   yield* Cached.touch("question", "1 hour") // => false
 *   return yield* Cached.expiresIn("answer")
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => Option.some(Duration.infinity)
 * ```
 *
 * @see {@link set} for another value
 * @category mutations
 * @since 0.1.0
 */
export const touch = (key: AnyKey, ttl: Ttl.Input): Effect.Effect<boolean, never, Caching> =>
  withCaching((caching, policy) =>
    !policy.writes || policy.disabled.has("set")
      ? Effect.succeed(false)
      : caching.perform(Operations.touch, checked(key), toMillis(ttl, "ttl of Cached.touch"))
  )

/**
 * Checks whether a key has an entry within its `ttl`, including a cached failure.
 *
 * **When to use**
 *
 * Use if the value does not matter, or if a cached failure counts too.
 *
 * **Example** (Checking for an entry)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.andThen(Cached.set("answer", 42), Effect.all([Cached.has("answer"), Cached.has("question")]))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [true, false]
 * ```
 *
 * @see {@link getOption} for the value
 * @category accessors
 * @since 0.1.0
 */
export const has = <K extends AnyKey>(key: K): Effect.Effect<boolean, never, CodecsOf<K> | Caching> =>
  withCaching((caching) => Effect.map(caching.perform(Operations.lookup, checked(key)), (entry) => entry !== undefined))

/**
 * Gets the remaining lifetime of a key's entry: `Option.none()` without one, `Duration.infinity` if it never expires.
 *
 * **When to use**
 *
 * Use for the remaining lifetime alone, such as for `Cache-Control: max-age`.
 *
 * **Example** (Reading the remaining lifetime)
 *
 * ```ts
 * import { Duration, Effect, Option } from "effect"
 * import { TestClock } from "effect/testing"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.set("answer", 42, { ttl: "1 hour" })
 *   yield* TestClock.adjust("20 minutes")
 *   return yield* Cached.expiresIn("answer")
 * }).pipe(Effect.provide([CacheLayer.memory(), TestClock.layer()]))) // => Option.some(Duration.minutes(40))
 * ```
 *
 * @see {@link getEntry} for the value with all its times
 * @category accessors
 * @since 0.1.0
 */
export const expiresIn = <K extends AnyKey>(
  key: K
): Effect.Effect<Option.Option<Duration.Duration>, never, CodecsOf<K> | Caching> =>
  withCaching((caching) =>
    Effect.clockWith((clock) =>
      Effect.map(
        caching.perform(Operations.lookup, checked(key)),
        Option.liftNullishOr((entry) =>
          entry === undefined ? undefined : Duration.millis(entry.expiresAt - clock.currentTimeMillisUnsafe())
        )
      )
    )
  )

/**
 * Removes the entry of a key, and returns whether there was one. A store may count one that has expired.
 *
 * **When to use**
 *
 * Use if it matters whether there was an entry.
 *
 * **Example** (Removing an entry)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.andThen(Cached.set("answer", 42), Effect.all([Cached.remove("answer"), Cached.remove("answer")]))
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [true, false]
 * ```
 *
 * @see `Cached.invalidate` for the same without the answer
 * @see `Cached.removeMany` for several keys
 * @category mutations
 * @since 0.1.0
 */
export const remove = (key: AnyKey): Effect.Effect<boolean, never, Caching> =>
  withCaching((caching, policy) =>
    policy.disabled.has("remove")
      ? Effect.succeed(false)
      : Effect.map(caching.perform(Operations.invalidate, [idOf(key)]), (removed) => removed > 0)
  )
