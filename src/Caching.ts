/**
 * The service behind every combinator: one cache. A `CacheLayer` provides it; programs name it in their types only.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Timing } from "./CacheEntry.ts"
import type { Eviction } from "./Eviction.ts"
import * as Eviction_ from "./Eviction.ts"
import * as Coherence from "./internal/engine/coherence.ts"
import * as Engine from "./internal/engine/engine.ts"
import * as Entries from "./internal/engine/entries.ts"
import * as Invalidate from "./internal/engine/invalidate.ts"
import type { Key } from "./internal/engine/keys.ts"
import type { Counters } from "./internal/engine/model.ts"
import * as Read from "./internal/engine/read.ts"
import type { Request } from "./internal/engine/request.ts"
import type { Serializer } from "./Serializer.ts"
import type { Store } from "./Store.ts"

/**
 * What a cache has done since its layer was built.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stats extends Readonly<Counters> {
  /** entries that left the memory tier because it was full */
  readonly evictions: number
  /** entries in the memory tier now */
  readonly size: number
}

/**
 * What a `CacheLayer` provides. Use it through `Cached`; this interface is what combinators are written against.
 *
 * @category models
 * @since 0.1.0
 */
export interface Shape {
  readonly read: <A, E>(fiber: Fiber.Fiber<any, any>, request: Request<A, E>) => Effect.Effect<A, E>
  readonly lookup: (
    key: Key
  ) => Effect.Effect<(Timing & { readonly exit: Exit.Exit<unknown, unknown> }) | undefined, never, any>
  readonly set: (key: Key, value: unknown, options: Entries.SetOptions) => Effect.Effect<void, never, any>
  readonly invalidate: (ids: ReadonlyArray<string>) => Effect.Effect<number>
  readonly invalidateTags: (tags: ReadonlyArray<string>) => Effect.Effect<void>
  readonly clear: Effect.Effect<void>
  readonly stats: Effect.Effect<Stats>
}

/**
 * A cache. `Effect<A, E, Caching>` is an effect that uses one.
 *
 * @category services
 * @since 0.1.0
 */
export class Caching extends Context.Service<Caching, Shape>()("effect-cached/Caching") {}

/**
 * What a cache is made of: everything is already checked, see `CacheLayer`.
 *
 * @category options
 * @since 0.1.0
 */
export interface MakeOptions {
  /** entries in memory; 0: no memory tier */
  readonly capacity: number
  readonly eviction: Eviction
  readonly store: { readonly store: Store; readonly serializer: Serializer } | undefined
  readonly storeTimeoutMillis: number
  readonly leaseMillis: number
  readonly waitMillis: number
  readonly boundMillis: number
  readonly shutdownMillis: number
  readonly refresh: {
    readonly concurrency: number
    readonly timeoutMillis: number
    readonly retry: Schedule.Schedule<unknown, unknown>
  }
}

/**
 * @category options
 * @since 0.1.0
 */
export const defaults: MakeOptions = {
  capacity: 10_000,
  eviction: Eviction_.lru,
  store: undefined,
  storeTimeoutMillis: 500,
  leaseMillis: 5000,
  waitMillis: 10_000,
  boundMillis: 10_000,
  shutdownMillis: 5000,
  refresh: {
    concurrency: 16,
    timeoutMillis: 60_000,
    retry: Schedule.exponential("100 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 2 }))
  }
}

/**
 * Makes a cache that closes with its scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: MakeOptions): Effect.Effect<Shape, never, Scope.Scope> =>
  Effect.gen(function*() {
    const engine = Engine.make({
      ...options,
      context: yield* Effect.context<never>(),
      store: options.store && { ...options, ...options.store, budgetMillis: options.storeTimeoutMillis }
    })
    yield* Effect.addFinalizer(() => Engine.close(engine, options.shutdownMillis))
    Coherence.follow(engine)
    const shape: Shape = {
      read: (fiber, request) => Read.read(engine, fiber, request),
      lookup: (key) => Entries.lookup(engine, key),
      set: (key, value, options) => Entries.set(engine, key, value, options),
      invalidate: (ids) => Invalidate.invalidateIds(engine, ids),
      invalidateTags: (tags) => Invalidate.invalidateTags(engine, tags),
      clear: Invalidate.clear(engine),
      stats: Effect.sync(() => ({
        ...engine.stats,
        evictions: engine.memory.evictions,
        size: engine.memory.entries.size
      }))
    }
    return shape
  })

/**
 * A cache that caches nothing: every effect runs as if it were not wrapped.
 *
 * @category constructors
 * @since 0.1.0
 */
export const disabled: Shape = {
  read: (_, request) => request.load as Effect.Effect<any, any>,
  lookup: () => Effect.undefined,
  set: () => Effect.void,
  invalidate: () => Effect.succeed(0),
  invalidateTags: () => Effect.void,
  clear: Effect.void,
  stats: Effect.sync(() => ({
    ...Engine.noStats,
    evictions: 0,
    size: 0
  }))
}
