/** A cache as combinators and operations use it: either bound to an engine, or disabled and without an engine. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { AnyReadOptions } from "../../cached/options.ts"
import type { Strategy } from "../../Strategy.ts"
import type { Key } from "../key/ofKey.ts"
import { clockOf } from "../time/monotonic.ts"
import * as Engine from "./engine.ts"
import * as Read from "./read/read.ts"
import type { Policy, Request } from "./state.ts"

export const TypeId = "~effect-cached/Caching"

/** A cache as users see it: an opaque value (`Caching.Shape`). */
interface Opaque {
  readonly [TypeId]: typeof TypeId
}

/** `over` runs on an engine, `without` on a disabled cache. Programs bundle only the operations that they use. */
export interface Operation<Args extends ReadonlyArray<any>, A> {
  readonly over: (engine: Engine.Engine, ...args: Args) => A
  readonly without: (...args: Args) => A
  /** How a cache made of several performs an operation that it does not know: on the cache of a key, or on each. */
  readonly keyOf?: (...args: Args) => Key
  readonly joined?: (results: ReadonlyArray<any>) => A
  /** Why a cache made of several cannot perform it, if its default is disabled and it has more than one other. */
  readonly needsOne?: string
}

/** The operation that a function carries out on an engine. */
export type OperationOf<Over> = Over extends (engine: Engine.Engine, ...args: infer Args) => infer A
  ? Operation<Args, A>
  : never

/** The parts of a cache. A wrapper replaces some parts and keeps the others. */
export interface Cache extends Opaque {
  /** The strategy that `Cached.withStrategy` uses if the call does not name a strategy. */
  readonly strategy: Strategy<any, any, any> | undefined
  readonly copy: AnyReadOptions["copy"]
  /** The cache of a key, whose `strategy` and `copy` count. Only caches that consist of several define it. */
  readonly of?: ((key: Key) => Cache) | undefined
  /** Answers a read that is evaluated in the given fiber (see `evaluate` in `read/read.ts`). */
  readonly read: <A, E>(fiber: Fiber.Fiber<any, any>, request: Request<A, E>) => Effect.Effect<A, E>
  readonly perform: <Args extends ReadonlyArray<any>, A>(operation: Operation<Args, A>, ...args: Args) => A
  /** Wraps another cache for `Cached.withCache`. Only transactions define it: they refuse changes to other caches. */
  readonly beside?: ((other: Opaque) => Opaque) | undefined
  /** Adapts the cache of a transaction over this cache. Only caches that wrap others define it. */
  readonly inside?: ((transaction: Cache) => Cache) | undefined
  /** The request as `read` uses it. Only caches that change requests define it. */
  readonly prepared?: (<A, E>(request: Request<A, E>) => Request<A, E>) | undefined
  /** Changes the policy of every call. Only caches with disabled operations define it. */
  readonly policy?: ((policy: Policy) => Policy) | undefined
}

/** The only cast to a cache. It is safe, because only `over`, `disabled` and their wrappers create an `Opaque`. */
export const cacheOf = (shape: Opaque): Cache => shape as Cache

export const cacheOfKey = (cache: Cache, key: Key): Cache => cache.of === undefined ? cache : cache.of(key)

export const start = (
  options: Engine.EngineOptions,
  storeParts?: Engine.StoreParts
): Effect.Effect<Engine.Engine, never, Scope.Scope> =>
  Effect.gen(function*() {
    const curve = options.curve ? yield* Effect.promise(() => import("./memory/curve.ts")) : undefined
    const engine = Engine.make(options, yield* Effect.context<never>(), storeParts, curve?.make)
    // Without a first look, a clock that is set back before the first read would go unnoticed.
    engine.time.now(clockOf(engine))
    yield* Effect.addFinalizer(() => Engine.close(engine, options.shutdownMillis))
    return engine
  })

export const over = (engine: Engine.Engine): Cache => ({
  [TypeId]: TypeId,
  strategy: engine.strategy,
  copy: engine.readDefaults.copy,
  read: engine.readDefaults.copy === undefined
    ? (fiber, request) =>
      request.copy === undefined ? Read.evaluate(engine, fiber, request) : Read.readCopy(engine, fiber, request)
    : (fiber, request) => Read.readCopy(engine, fiber, request),
  perform: (operation, ...args) => operation.over(engine, ...args)
})

export const makeInMemory = (options: Engine.EngineOptions): Effect.Effect<Cache, never, Scope.Scope> =>
  Effect.map(start(options), over)

/** The strategy of a disabled cache. It is never called. Importing a real strategy would enlarge every bundle. */
const nothing: Strategy = { name: "nothing", decide: () => "Load", lifetime: () => "skip" }

export const disabled: Cache = {
  [TypeId]: TypeId,
  strategy: nothing,
  copy: undefined,
  read: (_fiber, request) => Read.bypass(request),
  perform: (operation, ...args) => operation.without(...args)
}
