/** Retries the load of a refresh. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schedule from "effect/Schedule"
import * as Turns from "../../time/turns.ts"
import { countFrom, nextAttempt } from "../flight/flight.ts"
import { isStorable } from "../flight/watches.ts"
import { failedTyped } from "../request/answers.ts"
import { Aside, Within } from "../request/attempt.ts"
import { wallNow } from "../request/context.ts"
import type { Flight } from "../state.ts"
import { inScope } from "./loadScope.ts"

interface Retrying<A> {
  readonly schedule: Schedule.Schedule<unknown, unknown>
  readonly onRelease: (exit: Exit.Exit<A, unknown>) => void
  /** The flights of the call, if the load is that of a batch. */
  readonly items?: ReadonlyArray<{ readonly flight: Flight | undefined }>
}

/** Retries typed failures as new attempts of the flights. Unlike `Effect.retry`, keeps all reasons of a cause. */
export const retried = <A>(
  flight: Flight,
  load: Effect.Effect<A, unknown, any>,
  { items = [], onRelease, schedule }: Retrying<A>
): Effect.Effect<A, unknown, any> =>
  Effect.suspend(() => {
    let last: Exit.Exit<A, unknown> | undefined
    const once = Effect.suspend(() => last === undefined ? load : again(flight, load, items))
    const scoped = Effect.withFiber<A, unknown, any>((fiber) =>
      inScope(fiber, once, (_, exit) => onRelease(exit), undefined)
    )
    const noted = Effect.flatMap(Effect.exit(scoped), (exit) => {
      last = exit
      return Exit.isFailure(exit) && failedTyped(exit.cause) && isWanted(flight)
        ? Effect.fail(Cause.squash(exit.cause))
        : Effect.void
    })
    return Effect.flatMap(Effect.exit(Effect.retry(noted, schedule)), (): Effect.Effect<A, unknown> => last!)
  })

const isWanted = (flight: Flight): boolean =>
  isStorable(flight.engine, flight) || flight.callers.size > 0 || flight.request.batch !== undefined

const again = <A>(
  first: Flight,
  load: Effect.Effect<A, unknown, any>,
  items: NonNullable<Retrying<A>["items"]>
): Effect.Effect<A, unknown, any> =>
  Effect.withFiber((fiber) => {
    const isAside = fiber.getRef(Aside) === fiber.getRef(Within)
    const now = wallNow(first.engine, fiber)
    const attempt = nextAttempt(first, now)
    const within = Effect.provideService(load, Within, attempt)
    // A batch call does not belong to the load of a single key, so the new attempt keeps the mark `Aside`.
    const next = isAside ? Effect.provideService(within, Aside, attempt) : within
    return Effect.andThen(Turns.forEach(items, ({ flight }) => flight && countFrom(flight, now)), next)
  })
