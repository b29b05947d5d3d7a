/**
 * Cached functions without requirements, for services whose methods are cached.
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { AnyClass } from "../CacheKey.ts"
import { mistake } from "../internal/options/options.ts"
import { remake, type Rewired } from "./capture.ts"

/**
 * The type of a cached function after {@link make}: its effects and streams need nothing.
 * @category models
 * @since 0.1.0
 */
type Made<T> = Rewired<T, unknown, never>

/**
 * The services that the effects and streams of a cached function need, and that {@link make} captures.
 * @category models
 * @since 0.1.0
 */
type Needs<T> = T extends Effect.Effect<any, any, infer R> ? R
  : T extends Stream.Stream<any, any, infer R> ? R
  : T extends AnyClass ? never
  : T extends (...args: any) => infer Out ? Needs<Out> | Needs<T[keyof T]>
  : never

/**
 * Gives a cached function the cache and the services of the place where this effect runs, so that its effects need
 * nothing.
 *
 * **When to use**
 *
 * Use for the methods of a service, whose callers need not know its cache and its services.
 *
 * **Details**
 *
 * - The function may be one of `Cached.fn`, `recursive` or `many`, one that returns cached effects or streams, or one
 *   under `Cached.withCache`. It keeps its `key`, `invalidate` and `refresh`.
 * - Everything else is the caller's: policy, log annotations, span, clock, every `Context.Reference` of Effect,
 *   interruption, the load around the call, and a transaction, which stands in for the captured cache.
 * - A service of the caller does not replace a captured one, because the result would be served to others.
 * - A function that is made twice over one cache still has the same keys. If the services differ, a warning is logged.
 *
 * **Example** (A service with a cached method)
 *
 * ```ts
 * import { Context, Effect, Layer } from "effect"
 * import { Cached, CacheLayer } from "effect-cached"
 *
 * class Http extends Context.Service<Http, { readonly get: (id: number) => Effect.Effect<string> }>()("Http") {}
 * class Users extends Context.Service<Users>()("Users", {
 *   make: Effect.gen(function*() {
 *     const http = yield* Http
 *     return {
 *       find: yield* Cached.make(Cached.fn((id: number) => `user:${id}`, http.get, { ttl: "5 minutes" }))
 *     }
 *   })
 * }) {
 *   static readonly layer = Layer.effect(this, this.make)
 * }
 *
 * let calls = 0
 * const http = Layer.succeed(Http, { get: (id) => Effect.sync(() => `user ${id}, call ${++calls}`) })
 * const program = Effect.gen(function*() {
 *   const { find } = yield* Users
 *   return [yield* find(1), yield* find(1)]
 * })
 * const layer = Users.layer.pipe(Layer.provide([http, CacheLayer.memory()]))
 * await Effect.runPromise(program.pipe(Effect.provide(layer))) // => ["user 1, call 1", "user 1, call 1"]
 * ```
 *
 * @see `Cached.fn` for the function
 * @see `Cached.withCache` for a function over a named cache
 * @category constructors
 * @since 0.1.0
 */
export const make = <F extends (...args: any) => unknown>(fn: F): Effect.Effect<Made<F>, never, Needs<F>> =>
  Effect.contextWith((context: Context.Context<never>) => {
    if (typeof fn !== "function") throw mistake("Cached.make needs a cached function: pass one like Cached.fn(...)")
    return Effect.succeed(remake(fn, context) as Made<F>)
  })
