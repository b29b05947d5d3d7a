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
import * as Stream from "effect/Stream"
import type { StoreError } from "./CacheError.ts"
import type { CacheEvent, Removal } from "./CacheEvent.ts"
import * as Eviction_ from "./Eviction.ts"
import type { Eviction } from "./Eviction.ts"
import * as Engine from "./internal/engine/engine.ts"
import type { Engine as Model } from "./internal/engine/engine.ts"
import type { Request } from "./internal/engine/flight/request.ts"
import * as Invalidate from "./internal/engine/invalidation/invalidate.ts"
import * as Coherence from "./internal/engine/invalidation/tracking.ts"
import { listen, onRemoval } from "./internal/engine/memory/removals.ts"
import { invalidateMatching, type Progress as Progress_ } from "./internal/engine/operations/byPattern.ts"
import { increment } from "./internal/engine/operations/counters.ts"
import * as Whole from "./internal/engine/operations/inspect.ts"
import { find, lookup, lookupMany } from "./internal/engine/operations/lookup.ts"
import * as Entries from "./internal/engine/operations/set.ts"
import { touch } from "./internal/engine/operations/touch.ts"
import * as Read from "./internal/engine/read/read.ts"
import * as Many from "./internal/engine/read/readMany.ts"
import type { ManyRequest } from "./internal/engine/read/readMany.ts"
import { type Counters, noCounters, total } from "./internal/engine/telemetry/counters.ts"
import type { Glob } from "./internal/glob.ts"
import type { Key } from "./internal/key/ofKey.ts"
import type { Store } from "./ports/store.ts"
import type { Serializer } from "./Serializer.ts"

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
  /** the part of each key class, by its name; string keys and what concerns no key are in the totals alone */
  readonly classes: { readonly [keyClass: string]: Readonly<Counters> }
}

/**
 * What is known of a cached result beside the result.
 *
 * @category models
 * @since 0.1.0
 */
export type Known = Whole.Known

/**
 * How far an invalidation by pattern has come.
 *
 * @category models
 * @since 0.1.0
 */
export type Progress = Progress_

/**
 * A cached result, and what is known of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Found extends Known {
  readonly exit: Exit.Exit<unknown, unknown>
}

/**
 * What a `CacheLayer` provides. Use it through `Cached`; this interface is what combinators are written against.
 *
 * @category models
 * @since 0.1.0
 */
export interface Shape {
  readonly read: <A, E>(fiber: Fiber.Fiber<any, any>, request: Request<A, E>) => Effect.Effect<A, E>
  readonly readMany: (
    fiber: Fiber.Fiber<any, any>,
    many: ManyRequest
  ) => Effect.Effect<ReadonlyArray<Exit.Exit<unknown, unknown>>, unknown, any>
  readonly lookup: (key: Key) => Effect.Effect<Found | undefined, never, any>
  /** as `lookup`, and what it finds has a `writeId` */
  readonly find: (key: Key) => Effect.Effect<Found | undefined, never, any>
  readonly lookupMany: (keys: ReadonlyArray<Key>) => Effect.Effect<ReadonlyArray<Found | undefined>, never, any>
  readonly set: (key: Key, value: unknown, options: Entries.SetOptions) => Effect.Effect<boolean, StoreError, any>
  readonly touch: (key: Key, ttlMillis: number) => Effect.Effect<boolean>
  readonly increment: (name: string, by: number, ttlMillis: number) => Effect.Effect<number, StoreError>
  readonly invalidate: (ids: ReadonlyArray<string>) => Effect.Effect<number>
  readonly invalidateTags: (tags: ReadonlyArray<string>, mode?: "hard" | "soft") => Effect.Effect<void>
  readonly invalidateMatching: (glob: Glob) => Stream.Stream<Progress, StoreError>
  readonly clear: Effect.Effect<void>
  readonly entries: (prefix: string) => Stream.Stream<Known, StoreError>
  readonly size: Effect.Effect<number, StoreError>
  readonly ping: Effect.Effect<void, StoreError>
  readonly stats: Effect.Effect<Stats>
  /** calls the listener for all that happens from now on, until the answer is called */
  readonly listen: (listener: (event: CacheEvent) => void) => () => void
  /** calls the listener for every entry that leaves memory from now on, until the answer is called */
  readonly onRemoval: (listener: (removal: Removal) => void) => () => void
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
  readonly maxStalenessMillis: number
  readonly shutdownMillis: number
  readonly refresh: {
    readonly concurrency: number
    readonly timeoutMillis: number
    readonly retry: Schedule.Schedule<unknown, unknown>
  }
}

/**
 * What a cache is made of where its layer says nothing else.
 *
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
  maxStalenessMillis: 10_000,
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
    Coherence.track(engine)
    const shape: Shape = {
      read: (fiber, request) =>
        request.options.copy === undefined ? Read.read(engine, fiber, request) : Read.readCopy(engine, fiber, request),
      readMany: (fiber, many) => Many.readMany(engine, fiber, many),
      lookup: (key) => lookup(engine, key),
      find: (key) => find(engine, key),
      lookupMany: (keys) => lookupMany(engine, keys),
      set: (key, value, options) => Entries.set(engine, key, value, options),
      touch: (key, ttlMillis) => touch(engine, key, ttlMillis),
      increment: (name, by, ttlMillis) => increment(engine, name, by, ttlMillis),
      invalidate: (ids) => Invalidate.invalidateIds(engine, ids),
      invalidateTags: (tags, mode) => Invalidate.invalidateTags(engine, tags, mode),
      invalidateMatching: (glob) => invalidateMatching(engine, glob),
      clear: Invalidate.clear(engine),
      entries: (prefix) => Whole.entries(engine, prefix),
      size: Whole.size(engine),
      ping: Whole.ping(engine),
      stats: Effect.sync(() => statsOf(engine)),
      listen: (listener) => listen(engine, listener),
      onRemoval: (listener) => onRemoval(engine, listener)
    }
    return shape
  })

const statsOf = (engine: Model): Stats => ({
  ...total(engine),
  evictions: engine.memory.evictions,
  size: engine.memory.entries.size,
  classes: Object.fromEntries(Array.from(engine.classes, ([name, counters]) => [name, { ...counters }]))
})

const deaf = (): () => void => () => {}

/**
 * A cache that caches nothing: every effect runs as if it were not wrapped.
 *
 * @category constructors
 * @since 0.1.0
 */
export const disabled: Shape = {
  read: (fiber, request) => Read.unloading(fiber, request.load),
  readMany: (_, many) => Many.unwrapped(many),
  lookup: () => Effect.undefined,
  find: () => Effect.undefined,
  lookupMany: (keys) => Effect.succeed(keys.map(() => undefined)),
  set: () => Effect.succeed(false),
  touch: () => Effect.succeed(false),
  increment: (_, by) => Effect.succeed(by),
  invalidate: () => Effect.succeed(0),
  invalidateTags: () => Effect.void,
  invalidateMatching: () => Stream.empty,
  clear: Effect.void,
  entries: () => Stream.empty,
  size: Effect.succeed(0),
  ping: Effect.void,
  stats: Effect.sync(() => ({ ...noCounters, evictions: 0, size: 0, classes: {} })),
  listen: deaf,
  onRemoval: deaf
}
