/**
 * Invalidation: by key, tag, class, index and pattern.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as Stream from "effect/Stream"
import { CacheConfigError, type StoreError } from "../CacheError.ts"
import * as Key from "../CacheKey.ts"
import type { AnyClass } from "../CacheKey.ts"
import type { Caching, Progress } from "../Caching.ts"
import { Current } from "../internal/engine/flight/callPolicy.ts"
import * as Glob from "../internal/glob.ts"
import type { KeyInfo } from "../internal/key/info.ts"
import { checkOptions, type Checks, optional } from "../internal/options.ts"
import { type AnyKey, idOf, tagsOf, withCaching } from "./withCaching.ts"

/**
 * Invalidates a key: no read that starts afterwards sees a value whose load began before.
 *
 * **Details**
 *
 * A load that is running gives its result to the callers it has. The result is not stored, and later reads load anew.
 *
 * **Example** (Loading again after an invalidation)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let calls = 0
 * const price = Effect.sync(() => ++calls).pipe(Cached.ttl({ key: "price", ttl: "1 hour" }))
 *
 * const program = Effect.all([price, price, Cached.invalidate("price"), price])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 1, undefined, 2]
 * ```
 *
 * @see `Cached.remove` for an answer that says whether there was an entry
 *
 * @category mutations
 * @since 0.1.0
 */
export const invalidate = (key: AnyKey): Effect.Effect<void, never, Caching> => invalidateMany([key])

/**
 * Invalidates several keys.
 *
 * **Example** (Invalidating two keys)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.gen(function*() {
 *   yield* Cached.set("user:1", "Ada")
 *   yield* Cached.invalidateMany(["user:1", "user:2"])
 *   return yield* Cached.has("user:1")
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => false
 * ```
 *
 * @category mutations
 * @since 0.1.0
 */
export const invalidateMany = (keys: Iterable<AnyKey>): Effect.Effect<void, never, Caching> =>
  withCaching((caching, policy) =>
    policy.disabled.has("invalidate")
      ? Effect.void
      : Effect.asVoid(caching.invalidate(Array.from(keys, idOf)))
  )

/**
 * Options for `Cached.invalidateTag`, `invalidateAll` and `invalidateWhere`.
 *
 * @category options
 * @since 0.1.0
 */
export interface InvalidateOptions {
  /**
   * `"hard"`: entries are gone for every read that starts afterwards. `"soft"`: entries are stale; `softTtl` and
   * `failover` may serve them if the load fails, `refreshAhead` while it refreshes, all other strategies load
   *
   * @default `"hard"`
   */
  readonly mode?: "hard" | "soft" | undefined
}

/**
 * Invalidates all entries with a tag, whatever their keys, in constant time.
 *
 * **Example** (Making entries stale, then removing them)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let load: Effect.Effect<number, string> = Effect.succeed(1)
 * const price = Effect.suspend(() => load).pipe(
 *   Cached.softTtl({ key: "price", ttl: "1 hour", softTtl: "30 minutes", tags: ["prices"] })
 * )
 *
 * const program = Effect.gen(function*() {
 *   yield* price
 *   load = Effect.fail("down")
 *   yield* Cached.invalidateTag("prices", { mode: "soft" })
 *   const stale = yield* price
 *   yield* Cached.invalidateTag("prices")
 *   return [stale, yield* Effect.flip(price)]
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, "down"]
 * ```
 *
 * @see {@link invalidateAll} for all results of a key class
 *
 * @category mutations
 * @since 0.1.0
 */
export const invalidateTag: {
  // an overload of its own, because `Effect.forEach(tags, Cached.invalidateTag)` passes an index too
  (tag: string): Effect.Effect<void, never, Caching>
  (tag: string, options: InvalidateOptions | undefined): Effect.Effect<void, never, Caching>
} = (tag: string, options?: InvalidateOptions | number): Effect.Effect<void, never, Caching> =>
  invalidateStored(() => tagsOf([tag]), options)

const invalidateTags = (tags: ReadonlyArray<string>): Effect.Effect<void, never, Caching> =>
  invalidateStored(() => tagsOf(tags), undefined)

/** Invalidates by tags as they are stored. */
const invalidateStored = (
  tags: () => ReadonlyArray<string>,
  given: InvalidateOptions | number | undefined
): Effect.Effect<void, never, Caching> =>
  withCaching((caching, policy) => {
    const options: InvalidateOptions = typeof given === "object" ? given : {}
    checkOptions("The invalidation of tags", options, invalidateOptions)
    const stored = tags()
    return policy.disabled.has("invalidate") ? Effect.void : caching.invalidateTags(stored, options.mode ?? "hard")
  })

const invalidateOptions: Checks<InvalidateOptions> = {
  mode: optional((mode) => {
    if (mode === "hard" || mode === "soft") return
    throw new CacheConfigError({
      message: `The mode of an invalidation cannot be "${String(mode)}": pass "hard" or "soft"`
    })
  })
}

const infoOf = (what: string, keyClass: AnyClass): KeyInfo => {
  const info = (keyClass as { readonly prototype?: { readonly "~class"?: KeyInfo } } | undefined)?.prototype?.["~class"]
  if (info !== undefined) return info
  throw new CacheConfigError({ message: `${what} got no key class: pass a class made with CacheKey.Class` })
}

/**
 * Invalidates all results of a key class, in every version of the class, in constant time.
 *
 * **Example** (Invalidating a key class)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
 *
 * class Price extends CacheKey.Class<Price>()("Price", { payload: { sku: Schema.String }, success: Schema.Int }) {}
 *
 * let calls = 0
 * const price = Cached.fn(Price, { lookup: () => Effect.sync(() => ++calls), strategy: Strategy.ttl({ ttl: "1 hour" }) })
 *
 * const program = Effect.gen(function*() {
 *   yield* price({ sku: "a" })
 *   yield* Cached.invalidateAll(Price)
 *   return yield* price({ sku: "a" })
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => 2
 * ```
 *
 * @see {@link invalidateWhere} for some of its results
 *
 * @category mutations
 * @since 0.1.0
 */
export const invalidateAll: {
  (keyClass: AnyClass): Effect.Effect<void, never, Caching>
  (keyClass: AnyClass, options: InvalidateOptions | undefined): Effect.Effect<void, never, Caching>
} = (keyClass: AnyClass, options?: InvalidateOptions | number): Effect.Effect<void, never, Caching> =>
  invalidateStored(() => [infoOf("Cached.invalidateAll", keyClass).tag], options)

/**
 * Values of payload fields, by which {@link invalidateWhere} selects keys of a class.
 *
 * @category models
 * @since 0.1.0
 */
export type Where<C extends AnyClass> = Partial<C["payload"]["Type"]>

/**
 * Invalidates all results of a key class that have the given values in one of its indexes, in constant time.
 *
 * **Details**
 *
 * An index is declared by `indexes` of the class. Give all fields of one index.
 *
 * **Gotchas**
 *
 * It dies with `CacheConfigError` where the class has no index of exactly these fields.
 *
 * **Example** (Invalidating by a field)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Cached, CacheKey, CacheLayer, Strategy } from "effect-cached"
 *
 * class Forecast extends CacheKey.Class<Forecast>()("Forecast", {
 *   payload: { city: Schema.String, days: Schema.Int },
 *   success: Schema.Int,
 *   indexes: ["city"]
 * }) {}
 *
 * let calls = 0
 * const forecast = Cached.fn(Forecast, {
 *   lookup: () => Effect.sync(() => ++calls),
 *   strategy: Strategy.ttl({ ttl: "1 hour" })
 * })
 *
 * const program = Effect.gen(function*() {
 *   yield* forecast({ city: "Berlin", days: 3 })
 *   yield* Cached.invalidateWhere(Forecast, { city: "Berlin" })
 *   return yield* forecast({ city: "Berlin", days: 3 })
 * })
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => 2
 * ```
 *
 * @see {@link invalidateAll} for all results of the class
 *
 * @category mutations
 * @since 0.1.0
 */
export const invalidateWhere = <C extends AnyClass>(
  keyClass: C,
  where: Where<C>,
  options?: InvalidateOptions
): Effect.Effect<void, never, Caching> =>
  invalidateStored(() => {
    if (typeof where !== "object" || where === null) {
      throw new CacheConfigError({
        message: "Cached.invalidateWhere got no fields: pass an object with the values of all fields of one index"
      })
    }
    return [infoOf("Cached.invalidateWhere", keyClass).indexTagOf(where as { readonly [field: string]: unknown })]
  }, options)

/**
 * Invalidates all entries whose id matches a pattern, and streams the progress after each batch of a few hundred.
 *
 * **Details**
 *
 * `*` is any run of characters, `?` is one, `[a-z]` is one of a set, everything else is itself. The pattern must match
 * `CacheKey.id` completely. A pattern that is not valid throws a `CacheConfigError` at once. A store that cannot be
 * scanned fails the stream with its `StoreError`.
 *
 * **Gotchas**
 *
 * It reads all ids that begin with the text before the first special character. An entry that another process stores
 * while it runs may stay. Tags and indexes are fast and exact.
 *
 * **Example** (Invalidating by pattern)
 *
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const program = Effect.gen(function*() {
 *   yield* Cached.set("user:1", "Ada")
 *   yield* Cached.set("user:2", "Grace")
 *   yield* Cached.set("page:1", "Home")
 *   const progress = yield* Stream.runLast(Cached.invalidateMatching("user:*"))
 *   return [progress, yield* Cached.size] as const
 * })
 * const [progress, left] = await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory())))
 * left // => 1
 * ```
 *
 * @see {@link invalidateTag} for the fast and exact way
 *
 * @category mutations
 * @since 0.1.0
 */
export const invalidateMatching = (pattern: string): Stream.Stream<Progress, StoreError, Caching> => {
  if (typeof pattern !== "string" || pattern === "") {
    throw new CacheConfigError({ message: "Cached.invalidateMatching got no pattern: pass one like \"user:*\"" })
  }
  const glob = Glob.make(pattern)
  return Stream.unwrap(
    withCaching((caching, policy) =>
      Effect.succeed(policy.disabled.has("invalidate") ? Stream.empty : caching.invalidateMatching(glob))
    )
  )
}

/**
 * Makes each cached read in an effect invalidate its key first, and so load anew, for all readers.
 *
 * **When to use**
 *
 * Use for a request that asks for fresh data.
 *
 * **Details**
 *
 * Reads inside the loads are answered as usual.
 *
 * **Example** (Loading anew for one request)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * let calls = 0
 * const price = Effect.sync(() => ++calls).pipe(Cached.ttl({ key: "price", ttl: "1 hour" }))
 *
 * const program = Effect.all([price, Cached.invalidateFurther(price), price])
 * await Effect.runPromise(program.pipe(Effect.provide(CacheLayer.memory()))) // => [1, 2, 2]
 * ```
 *
 * @see `CachePolicy.refresh` for keeping the stored value if the load fails
 *
 * @category combinators
 * @since 0.1.0
 */
export const invalidateFurther = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(self, Current, (policy) => ({ ...policy, invalidates: !policy.disabled.has("invalidate") }))

/**
 * A target of {@link invalidateAfter}: a key, or all entries with a tag.
 *
 * @category models
 * @since 0.1.0
 */
export type Target = AnyKey | { readonly tag: string }

type Targets = Target | ReadonlyArray<Target>

/**
 * Invalidates keys and tags once an effect has succeeded, before its value is returned.
 *
 * **Details**
 *
 * An interruption after the success of the effect does not skip the invalidation.
 *
 * **Example** (Invalidating after a write)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * const rename = Effect.succeed("Ada").pipe(Cached.invalidateAfter(["user:1", { tag: "users" }]))
 *
 * await Effect.runPromise(rename.pipe(Effect.provide(CacheLayer.memory()))) // => "Ada"
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const invalidateAfter: {
  <A>(
    targets: Targets | ((exit: Exit.Success<A>) => Targets)
  ): <E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Caching>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    targets: Targets | ((exit: Exit.Success<A>) => Targets)
  ): Effect.Effect<A, E, R | Caching>
} = dual(2, <A, E, R>(
  self: Effect.Effect<A, E, R>,
  targets: Targets | ((exit: Exit.Success<A>) => Targets)
): Effect.Effect<A, E, R | Caching> =>
  // an interruption after the success of the effect must not skip the invalidation
  Effect.uninterruptibleMask((restore) =>
    Effect.tap(restore(self), (value) => {
      const given = typeof targets === "function" ? targets(Exit.succeed(value) as Exit.Success<A>) : targets
      const list = Array.isArray(given) ? given as ReadonlyArray<Target> : [given as Target]
      const tags: Array<string> = []
      const keys: Array<AnyKey> = []
      for (const target of list) {
        if (typeof target === "string" || Key.isCacheKey(target)) keys.push(target)
        else tags.push((target as { readonly tag: string } | null)?.tag as string)
      }
      return Effect.all([invalidateMany(keys), invalidateTags(tags)], { concurrency: "unbounded" })
    })
  ))
