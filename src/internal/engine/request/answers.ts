/**
 * Distinguishes failures that are answers of the origin, such as a deleted row, from outages. An answer is not hidden
 * by a stale value, and ends that value as a fallback until a load succeeds. Reads that do not fall back may still use
 * it.
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

/** `Outage`: the stale value is served instead. `Answer`: ends the fallback to it. `Refused`: only fails the caller. */
type Verdict = "Outage" | "Answer" | "Refused"

/** Throws what `fallbackWhen` throws. */
export const verdictOf = (
  self: Flights,
  flight: Flight,
  request: Request,
  exit: Exit.Failure<unknown, unknown>
): Verdict => {
  // A timeout of the caller is not an outcome of the flight.
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

const failedWith = ({ reasons }: Cause.Cause<unknown>, tags: ReadonlyArray<string>): boolean =>
  reasons.every((reason) =>
    Cause.isFailReason(reason) && (reason.error instanceof LoadTimeout || hasTag(reason.error, tags))
  )

/** False if the request's functions throw. */
export const isAnswerOf = (self: Flights, flight: Flight, exit: Exit.Failure<unknown, unknown>): boolean =>
  answerOrDefect(() => verdictOf(self, flight, flight.request, exit)) === "Answer"

/** Ends the fallback to `stale`, or else to the value to replace. A load that is not stored ends nothing. */
export const endFallback = (self: Flights, flight: Flight, stale?: Entry): void => {
  if (!isNewest(flight)) return
  const { id } = flight
  // The store may have received another value since, but the stale one is served in place of the answer.
  const writeId = nameOf(self, stale ?? flight.stale) ?? flight.rejectedWriteId ??
    nameOf(self, Memory.peek(self.memory, self.tagEpochs, id))
  if (writeId === undefined) return
  // Memory and the store may hold different values.
  const before = self.answered.get(id)?.[0]
  if (before !== writeId) self.answered.set(id, [writeId, before])
  for (const oldest of self.answered.keys()) {
    if (self.answered.size <= answeredIds) break
    self.answered.delete(oldest)
  }
}

/** Allows the fallback again after a success, even if the result itself is not stored. */
export const allowFallback = (self: Flights, flight: Flight): void => {
  if (self.answered.size > 0 && isNewest(flight)) self.answered.delete(flight.id)
}

/** Whether a load of this process has failed with an answer since the entry was stored. */
export const isAnswered = ({ answered }: Pick<Flights, "answered">, { id, writeId }: Entry): boolean =>
  answered.size > 0 && writeId !== undefined && (answered.get(id)?.includes(writeId) ?? false)

/** An exception of the strategy counts as no. */
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
  // Without a store, an entry gets a `writeId` only when it needs one.
  if (entry !== undefined) entry.writeId ??= self.tokens.next(16)
  return entry?.writeId
}

export const failedTyped = (cause: Cause.Cause<unknown>): boolean =>
  Cause.hasFails(cause) && !cause.reasons.some(Cause.isDieReason)

/** Whether a cause may be stored: a single reason, which is a typed failure. */
export const isCacheable = (cause: Cause.Cause<unknown>): boolean => cause.reasons.length === 1 && Cause.hasFails(cause)
