/** A cache as combinators and operations use it, bound to one engine or to none. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { AnyReadOptions } from "../../cached/options.ts"
import { Load, type Strategy } from "../../Strategy.ts"
import * as Engine from "./engine.ts"
import * as Read from "./read/read.ts"
import type { Request } from "./state.ts"

export const TypeId = "~effect-cached/Caching"

/** A cache as its users see it: a value that they pass on. `Caching.Shape` is this type. */
interface Opaque {
  readonly [TypeId]: typeof TypeId
}

/**
 * An operation: what it does to an engine, and what a cache that caches nothing answers. Programs load the operations
 * that they call, and no others.
 */
export interface Operation<Args extends ReadonlyArray<any>, A> {
  readonly over: (engine: Engine.Engine, ...args: Args) => A
  readonly without: (...args: Args) => A
}

/** The parts of a cache. A wrapper around a cache passes on what it does not change. */
export interface Cache extends Opaque {
  /** the strategy of `Cached.withStrategy` where it names none */
  readonly strategy: Strategy | undefined
  /** how values are copied that are read and written by hand */
  readonly copy: AnyReadOptions["copy"]
  /** a read for an effect that is evaluated in the fiber: see `evaluate` of `read/read.ts` */
  readonly read: <A, E>(fiber: Fiber.Fiber<any, any>, request: Request<A, E>) => Effect.Effect<A, E>
  readonly perform: <Args extends ReadonlyArray<any>, A>(operation: Operation<Args, A>, ...args: Args) => A
  /** what `Cached.withCache` uses in place of another cache: inside a transaction, which is of one cache */
  readonly beside?: ((other: Opaque) => Opaque) | undefined
}

/**
 * The operations of a cache that a user passes on. This is the one cast: only `make`, `disabled` and wrappers around
 * them make an `Opaque`, so each is a `Cache`. It costs a hit nothing.
 */
export const cacheOf = (shape: Opaque): Cache => shape as Cache

/** An engine that closes with its scope. */
export const start = (
  options: Engine.EngineOptions,
  storeParts?: Engine.StoreParts
): Effect.Effect<Engine.Engine, never, Scope.Scope> =>
  Effect.gen(function*() {
    const curve = options.curve ? yield* Effect.promise(() => import("./memory/curve.ts")) : undefined
    const engine = Engine.make(options, yield* Effect.context<never>(), storeParts, curve?.make)
    yield* Effect.addFinalizer(() => Engine.close(engine, options.shutdownMillis))
    return engine
  })

/** The cache over an engine. */
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

/** A cache in memory that closes with its scope. */
export const makeInMemory = (options: Engine.EngineOptions): Effect.Effect<Cache, never, Scope.Scope> =>
  Effect.map(start(options), over)

/** Nobody asks it: nothing is stored. One of `Strategy` would have all programs load what makes it. */
const nothing: Strategy = { name: "nothing", decide: () => Load, lifetime: () => "skip" }

/** A cache that caches nothing: every effect runs as if it were not wrapped. */
export const disabled: Cache = {
  [TypeId]: TypeId,
  strategy: nothing,
  copy: undefined,
  read: (fiber, request) => Read.bypass(fiber, request.load),
  perform: (operation, ...args) => operation.without(...args)
}
