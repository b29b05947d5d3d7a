/** After an answer of the origin a stale value is no longer a fallback. */
import { Cause, Exit } from "effect"
import type { Flight } from "../../src/internal/engine/state.ts"
import type { Load, Origin, Read, Spec } from "./model.ts"
import { ttlOf, violate, type World } from "./state.ts"

/** A typed failure that the caller may store. */
export const mayBeAnswer = (flight: Flight, { failuresToo }: Spec): boolean => failuresToo && failsTyped(flight)

const failsTyped = ({ exit }: Flight): boolean =>
  exit !== undefined && Exit.isFailure(exit) && exit.cause.reasons.length === 1 && Cause.hasFails(exit.cause)

/**
 * Since what was there to fall back on was loaded, a load has failed with what may be an answer to one of its callers.
 */
export const mayHaveAnswered = (self: World, { held, id }: Read): boolean =>
  self.loads.some(({ ended, flight, id: of }) =>
    of === id && flight !== undefined && failsTyped(flight) && ended > (held?.n ?? 0)
  )

/** The value of its id is no longer a fallback. */
export const hasAnswered = (flight: Flight | undefined): boolean => flight?.engine.answered.has(flight.id) === true

/** P6: a value that is served by a strategy that falls back, and that is stale. */
export const checkAnswered = (self: World, read: Read, origin: Origin, what: string): void => {
  for (const load of self.loads) {
    if (load.id !== read.id || !isAnswer(load) || load.ended >= read.begun || !stoodBehind(load, origin)) continue
    // The cache had not received the answer when the read began.
    if (read.live.includes(load)) continue
    if (isAllowedAgain(self, load)) continue
    violate(self, `P6: ${what}, stale, though #${load.n} has answered since`)
  }
}

/** A failure that its caller stores: its functions are not wrong, and give it a lifetime. */
const isAnswer = (load: Load): boolean => {
  const { flight, spec } = load
  return flight !== undefined && flight.exit === load.exit && mayBeAnswer(flight, spec) && spec.misuse === undefined &&
    (spec.ttlFunction === "none" || spec.ttlFunction === "value") && ttlOf({ ...load, ttl: undefined }) > 0 &&
    flight.storable && flight.policy.writes
}

/** The value was there to fall back on. */
const stoodBehind = ({ flight }: Load, origin: Origin): boolean => {
  const exit = flight!.stale?.exit
  return exit !== undefined && Exit.isSuccess(exit) && (exit.value as { readonly n: number }).n === origin.n
}

/** A load has succeeded since, or has found the value to be still right. */
const isAllowedAgain = (self: World, answer: Load): boolean =>
  self.loads.some(({ ended, exit, flight, id }) =>
    id === answer.id && ended > answer.ended && exit !== undefined &&
    (Exit.isSuccess(exit) || flight?.attempt.renewed === true)
  )
