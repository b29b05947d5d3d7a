/**
 * Failures that are answers of the origin, not outages: a deleted row, a forbidden page. An answer is not hidden by a
 * stale value, and that value is no fallback any more until a load succeeds. It stays stored: nothing is known about
 * those who do not fall back.
 */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import { LoadTimeout } from "../../../CacheError.ts"
import { answeredIds } from "../../defaults/bounds.ts"
import { answerOf } from "../../options/options.ts"
import { hasTag } from "../../strategy/lifetime.ts"
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import type { Flight, Flights, Request } from "../state.ts"
import { answerOrDefect, lifetimeOf, notStored, optionOf } from "./rules.ts"

/**
 * - `Outage`: the stale value is served in its place
 * - `Answer`: the failure is the caller's, and ends the fallback on the stale value
 * - `Refused`: the failure is the caller's
 */
type Verdict = "Outage" | "Answer" | "Refused"

/** What a failure is to a request that waits for a flight. Throws what `fallbackWhen` throws. */
export const verdictOf = (
  self: Flights,
  flight: Flight,
  request: Request,
  exit: Exit.Failure<unknown, unknown>
): Verdict => {
  // a timeout of the caller is no outcome of the flight
  if (exit === flight.exit && stores(self, flight, request, exit)) return "Answer"
  const fallbackOn = optionOf(self, request, "fallbackOn")
  const fallbackWhen = optionOf(self, request, "fallbackWhen")
  const { cause } = exit
  const isTyped = failedTyped(cause)
  const isNamed = fallbackOn !== undefined && isTyped && failedWith(cause, fallbackOn)
  if (isNamed || (fallbackWhen !== undefined && answerOf("fallbackWhen", fallbackWhen(cause)))) return "Outage"
  if (fallbackOn !== undefined) return isTyped ? "Answer" : "Refused"
  return fallbackWhen === undefined && isTyped ? "Outage" : "Refused"
}

/** Whether every reason of a cause is a timeout, or a failure with one of the tags. */
const failedWith = ({ reasons }: Cause.Cause<unknown>, tags: ReadonlyArray<string>): boolean =>
  reasons.every((reason) =>
    Cause.isFailReason(reason) && (reason.error instanceof LoadTimeout || hasTag(reason.error, tags))
  )

/** Whether the request of a flight takes its failure as an answer. What its functions throw, its callers get. */
export const isAnswerOf = (self: Flights, flight: Flight, exit: Exit.Failure<unknown, unknown>): boolean =>
  answerOrDefect(() => verdictOf(self, flight, flight.request, exit)) === "Answer"

/**
 * After an answer: the value is no fallback any more. Without `stale` it is the one that the load was to replace. A load
 * that writes nothing, or whose id was changed meanwhile, says nothing about it.
 */
export const endFallback = (self: Flights, flight: Flight, stale?: Entry): void => {
  if (!isNewest(flight)) return
  const { id } = flight
  // the store may have had another value since: what is served instead of the answer is the stale one
  const writeId = nameOf(self, stale ?? flight.stale) ?? flight.rejectedWriteId ??
    nameOf(self, Memory.peek(self.memory, self.tagEpochs, id))
  if (writeId === undefined) return
  // memory and the store may each have one
  const before = self.answered.get(id)?.[0]
  if (before !== writeId) self.answered.set(id, [writeId, before])
  for (const oldest of self.answered.keys()) {
    if (self.answered.size <= answeredIds) break
    self.answered.delete(oldest)
  }
}

/** After a success: what is stored is a fallback again, though the result itself may not be stored. */
export const allowFallback = (self: Flights, flight: Flight): void => {
  if (self.answered.size > 0 && isNewest(flight)) self.answered.delete(flight.id)
}

/** Whether a load of this process has answered, since this entry was stored, that there is no such value any more. */
export const isAnswered = ({ answered }: Pick<Flights, "answered">, { id, writeId }: Entry): boolean =>
  answered.size > 0 && writeId !== undefined && (answered.get(id)?.includes(writeId) ?? false)

/** Whether the strategy of a request stores a failure. What throws about it is no answer. */
const stores = (
  self: Flights,
  { counters, id }: Flight,
  request: Request,
  exit: Exit.Failure<unknown, unknown>
): boolean => {
  if (!isCacheable(exit.cause)) return false
  try {
    return lifetimeOf(request, exit) !== "skip"
  } catch (thrown) {
    notStored(self, { id, key: request.key, counters }, thrown)
    return false
  }
}

const isNewest = ({ policy, storable }: Flight): boolean => storable && policy.writes

const nameOf = (self: Flights, entry: Entry | undefined): string | undefined => {
  // without a store an entry has no name until it needs one
  if (entry !== undefined) entry.writeId ??= self.tokens.next(16)
  return entry?.writeId
}

/** Whether a cause is a typed failure, without any defect. */
export const failedTyped = (cause: Cause.Cause<unknown>): boolean =>
  Cause.hasFails(cause) && !cause.reasons.some(Cause.isDieReason)

/** Whether a cause may be stored: one typed failure, and nothing beside it. */
export const isCacheable = (cause: Cause.Cause<unknown>): boolean => cause.reasons.length === 1 && Cause.hasFails(cause)
