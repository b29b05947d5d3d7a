/**
 * Selects the cache that an effect uses, in programs with several caches.
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Stream from "effect/Stream"
import { Caching, type Shape } from "../Caching.ts"
import { cacheOf } from "../internal/engine/boundCache.ts"
import { mistake } from "../internal/options/options.ts"
import { rewire, type Rewired } from "./capture.ts"

/**
 * The type of an effect, a stream or a function after {@link withCache}. It requires the named cache, not `Caching`.
 * @category models
 * @since 0.1.0
 */
type WithCache<T, Self> = Rewired<T, Caching, Self>

type Usable =
  | Effect.Effect<any, any, any>
  | Stream.Stream<any, any, any>
  // `any`, because parameters are contravariant: with `unknown`, functions with narrower parameters are rejected.
  | ((...args: any) => unknown)

/**
 * Makes an effect, a stream or a function use a named cache (see `CacheLayer.named`) instead of the default.
 *
 * **When to use**
 *
 * Use if a part of the program needs different limits, or a different store, than the rest.
 *
 * **Details**
 *
 * - Inside an effect, everything that needs a cache uses the named one: combinators, operations, invalidations, and
 *   reads inside loads. An inner `withCache` takes precedence over an outer one.
 * - The effects and streams that a function returns use the named cache wherever the function is called. So do
 *   `invalidate` and `refresh` of functions made by `Cached.fn`, `recursive` and `many`.
 *
 * **Example** (Using two caches)
 *
 * ```ts
 * import { Context, Effect, Layer } from "effect"
 * import { Cached, CacheLayer, type Caching } from "effect-cached"
 *
 * class Pages extends Context.Service<Pages, Caching.Shape>()("Pages") {}
 * const page = Effect.succeed("<h1>").pipe(Cached.ttl("page", { ttl: "1 hour" }), Cached.withCache(Pages))
 * const user = Effect.succeed("Ada").pipe(Cached.ttl("user", { ttl: "1 minute" }))
 * const program = Effect.gen(function*() {
 *   yield* Effect.all([page, user, user])
 *   const pages = yield* Cached.stats.pipe(Cached.withCache(Pages))
 *   return [pages.hits, (yield* Cached.stats).hits]
 * })
 * const caches = Layer.merge(CacheLayer.memory(), CacheLayer.named(Pages, CacheLayer.memory({ capacity: 100 })))
 * await Effect.runPromise(program.pipe(Effect.provide(caches))) // => [0, 1]
 * ```
 *
 * @see `CacheLayer.named` for the layer of a named cache
 * @category providing services
 * @since 0.1.0
 */
export const withCache: {
  <Self>(cache: Context.Key<Self, Shape>): <T extends Usable>(self: T) => WithCache<T, Self>
  <T extends Usable, Self>(self: T, cache: Context.Key<Self, Shape>): WithCache<T, Self>
} = dual(2, (self: unknown, cache: Context.Key<unknown, Shape>): unknown => {
  if (!Context.isKey(cache)) {
    throw mistake(
      "Cached.withCache needs the service of a cache: pass a class like " +
        "class Pages extends Context.Service<Pages, Caching.Shape>()(\"Pages\") {}"
    )
  }
  return rewire(self, (context) => {
    const named = Context.getOrUndefined(context as Context.Context<unknown>, cache)
    if (named !== undefined) return provideCache(context, named)
    throw mistake(
      `There is no cache "${cache.key}": provide one to the whole program, like ` +
        `Effect.provide(CacheLayer.named(${cache.key}, CacheLayer.memory()))`
    )
  })
})

interface Change {
  readonly from: Context.Context<never>
  readonly to: Context.Context<never>
}

const changes = new Map<Shape, Change>()

/**
 * Adds a cache to a context. Repeated calls return the same context, which makes later lookups of the cache fast. The
 * contexts are forgotten in a microtask, so that an idle program does not retain one.
 */
const provideCache = (from: Context.Context<never>, cache: Shape): Context.Context<never> => {
  const last = changes.get(cache)
  if (last?.from === from) return last.to
  if (changes.size === 0) queueMicrotask(() => changes.clear())
  const present = Context.getOrUndefined(from as Context.Context<Caching>, Caching)
  const used = present === undefined ? cache : cacheOf(present).beside?.(cache) ?? cache
  const to = Context.add(from, Caching, used) as Context.Context<never>
  changes.set(cache, { from, to })
  return to
}
