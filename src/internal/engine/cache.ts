/** A cache as combinators and operations use it: the engine's operations, bound to one engine or to none. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Known } from "../../CacheEntry.ts"
import type { StoreError } from "../../CacheError.ts"
import type { Progress, Removal } from "../../CacheEvent.ts"
import type { Counter, NamedCounter } from "../../ports/store.ts"
import { type Strategy, untilInvalidated } from "../../Strategy.ts"
import type { Glob } from "../glob.ts"
import type { Key } from "../key/ofKey.ts"
import * as Engine from "./engine.ts"
import type { Request } from "./flight/request.ts"
import * as Invalidate from "./invalidation/invalidate.ts"
import { track } from "./invalidation/tracking.ts"
import { listen, onRemoval } from "./memory/removals.ts"
import { invalidateMatching } from "./operations/byPattern.ts"
import * as Counters from "./operations/counters.ts"
import * as Inspect from "./operations/inspect.ts"
import { find, lookup, lookupMany } from "./operations/lookup.ts"
import * as Entries from "./operations/set.ts"
import { touch } from "./operations/touch.ts"
import * as Read from "./read/read.ts"
import * as Many from "./read/readMany.ts"
import { noCounters, total } from "./telemetry/counters.ts"
import { warnOnce } from "./telemetry/log.ts"
import type { EventListener } from "./telemetry/telemetry.ts"

export const TypeId = "~effect-cached/Caching"

/** A cache as its users see it: a value that they pass on. `Caching.Shape` is this type. */
interface Opaque {
  readonly [TypeId]: typeof TypeId
}

/** A cached result and its metadata. */
interface Found extends Known {
  readonly exit: Exit.Exit<unknown, unknown>
}

/** The operations of a cache. A wrapper around a cache passes on the ones that it does not change. */
export interface Cache extends Opaque {
  /** the strategy of `Cached.withStrategy` where it names none */
  readonly strategy: Strategy | undefined
  readonly read: <A, E>(fiber: Fiber.Fiber<any, any>, request: Request<A, E>) => Effect.Effect<A, E>
  readonly readMany: (
    fiber: Fiber.Fiber<any, any>,
    many: Many.ManyRequest
  ) => Effect.Effect<ReadonlyArray<Exit.Exit<unknown, unknown>>, unknown, any>
  readonly lookup: (key: Key) => Effect.Effect<Found | undefined, never, any>
  /** as `lookup`; the entry has a `writeId` */
  readonly find: (key: Key) => Effect.Effect<Found | undefined, never, any>
  readonly lookupMany: (keys: ReadonlyArray<Key>) => Effect.Effect<ReadonlyArray<Found | undefined>, never, any>
  readonly set: (key: Key, value: unknown, options: Entries.SetOptions) => Effect.Effect<boolean, StoreError, any>
  readonly touch: (key: Key, ttlMillis: number) => Effect.Effect<boolean>
  readonly increment: (name: string, by: number, ttlMillis: number) => Effect.Effect<number, StoreError>
  readonly counter: (name: string) => Effect.Effect<Counter | undefined, StoreError>
  readonly touchCounter: (name: string, ttlMillis: number) => Effect.Effect<boolean, StoreError>
  readonly removeCounter: (name: string) => Effect.Effect<boolean, StoreError>
  readonly counters: (prefix: string) => Stream.Stream<NamedCounter, StoreError>
  readonly invalidate: (ids: ReadonlyArray<string>) => Effect.Effect<number>
  readonly invalidateTags: (tags: ReadonlyArray<string>, mode?: "hard" | "soft") => Effect.Effect<void>
  readonly invalidateMatching: (glob: Glob) => Stream.Stream<Progress, StoreError>
  readonly clear: Effect.Effect<void>
  readonly entries: (prefix: string) => Stream.Stream<Known, StoreError>
  readonly size: Effect.Effect<number, StoreError>
  readonly ping: Effect.Effect<void, StoreError>
  readonly stats: Effect.Effect<ReturnType<typeof counted>>
  /** logs a warning, once a topic */
  readonly warnOnce: (topic: string, message: string) => void
  /** calls the listener for every event, until the returned function is called */
  readonly listen: (listener: EventListener) => () => void
  /** calls the listener for every entry that leaves memory, until the returned function is called */
  readonly onRemoval: (listener: (removal: Removal) => void) => () => void
}

/**
 * The operations of a cache that a user passes on. This is the one cast: only `make`, `disabled` and wrappers around
 * them make an `Opaque`, so each is a `Cache`. It costs a hit nothing.
 */
export const cacheOf = (shape: Opaque): Cache => shape as Cache

/** An engine that tracks changes, and closes with its scope. */
export const start = (options: Engine.EngineOptions): Effect.Effect<Engine.Engine, never, Scope.Scope> =>
  Effect.gen(function*() {
    const engine = Engine.make(options, yield* Effect.context<never>())
    yield* Effect.addFinalizer(() => Engine.close(engine, options.shutdownMillis))
    track(engine)
    return engine
  })

/** The operations of an engine. */
export const over = (engine: Engine.Engine): Cache => ({
  [TypeId]: TypeId,
  strategy: engine.strategy,
  read: engine.readDefaults.copy === undefined
    ? (fiber, request) =>
      request.options.copy === undefined ? Read.read(engine, fiber, request) : Read.readCopy(engine, fiber, request)
    : (fiber, request) => Read.readCopy(engine, fiber, request),
  readMany: (fiber, many) => Many.readMany(engine, fiber, many),
  lookup: (key) => lookup(engine, key),
  find: (key) => find(engine, key),
  lookupMany: (keys) => lookupMany(engine, keys),
  set: (key, value, options) => Entries.set(engine, key, value, options),
  touch: (key, ttlMillis) => touch(engine, key, ttlMillis),
  increment: (name, by, ttlMillis) => Counters.increment(engine, name, by, ttlMillis),
  counter: (name) => Counters.counter(engine, name),
  touchCounter: (name, ttlMillis) => Counters.touchCounter(engine, name, ttlMillis),
  removeCounter: (name) => Counters.removeCounter(engine, name),
  counters: (prefix) => Counters.counters(engine, prefix),
  invalidate: (ids) => Invalidate.invalidateIds(engine, ids),
  invalidateTags: (tags, mode) => Invalidate.invalidateTags(engine, tags, mode),
  invalidateMatching: (glob) => invalidateMatching(engine, glob),
  clear: Invalidate.clear(engine),
  entries: (prefix) => Inspect.entries(engine, prefix),
  size: Inspect.size(engine),
  ping: Inspect.ping(engine),
  stats: Effect.sync(() => counted(engine)),
  warnOnce: (topic, message) => warnOnce(engine, topic, message),
  listen: (listener) => listen(engine, listener),
  onRemoval: (listener) => onRemoval(engine, listener)
})

/** A cache that closes with its scope. */
export const make = (options: Engine.EngineOptions): Effect.Effect<Cache, never, Scope.Scope> =>
  Effect.map(start(options), over)

/** All counters, in total and by key class. */
const counted = (engine: Engine.Engine) => ({
  ...total(engine),
  evictions: engine.memory.evictions,
  size: engine.memory.entries.size,
  classes: Object.fromEntries(Array.from(engine.classes, ([name, counters]) => [name, { ...counters }]))
})

const listenToNothing = (): () => void => () => {}

/** A cache that caches nothing: every effect runs as if it were not wrapped. */
export const disabled: Cache = {
  [TypeId]: TypeId,
  // nobody asks it anything
  strategy: untilInvalidated,
  read: (fiber, request) => Read.bypass(fiber, request.load),
  readMany: (_, many) => Many.loadWithoutCache(many),
  lookup: () => Effect.undefined,
  find: () => Effect.undefined,
  lookupMany: (keys) => Effect.succeed(keys.map(() => undefined)),
  set: () => Effect.succeed(false),
  touch: () => Effect.succeed(false),
  increment: (_, by) => Effect.succeed(by),
  counter: () => Effect.undefined,
  touchCounter: () => Effect.succeed(false),
  removeCounter: () => Effect.succeed(false),
  counters: () => Stream.empty,
  invalidate: () => Effect.succeed(0),
  invalidateTags: () => Effect.void,
  invalidateMatching: () => Stream.empty,
  clear: Effect.void,
  entries: () => Stream.empty,
  size: Effect.succeed(0),
  ping: Effect.void,
  stats: Effect.sync(() => ({ ...noCounters, evictions: 0, size: 0, classes: {} })),
  warnOnce: () => {},
  listen: listenToNothing,
  onRemoval: listenToNothing
}
