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

/** A cache as users see it: an opaque value, `Caching.Shape`. */
interface Opaque {
  readonly [TypeId]: typeof TypeId
}

/** An operation: its effect on an engine, and its answer without one. Programs bundle only the operations they call. */
export interface Operation<Args extends ReadonlyArray<any>, A> {
  readonly over: (engine: Engine.Engine, ...args: Args) => A
  readonly without: (...args: Args) => A
}

/** The parts of a cache. A wrapper passes on the parts it does not change. */
export interface Cache extends Opaque {
  /** The strategy of `Cached.withStrategy` calls that name none. */
  readonly strategy: Strategy | undefined
  readonly copy: AnyReadOptions["copy"]
  /** Answers a read whose effect is evaluated in the fiber: see `evaluate` of `read/read.ts`. */
  readonly read: <A, E>(fiber: Fiber.Fiber<any, any>, request: Request<A, E>) => Effect.Effect<A, E>
  readonly perform: <Args extends ReadonlyArray<any>, A>(operation: Operation<Args, A>, ...args: Args) => A
  /** Wraps another cache for `Cached.withCache`. Set inside a transaction, which covers one cache only. */
  readonly beside?: ((other: Opaque) => Opaque) | undefined
}

/** The only cast of a cache: safe, because only `make`, `disabled` and wrappers of them create an `Opaque`. */
export const cacheOf = (shape: Opaque): Cache => shape as Cache

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

/** Never asked, because nothing is stored. A strategy of `Strategy` would add to every bundle. */
const nothing: Strategy = { name: "nothing", decide: () => Load, lifetime: () => "skip" }

export const disabled: Cache = {
  [TypeId]: TypeId,
  strategy: nothing,
  copy: undefined,
  read: (fiber, request) => Read.bypass(fiber, request.load),
  perform: (operation, ...args) => operation.without(...args)
}
