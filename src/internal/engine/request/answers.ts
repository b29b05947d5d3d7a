/**
 * Distinguishes failures that are answers of the origin, such as "the row is deleted", from outages. A stale value is
 * served instead of an outage, but not instead of an answer. After an answer, outages are not hidden either, until
 * a load has succeeded. Reads that serve stale values without waiting for a load may still serve the value.
 */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import { LoadTimeout } from "../../../CacheError.ts"
import { answeredIds } from "../../defaults/bounds.ts"
import { answerOf } from "../../options/options.ts"
import { hasTag } from "../../strategy/lifetime.ts"
import { fallsBack } from "../../strategy/make.ts"
import type { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import type { Flight, Flights, Request } from "../state.ts"
import { answerOrDefect, lifetimeOf, notStored, optionOf } from "./rules.ts"

/** `Outage`: serve the stale value. `Answer`: fail, and no longer fall back to that value. `Refused`: only fail. */
type Verdict = "Outage" | "Answer" | "Refused"

/** How a caller's request judges a failure. Throws what a function `fallbackOn` throws. */
export const verdictOf = (
  self: Flights,
  flight: Flight,
  request: Request,
  exit: Exit.Failure<unknown, unknown>
): Verdict => {
  // A caller's timeout is not the flight's outcome, so it cannot be a stored answer.
  if (exit === flight.exit && stores(self, flight, request, exit)) return "Answer"
  const { [fallsBack]: mayFallBack } = request.strategy as { readonly [fallsBack]?: boolean }
  // A strategy that never falls back says nothing about failures, which other readers of the key may call outages.
  const fallbackOn = optionOf(self, request, "fallbackOn") ?? (mayFallBack === false ? "all" : [])
  const { cause } = exit
  if (typeof fallbackOn === "function") return answerOf("fallbackOn", fallbackOn(cause)) ? "Outage" : "Refused"
  if (!failedTyped(cause)) return "Refused"
  return fallbackOn === "all" || failedWith(cause, fallbackOn) ? "Outage" : "Answer"
}

const failedWith = ({ reasons }: Cause.Cause<unknown>, tags: ReadonlyArray<string>): boolean =>
  reasons.every((reason) =>
    Cause.isFailReason(reason) && (reason.error instanceof LoadTimeout || hasTag(reason.error, tags))
  )

/** Whether the flight's own request judges a failure to be an answer. `false` if a function of the request throws. */
export const isAnswerOf = (self: Flights, flight: Flight, exit: Exit.Failure<unknown, unknown>): boolean =>
  answerOrDefect(() => verdictOf(self, flight, flight.request, exit)) === "Answer"

/** Forbids the fallback to `stale` or, without it, to the value being reloaded. Does nothing for a detached flight. */
export const endFallback = (self: Flights, flight: Flight, stale?: Entry): void => {
  if (!isNewest(flight)) return
  const { id } = flight
  // `stale` has priority: by now the store may have a newer value, but callers would fall back to the stale one.
  const writeId = nameOf(self, stale ?? flight.stale) ?? flight.rejectedWriteId ??
    nameOf(self, Memory.peek(self.memory, self.tagEpochs, id))
  if (writeId === undefined) return
  // Keeps the last two write ids, because memory and the store may have different values.
  const before = self.answered.get(id)?.[0]
  if (before !== writeId) self.answered.set(id, [writeId, before])
  for (const oldest of self.answered.keys()) {
    if (self.answered.size <= answeredIds) break
    self.answered.delete(oldest)
  }
}

/** After a successful load, allows the fallback again and ends the id's pause, even if the result is not stored. */
export const allowFallback = (self: Flights, flight: Flight): void => {
  if (!isNewest(flight)) return
  self.answered.delete(flight.id)
  self.retryAt.delete(flight.id)
}

/** Whether a load in this process has failed with an answer since the entry was stored. */
export const isAnswered = ({ answered }: Pick<Flights, "answered">, { id, writeId }: Entry): boolean =>
  answered.size > 0 && writeId !== undefined && (answered.get(id)?.includes(writeId) ?? false)

/** Whether the request's strategy stores the failure. If the strategy throws, the failure is not stored. */
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
  // In a cache without a store, an entry receives a `writeId` only when one is needed.
  if (entry !== undefined) entry.writeId ??= self.tokens.next(16)
  return entry?.writeId
}

export const failedTyped = (cause: Cause.Cause<unknown>): boolean =>
  Cause.hasFails(cause) && !cause.reasons.some(Cause.isDieReason)

/** Whether a cause may be stored: its only reason must be a typed failure. */
export const isCacheable = (cause: Cause.Cause<unknown>): boolean => cause.reasons.length === 1 && Cause.hasFails(cause)
