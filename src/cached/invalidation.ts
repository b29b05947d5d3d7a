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
 * Makes sure that no read that starts after it sees what was loaded before it. A load that is running gives its result
 * to those who wait for it, and to nobody else.
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
 * @category invalidation
 * @since 0.1.0
 */
export const invalidate = (key: AnyKey): Effect.Effect<void, never, Caching> => invalidateMany([key])

/**
 * Invalidates several keys.
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
 * @category invalidation
 * @since 0.1.0
 */
export const invalidateMany = (keys: Iterable<AnyKey>): Effect.Effect<void, never, Caching> =>
  withCaching((caching, policy) =>
    policy.disabled.has("invalidate")
      ? Effect.void
      : Effect.asVoid(caching.invalidate(Array.from(keys, idOf)))
  )

/**
 * How an invalidation by tag leaves what it finds.
 *
 * @category options
 * @since 0.1.0
 */
export interface InvalidateOptions {
  /**
   * `"hard"`: it is gone, and no read that starts afterwards sees it. `"soft"`: it is stale, and a strategy that says so
   * may still serve it: `softTtl` and `failover` where the load fails, `refreshAhead` while it refreshes; for all others
   * it is as good as gone
   *
   * @default `"hard"`
   */
  readonly mode?: "hard" | "soft" | undefined
}

/**
 * Invalidates all that has a tag, whatever its key, in constant time.
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
 * @category invalidation
 * @since 0.1.0
 */
export const invalidateTag: {
  // of its own: `Effect.forEach(tags, Cached.invalidateTag)` gives it an index too
  (tag: string): Effect.Effect<void, never, Caching>
  (tag: string, options: InvalidateOptions | undefined): Effect.Effect<void, never, Caching>
} = (tag: string, options?: InvalidateOptions | number): Effect.Effect<void, never, Caching> =>
  invalidateStored(() => tagsOf([tag]), options)

const invalidateTags = (tags: ReadonlyArray<string>): Effect.Effect<void, never, Caching> =>
  invalidateStored(() => tagsOf(tags), undefined)

/** by tags as they are stored */
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
    throw new CacheConfigError({ message: `mode is "hard" or "soft", not "${String(mode)}"` })
  })
}

const infoOf = (what: string, keyClass: AnyClass): KeyInfo => {
  const info = (keyClass as { readonly prototype?: { readonly "~class"?: KeyInfo } } | undefined)?.prototype?.["~class"]
  if (info !== undefined) return info
  throw new CacheConfigError({ message: `${what} takes a CacheKey class` })
}

/**
 * Invalidates all results of a key class, of every version of it, in constant time.
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
 * @category invalidation
 * @since 0.1.0
 */
export const invalidateAll: {
  (keyClass: AnyClass): Effect.Effect<void, never, Caching>
  (keyClass: AnyClass, options: InvalidateOptions | undefined): Effect.Effect<void, never, Caching>
} = (keyClass: AnyClass, options?: InvalidateOptions | number): Effect.Effect<void, never, Caching> =>
  invalidateStored(() => [infoOf("Cached.invalidateAll", keyClass).tag], options)

/**
 * Fields by which keys of a class can be invalidated together.
 *
 * @category models
 * @since 0.1.0
 */
export type Where<C extends AnyClass> = Partial<C["payload"]["Type"]>

/**
 * Invalidates all results of a key class with these values in a declared index (`indexes` of the class), in constant
 * time. The fields are those of one index, all of them; dies with a `CacheConfigError` where there is no such index.
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
 * @category invalidation
 * @since 0.1.0
 */
export const invalidateWhere = <C extends AnyClass>(
  keyClass: C,
  where: Where<C>,
  options?: InvalidateOptions
): Effect.Effect<void, never, Caching> =>
  invalidateStored(() => {
    if (typeof where !== "object" || where === null) {
      throw new CacheConfigError({ message: "Cached.invalidateWhere takes the values of an index's fields" })
    }
    return [infoOf("Cached.invalidateWhere", keyClass).indexTagOf(where as { readonly [field: string]: unknown })]
  }, options)

/**
 * Invalidates every id that matches a pattern, a few hundred at a time, and tells after each batch how far it is. `*` is
 * any run of characters, `?` is one, `[a-z]` one of a set, everything else is itself; the whole of `CacheKey.id` must
 * match. Throws a `CacheConfigError` at once for a pattern that is none.
 *
 * It has to look at everything that begins with what the pattern begins with, so a tag or an index is the fast way, and
 * the exact one: what another process stores while this runs may stay. Fails with the `StoreError` of a store that cannot
 * be gone through.
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
 * @category invalidation
 * @since 0.1.0
 */
export const invalidateMatching = (pattern: string): Stream.Stream<Progress, StoreError, Caching> => {
  if (typeof pattern !== "string" || pattern === "") {
    throw new CacheConfigError({ message: "Cached.invalidateMatching takes a pattern, like \"user:*\"" })
  }
  const glob = Glob.make(pattern)
  return Stream.unwrap(
    withCaching((caching, policy) =>
      Effect.succeed(policy.disabled.has("invalidate") ? Stream.empty : caching.invalidateMatching(glob))
    )
  )
}

/**
 * Each read in the effect forgets first what is stored under its key, and so loads it anew, for others too: for a request
 * that asks for fresh data. What loads start by themselves they read as usual.
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
 * @category invalidation
 * @since 0.1.0
 */
export const invalidateFurther = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.updateService(self, Current, (policy) => ({ ...policy, invalidates: !policy.disabled.has("invalidate") }))

/**
 * What `invalidateAfter` invalidates: a key, or all that has a tag.
 *
 * @category models
 * @since 0.1.0
 */
export type Target = AnyKey | { readonly tag: string }

type Targets = Target | ReadonlyArray<Target>

/**
 * Invalidates once the effect has succeeded, and before its value is given on.
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
 * @category invalidation
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
  // what has happened is followed by its invalidation, whoever is interrupted then
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
