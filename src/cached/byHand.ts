/**
 * Reads and writes single entries directly, without a load.
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Known } from "../CacheEntry.ts"
import { CacheConfigError, type StoreError } from "../CacheError.ts"
import type { Caching } from "../Caching.ts"
import { type Cache, cacheOfKey } from "../internal/engine/boundCache.ts"
import { knownOf } from "../internal/engine/operations/inspect.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { copyOf } from "../internal/engine/request/copy.ts"
import { inCall, mistake, refuseUnknown } from "../internal/options/options.ts"
import { constantOfStrategy } from "../internal/strategy/make.ts"
import type { SetCondition as StoreCondition } from "../ports/store.ts"
import type * as Ttl from "../Ttl.ts"
import { toMillis } from "../Ttl.ts"
import type { Seen } from "./flat.ts"
import { type AnyReadOptions, readOptions } from "./options.ts"
import { type AnyKey, checked, type CodecsOf, tagsOf, valueFor, type ValueOf, withCaching } from "./withCaching.ts"

/**
 * Gets a key's cached value without loading it. Returns `Option.none()` for an expired entry or a cached failure.
 *
 * **When to use**
 *
 * Use to look up a value without triggering a load. A cached effect would load a missing value.
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
 * @see {@link has} for a check that counts cached failures too
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
   * How long the value is served. Zero or a negative duration removes the entry; `"Infinity"` keeps the value forever.
   * @default the constant `ttl` of the layer's strategy (for `sliding`, its `idle`), or `Infinity` if there is none
   */
  readonly ttl?: Ttl.Input | undefined
  /** The entry's tags, in place of the `tags` of its key class. @default the tags of the key class */
  readonly tags?: ReadonlyArray<string> | undefined
  /** Whether the value keeps the expiry of the entry that it replaces, if there is one. @default `false` */
  readonly keepTtl?: boolean | undefined
  /** The origin's ETag for this version of the value, which `Cached.previous` returns to the next load. */
  readonly etag?: string | undefined
  /**
   * How the value is copied before it is stored: `"structured"` for plain data, or a function. The caller may then
   * modify the original. `"freeze"` makes no copy: it freezes plain objects and arrays in place.
   * @default the layer's `copy`, or no copy if the layer has none
   */
  // `copy` is a method, whose parameter is bivariant: with a string key, it may take a narrower type than `unknown`.
  readonly copy?: "structured" | "freeze" | { copy(value: A): A }["copy"] | undefined
}

/**
 * A condition for `Cached.set`, which stores the value only if the condition holds.
 * @category options
 * @since 0.1.0
 */
export type SetCondition =
  | {
    /** Stores the value only if the key has no entry. An expired or invalidated entry does not count. */
    readonly ifAbsent: true
  }
  | {
    /** Stores the value only if the key has an entry, even if it is stale or holds `undefined` or a failure. */
    readonly ifPresent: true
  }
  | {
    /** Stores the value only if the entry has not been written since `getEntry` returned this `writeId`. */
    readonly ifUnchanged: string
  }

type GivenCondition<C> = Seen<
  C,
  { readonly ifAbsent: C } | { readonly ifPresent: C } | { readonly ifUnchanged: C }
>

/**
 * Stores a value under a key, replacing any existing entry, and returns whether the value was stored.
 *
 * **When to use**
 *
 * Use for a value that the program already has: from a message, a form or the response to a write.
 *
 * **Details**
 *
 * - Returns `false` if the condition does not hold or the policy does not allow writes.
 * - If the key is being loaded, the load's result is not stored, so it does not replace the value that was set.
 * - With a condition, the check and the write are one atomic step across all processes that share the store, and the
 *   call fails with a `StoreError` if the store fails. Without a condition, a store failure is only logged and counted.
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
 * @see {@link touch} for changing the lifetime alone
 * @see `Cached.update` for a new value computed from the cached one
 * @see `Cached.setMany` for several keys
 * @category mutations
 * @since 0.1.0
 */
export const set: {
  // `beside` rules out the overload that does not fit, so that type errors do not begin with "No overload matches".
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
  // Only a call with a condition can fail with `StoreError`, and the overload for conditions declares that error.
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

/** The parsed options of `Cached.set`: the options that the engine takes, and how to copy the value. */
export interface Setting extends Omit<EngineOptions, "ttlMillis"> {
  /** If `undefined`, the constant `ttl` of the layer's strategy applies, or `Infinity` if there is none. */
  readonly ttlMillis: number | undefined
  readonly copy: AnyReadOptions["copy"]
}

type EngineOptions = Parameters<typeof Operations.set.over>[3]

/** Parses the options of `Cached.set`, and of operations that take the same options. */
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

/** Copies the value if the options or the layer say so, because the caller may modify the original before the write. */
export const copiedFor = (caching: Cache, key: AnyKey, value: unknown, copy: Setting["copy"]): unknown =>
  copy === undefined ? valueFor(caching, key, value) : copyOf<unknown>(copy, key)(value)

export const setOne = (
  caching: Cache,
  [key, value]: readonly [key: AnyKey, value: unknown],
  { copy, ttlMillis = ttlOf(caching, key), ...options }: Setting
): ReturnType<typeof Operations.set.over> =>
  caching.perform(Operations.set, checked(key), copiedFor(caching, key, value, copy), { ...options, ttlMillis })

export const setAll = (
  caching: Cache,
  pairs: ReadonlyArray<readonly [key: AnyKey, value: unknown]>,
  { copy: _, ...options }: Setting,
  ttlMillis: number
): ReturnType<typeof Operations.setMany.over> => caching.perform(Operations.setMany, pairs, { ...options, ttlMillis })

/** The lifetime of the layer's strategy, for values that are set without one. */
export const ttlOf = (caching: Cache, key: AnyKey): number => {
  const { strategy } = cacheOfKey(caching, key)
  return (strategy && constantOfStrategy(strategy))?.ttl ?? Infinity
}

const conditionOf = (options: Partial<Conditions>): StoreCondition | undefined => {
  const { ifAbsent = false, ifPresent = false, ifUnchanged } = options
  // Ignoring an invalid condition would turn a conditional write into an unconditional one.
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
  /** The remaining lifetime. `Duration.infinity` if the entry never expires. */
  readonly expiresIn: Duration.Duration
  /** Identifies the write that stored this value. Pass it to `Cached.set` as `ifUnchanged`. */
  readonly writeId: string
}

/**
 * Gets a key's cached value and metadata without loading. Returns `Option.none()` for an expired entry or a failure.
 *
 * **When to use**
 *
 * Use if a value's age, remaining lifetime, tags or ETag matter. For a compare-and-set, pass `writeId` to {@link set}
 * as `ifUnchanged`.
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
 * @category accessors
 * @since 0.1.0
 */
export const getEntry = <K extends AnyKey>(
  key: K
): Effect.Effect<Option.Option<FoundEntry<ValueOf<K>>>, never, CodecsOf<K> | Caching> =>
  withCaching((caching) =>
    Effect.clockWith((clock) =>
      Effect.map(caching.perform(Operations.find, checked(key)), (found) => {
        if (found === undefined || Exit.isFailure(found.exit)) return Option.none()
        const { createdAt, expiresAt } = found
        return Option.some({
          ...knownOf(found),
          expiresIn: Duration.millis(expiresAt - Math.max(createdAt, clock.currentTimeMillisUnsafe())),
          writeId: found.writeId!,
          value: valueFor(caching, key, found.exit.value)
        })
      })
    )
  )

/**
 * Gives the entry of a key a new lifetime, counted from now, and returns whether the key had an entry. Zero or a
 * negative duration removes the entry. With `Infinity`, the entry stays until it is invalidated.
 *
 * **When to use**
 *
 * Use to change an entry's lifetime and keep its value. With the strategy `sliding`, every read extends the lifetime.
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
 *   return Option.map(yield* Cached.getEntry("answer"), ({ expiresIn }) => expiresIn)
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => Option.some(Duration.infinity)
 * ```
 *
 * @see {@link set} for storing a new value
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
 * Checks whether a key has an entry that has not expired. A cached failure counts as an entry, and a stream does not.
 *
 * **When to use**
 *
 * Use if the value itself is not needed.
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
  withCaching((caching) =>
    Effect.catchDefect(
      Effect.map(caching.perform(Operations.lookup, checked(key)), (entry) => entry !== undefined),
      // A class whose values the serializer refuses, like one of streams in a format of tables, has none.
      (defect) => defect instanceof CacheConfigError ? Effect.succeed(false) : Effect.die(defect)
    )
  )
