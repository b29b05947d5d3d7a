/** The scope of a load, which closes when the load ends. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Flight } from "../state.ts"
import * as Job from "../telemetry/job.ts"

/**
 * Like `Effect.scoped`, for an effect that the current fiber runs next, apart from the job of a pipeline. Allocates as
 * little as possible, because every load has a scope. Calls `onRelease` if the scope has something to release.
 */
export const inScope = <A, E, R, F extends Flight | undefined>(
  fiber: Fiber.Fiber<any, any>,
  load: Effect.Effect<A, E, R>,
  onRelease: (flight: F, exit: Exit.Exit<A, E>) => void,
  flight: F
): Effect.Effect<A, E, R> => {
  const around = fiber.context
  const scope = Scope.makeUnsafe()
  fiber.setContext(Job.apart(Context.add(around, Scope.Scope, scope)))
  return Effect.onExitPrimitive(load, (exit) => {
    fiber.setContext(around)
    if (scope.state._tag === "Empty") return undefined
    onRelease(flight, exit)
    return Scope.close(scope, exit)
  })
}
