/**
 * Invalidates entries by key, tag, key class, index or pattern.
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Stream from "effect/Stream"
import type { StoreError } from "../CacheError.ts"
import type { AnyClass } from "../CacheKey.ts"
import type { Caching, Progress } from "../Caching.ts"
import { invalidateIds } from "../internal/engine/invalidation/invalidate.ts"
import * as Operations from "../internal/engine/operationTable.ts"
import { Current } from "../internal/engine/request/callPolicy.ts"
import { requireEffect } from "../internal/options/given.ts"
import { checkOptions, type Checks, mistake, optional } from "../internal/options/options.ts"
import { afterCommit } from "../internal/sql/sqlTransaction.ts"
import {
  collect,
  globOf,
  indexTag,
  infoOf,
  invalidateTargets,
  type List,
  type OneOrMore,
  parseGiven,
  type Target,
  toStored,
  type Where
} from "./targets.ts"
import { type AnyKey, type ListOf, streamWithCaching, tagOf, withCaching } from "./withCaching.ts"

/**
 * Invalidates a key or another target: a later read never gets a value whose load began before the invalidation. If a
 * load is running at that time, its current callers still get its result, but the result is not stored.
 *
 * **When to use**
 *
 * Use if the data behind one key has changed. A string is always a key, never a pattern or a tag. `Cached.Target` lists
 * the other kinds of targets.
 *
 * **Example** (Loading again after an invalidation)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let calls = 0
 * const price = Effect.sync(() => ++calls).pipe(Cached.ttl("price", { ttl: "1 hour" }))
 * const program = Effect.all([price, price, Cached.invalidate("price"), price])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 1, undefined, 2]
 * ```
 *
 * @see `Cached.remove` for a removal that returns whether the key had an entry
 * @see {@link invalidateTag} for entries whose keys are not known
 * @see {@link invalidateAfter} for invalidating after a write
 * @category mutations
 * @since 0.1.0
 */
export const invalidate = <C>(target: Target<C>): Effect.Effect<void, never, Caching> => invalidateGiven([target])

/**
 * Invalidates several keys or other targets.
 *
 * **When to use**
 *
 * Use if the data behind several known keys has changed.
 *
 * **Example** (Invalidating a key and a tag)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.setMany([["user:1", "Ada"], ["count", 1]], { tags: ["users"] })
 *   yield* Cached.invalidateMany(["user:1", { tag: "users" }])
 *   return yield* Cached.size
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => 0
 * ```
 *
 * @see {@link invalidate} for one target
 * @see `Cached.removeMany` for the number of removed entries
 * @category mutations
 * @since 0.1.0
 */
export const invalidateMany = <Cs extends ReadonlyArray<unknown>>(
  targets: ListOf<AnyKey> | List<Cs>
): Effect.Effect<void, never, Caching> => invalidateGiven(targets as Iterable<unknown>)

// Suspended, so that an invalid target makes the effect die, as an invalid field of a key does. The call never throws.
const invalidateGiven = (targets: Iterable<unknown>): Effect.Effect<void, never, Caching> =>
  Effect.suspend(() => Effect.flatMapEager(collect(targets), invalidateTargets))

/**
 * Options for `Cached.invalidateTag`, `invalidateAll` and `invalidateWhere`.
 * @category options
 * @since 0.1.0
 */
export interface InvalidateOptions {
  /**
   * `"hard"`: no read that starts afterwards gets the entries. `"soft"`: the entries become stale. `softTtl` and
   * `failover` may serve them if a load fails, and `refreshAhead` during a refresh. All other strategies load again.
   * @default `"hard"`
   */
  readonly mode?: "hard" | "soft" | undefined
}

/**
 * Invalidates all entries with a tag, whatever their keys, in constant time.
 *
 * **When to use**
 *
 * Use if a change affects entries of unrelated keys, such as all pages that show one user.
 *
 * **Example** (Making entries stale, then removing them)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let load: Effect.Effect<number, string> = Effect.succeed(1)
 * const price = Effect.suspend(() => load).pipe(
 *   Cached.softTtl("price", { ttl: "1 hour", softTtl: "30 minutes", fallbackOn: "all", tags: ["prices"] })
 * )
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* price
 *   load = Effect.fail("down")
 *   yield* Cached.invalidateTag("prices", { mode: "soft" })
 *   const stale = yield* price
 *   yield* Cached.invalidateTag("prices")
 *   return [stale, yield* Effect.flip(price)]
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => [1, "down"]
 * ```
 *
 * @see {@link invalidateAll} for all results of a key class
 * @see {@link invalidateWhere} for invalidating by a field of a key class, without tags
 * @category mutations
 * @since 0.1.0
 */
export const invalidateTag: {
  // A separate overload, because `Effect.forEach(tags, Cached.invalidateTag)` passes an index as the second argument.
  (tag: string): Effect.Effect<void, never, Caching>
  (tag: string, options: InvalidateOptions | undefined): Effect.Effect<void, never, Caching>
} = (tag: string, options?: InvalidateOptions | number): Effect.Effect<void, never, Caching> =>
  invalidateByTags(() => [tagOf(tag)], options)

/** Invalidates tags that are already escaped. Ignores `given` if it is an index that `Effect.forEach` passes. */
const invalidateByTags = (
  tags: () => ReadonlyArray<string>,
  given: InvalidateOptions | number | undefined
): Effect.Effect<void, never, Caching> =>
  withCaching((caching, policy) => {
    const options: InvalidateOptions = typeof given === "object" ? given : {}
    checkOptions("The invalidation of tags", options, invalidateOptions)
    const stored = tags()
    return policy.disabled.has("invalidate")
      ? Effect.void
      : caching.perform(Operations.invalidateTags, stored, options.mode ?? "hard")
  })

const invalidateOptions: Checks<InvalidateOptions> = {
  mode: optional((mode) => {
    if (mode === "hard" || mode === "soft") return
    throw mistake(`mode of an invalidation cannot be "${String(mode)}": pass "hard" or "soft"`)
  })
}

/**
 * Invalidates all results of a key class, in every version of the class, in constant time.
 *
 * **When to use**
 *
 * Use if a change affects every result of one class.
 *
 * **Example** (Invalidating a key class)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * class Price extends CacheKey.Class<Price>()("Price", { payload: { sku: Schema.String }, success: Schema.Int }) {}
 * let calls = 0
 * const price = Cached.fn(Price, () => Effect.sync(() => ++calls), { ttl: "1 hour" })
 * const program = Effect.all([price({ sku: "a" }), Cached.invalidateAll(Price), price({ sku: "a" })])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, undefined, 2]
 * ```
 *
 * @see {@link invalidateWhere} for the results that share a field
 * @see `Cached.clear` for everything in the cache
 * @category mutations
 * @since 0.1.0
 */
export const invalidateAll: {
  (keyClass: AnyClass): Effect.Effect<void, never, Caching>
  (keyClass: AnyClass, options: InvalidateOptions | undefined): Effect.Effect<void, never, Caching>
} = (keyClass: AnyClass, options?: InvalidateOptions | number): Effect.Effect<void, never, Caching> =>
  invalidateByTags(() => [infoOf("Cached.invalidateAll", keyClass).tag], options)

/**
 * Invalidates all results of a key class whose keys have the given values in one of the class's `indexes`, in constant
 * time. The call compiles only if the fields are exactly those of one index.
 *
 * **When to use**
 *
 * Use if a change affects the results of one class that share a field, such as all results of one tenant.
 *
 * **Example** (Invalidating by a field)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer } from "effect-cached"
 *
 * class Forecast extends CacheKey.Class<Forecast>()("Forecast", {
 *   payload: { city: Schema.String, days: Schema.Int },
 *   success: Schema.Int,
 *   indexes: ["city"]
 * }) {}
 * let calls = 0
 * const forecast = Cached.fn(Forecast, () => Effect.sync(() => ++calls), { ttl: "1 hour" })
 * const berlin = forecast({ city: "Berlin", days: 3 })
 * const program = Effect.all([berlin, Cached.invalidateWhere(Forecast, { city: "Berlin" }), berlin])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, undefined, 2]
 * ```
 *
 * @see {@link invalidateAll} for all results of the class
 * @see {@link invalidateTag} for results of several classes
 * @category mutations
 * @since 0.1.0
 */
export const invalidateWhere = <C extends AnyClass>(
  keyClass: C,
  where: Where<C>,
  options?: InvalidateOptions
): Effect.Effect<void, never, Caching> =>
  invalidateByTags(() => [indexTag("Cached.invalidateWhere", keyClass, where)()], options)

/**
 * Invalidates all entries whose ids match a pattern, and streams the progress after each batch of a few hundred
 * entries. An invalid pattern throws a `CacheConfigError` at once. If the store cannot be scanned, the stream fails
 * with a `StoreError`. An entry that another process stores while the stream runs may remain.
 *
 * **When to use**
 *
 * Use in tools that show the progress, for keys without a tag or an index. `Cached.entries` explains the patterns.
 *
 * **Example** (Invalidating by pattern)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.setMany([["user:1", "Ada"], ["user:2", "Grace"], ["page:1", "Home"]])
 *   yield* Stream.runDrain(Cached.invalidateMatching("user:*"))
 *   return yield* Cached.size
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => 1
 * ```
 *
 * @see {@link invalidateTag} for a faster invalidation that misses no entry
 * @see `Cached.removeMatching` for the number of removed entries alone
 * @category mutations
 * @since 0.1.0
 */
export const invalidateMatching = (pattern: string): Stream.Stream<Progress, StoreError, Caching> => {
  const glob = globOf("Cached.invalidateMatching", pattern)
  return streamWithCaching((caching, policy) =>
    policy.disabled.has("invalidate") ? Stream.empty : caching.perform(Operations.invalidateMatching, glob)
  )
}

/**
 * Makes each cached read in an effect invalidate its key first, so that the value is loaded again for all readers.
 * Reads inside those loads are answered as usual.
 *
 * **When to use**
 *
 * Use for a request that asks for fresh data.
 *
 * **Example** (Loading again for one request)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let calls = 0
 * const price = Effect.sync(() => ++calls).pipe(Cached.ttl("price", { ttl: "1 hour" }))
 * const program = Effect.all([price, Cached.invalidateFurther(price), price])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 2]
 * ```
 *
 * @see `CachePolicy.refresh` for a new load whose failure keeps the stored value
 * @see {@link invalidate} for invalidating a key without reading it
 * @category combinators
 * @since 0.1.0
 */
export const invalidateFurther = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(
    self,
    Current,
    (policy) => ({ ...policy, invalidate: policy.disabled.has("invalidate") ? undefined : invalidateIds })
  )

/**
 * Invalidates keys or other targets after an effect has succeeded, before its value is returned.
 *
 * **When to use**
 *
 * Use for a write to the origin, so that later reads load the new data. An interruption after the write does not skip
 * the invalidation.
 *
 * **Details**
 *
 * - If a target is invalid, the call throws a `CacheConfigError`, or the returned effect dies with it before the write.
 *   Targets that a function returns are checked only after the write.
 * - Inside an open SQL transaction (`sql.withTransaction` of `effect/sql`), the invalidation runs after the commit. It
 *   is dropped if the transaction, or the savepoint around the effect, is rolled back.
 * - If the store cannot be scanned for `{ matching }`, the effect still succeeds, except under `CachePolicy.strict`.
 *
 * **Example** (Invalidating after a write)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * await Effect.runPromise(Effect.gen(function*() {
 *   yield* Cached.setMany([["user:1", "Ada"], ["users:page:1", ["Ada"]]])
 *   yield* Cached.set("users:count", 1, { tags: ["users"] })
 *   const rename = Effect.succeed("Grace").pipe(
 *     Cached.invalidateAfter(["user:1", { tag: "users" }, { matching: "users:page:*" }])
 *   )
 *   return [yield* rename, yield* Cached.size]
 * }).pipe(Effect.provide(CacheLayer.memory()))) // => ["Grace", 0]
 * ```
 *
 * @see {@link invalidate} for an invalidation on its own
 * @see `Transaction.withSql` for a write of several statements
 * @category combinators
 * @since 0.1.0
 */
export const invalidateAfter: {
  <A, C, Cs extends ReadonlyArray<unknown>>(
    targets: After<A, C, Cs>
  ): <E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Caching>
  <A, E, R, C, Cs extends ReadonlyArray<unknown>>(
    self: Effect.Effect<A, E, R>,
    targets: After<A, C, Cs>
  ): Effect.Effect<A, E, R | Caching>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, given: unknown): Effect.Effect<A, E, R | Caching> => {
  requireEffect("Cached.invalidateAfter", self)
  const targets = typeof given === "function" && !isKeyClass(given) ? undefined : parseGiven(given)
  // An interruption after the effect has succeeded must not skip the invalidation.
  return Effect.uninterruptibleMask((restore) => {
    const known = targets === undefined ? undefined : toStored(targets)
    return Effect.tap(
      restore(self),
      (value) =>
        afterCommit(invalidateTargets(known ?? toStored(parseGiven((given as ToTargets)(Exit.succeed(value))))))
    )
  })
})

// Whether a key class was passed by mistake instead of `{ all }`. A class is also a function, but returns no targets.
const isKeyClass = (given: Function): boolean => "keyName" in given

type ToTargets = (exit: Exit.Exit<unknown>) => unknown

type After<A, C, Cs extends ReadonlyArray<unknown>> = OneOrMore<C, Cs> | ((exit: Exit.Success<A>) => OneOrMore<C, Cs>)
