/**
 * Runs the steps of guards by compare-and-set. A step runs in this process, and its new state is stored unless another
 * process has changed the state meanwhile. The steps that wait in a process for the same state are stored at once.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type { StoreError } from "../../CacheError.ts"
import * as Defaults from "../../internal/defaults/guards.ts"
import { onMachineClock } from "../../internal/time/monotonic.ts"
import type { GuardStore, Kind, Step } from "../../ports/guardStore.ts"

/** A state as the store has it. */
export interface Held {
  /** `undefined`: there is none, or it has expired. */
  readonly state: unknown
  /** The text that the store compares, to see whether the state is still there. */
  readonly mark: string
  /** The store's time in milliseconds. */
  readonly now: number
}

interface Place {
  readonly kind: string
  readonly name: string
}

type Next = Pick<Step<unknown, unknown>, "state" | "expiresAt">

export interface Swaps {
  readonly held: (place: Place) => Effect.Effect<Held, StoreError>
  /** Stores the new state. Answers the state that is there in place of `before`; `undefined` if none is. */
  readonly swap: (place: Place, before: Held, next: Next) => Effect.Effect<Held | undefined, StoreError>
  readonly unavailable: (kind: string, message: string) => Effect.Effect<never, StoreError>
}

interface Waiting {
  readonly kind: Kind<any, any, any>
  readonly input: unknown
  readonly answer: Deferred.Deferred<any, StoreError>
}

export const make = (swaps: Swaps): GuardStore["run"] => {
  /** The steps that wait while those before them are stored. */
  const lines = new Map<string, Array<Waiting>>()

  const drain = (key: string, place: Place, line: Array<Waiting>): Effect.Effect<void> =>
    Effect.gen(function*() {
      while (line.length > 0) {
        const steps = line.splice(0, Defaults.guards.stepsAtOnce)
        const stored = yield* Effect.exit(storing(swaps, place, steps))
        steps.forEach(({ answer }, i) =>
          Deferred.doneUnsafe(answer, Exit.isSuccess(stored) ? stored.value[i]! : Exit.failCause(stored.cause))
        )
      }
      lines.delete(key)
    })

  return (kind, name, input) =>
    Effect.suspend(() => {
      const key = `${kind.name} ${name}`
      const step: Waiting = { kind, input, answer: Deferred.makeUnsafe() }
      const line = lines.get(key)
      if (line === undefined) {
        const own = [step]
        lines.set(key, own)
        const draining = Effect.forkDetach(drain(key, { kind: kind.name, name }, own), { startImmediately: true })
        return Effect.andThen(draining, Deferred.await(step.answer))
      }
      line.push(step)
      return Effect.onInterrupt(Deferred.await(step.answer), () =>
        Effect.sync(() => {
          const at = line.indexOf(step)
          if (at >= 0) line.splice(at, 1)
        }))
    })
}

const storing = (
  { held, swap, unavailable }: Swaps,
  place: Place,
  steps: ReadonlyArray<Waiting>
): Effect.Effect<ReadonlyArray<Exit.Exit<unknown>>, StoreError> =>
  Effect.gen(function*() {
    let before = yield* held(place)
    for (let attempt = 1; attempt <= Defaults.guards.attempts; attempt++) {
      const { answers, next } = advanced(before, steps)
      const other = yield* swap(place, before, next)
      if (other === undefined) return answers
      before = other
      // Processes that try again and again at the same time would only refuse each other.
      const most = Math.min(2 ** attempt - 2, Defaults.guards.longestPause)
      if (most > 0) yield* onMachineClock(Effect.sleep(most * (yield* Random.next)))
    }
    return yield* unavailable(place.kind, "other processes changed the state again and again")
  })

/** Takes the steps one after the other. A step that throws fails for its caller, and changes nothing. */
const advanced = (before: Held, steps: ReadonlyArray<Waiting>) => {
  let next: Next = { state: before.state, expiresAt: before.now }
  const answers = steps.map(({ input, kind }): Exit.Exit<unknown> => {
    try {
      const step = kind.step(next.state, before.now, input)
      next = step
      return Exit.succeed(step.answer)
    } catch (defect) {
      return Exit.die(defect)
    }
  })
  return { answers, next }
}
