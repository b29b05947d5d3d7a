/** Decides each caller's answer: the outcome of the load, a stale value instead, or another read. */
import { isOlderThanJoining, readAgain } from "#platform/engine/derived/dependencies"
import * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { monotonicMillis } from "../../time/monotonic.ts"
import { recordServed } from "../derived/recorder.ts"
import type { Entry } from "../memory/entry.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { adopt } from "../request/adopt.ts"
import { endFallback, isAnswered, verdictOf } from "../request/answers.ts"
import { decideAt } from "../request/decide.ts"
import { answerOrDefect, ownOrAgain, shortened } from "../request/rules.ts"
import type { Caller, Flight, Flights, Request } from "../state.ts"
import { report } from "../telemetry/detect.ts"
import { tellFallback } from "../telemetry/tell.ts"
import { hasBegun, hasLateTags, isOutdated } from "./flight.ts"

export const noteLoaded = (
  caller: Caller,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): void => {
  if (Exit.hasInterrupts(exit)) return
  const { flight, joined } = caller
  const { counters, engine, id, policy, storable } = flight
  const source = joined ? "joined" : "load"
  engine.meter?.served(counters, source)
  report(engine, caller, id, { source, entry: storable && policy.writes ? flight.entry : undefined, exit, now })
}

export const noteFallback = (
  self: Flights,
  caller: Caller,
  { now, stale }: { readonly now: number; readonly stale: Entry }
): void => {
  const { flight, request, within } = caller
  stale.reads++
  if (within !== undefined) {
    recordServed(self, within, stale)
    within.fromStale = true
  }
  tellFallback(self, request.key, stale)
  report(self, caller, flight.id, { source: "fallback", entry: stale, exit: stale.exit, now })
}

/** Makes the request that repeats a caller's read, with the remaining time of its timeouts. */
export const retryRead = ({ context, flight, request, since }: Caller): Request =>
  readAgain(since === undefined ? request : shortened(flight.engine, request, monotonicMillis(context.clock) - since))

/** Whether a late joiner must read again: a dependency, or a tag known only after the load, may have changed. */
export const isOlder = (self: Flights, { flight, joinedAt }: Caller): boolean => {
  const { attempt: { dependencies } } = flight
  if (hasBegun(flight) && isOutdated(flight)) return true
  if (dependencies !== undefined && isOlderThanJoining(dependencies, flight, joinedAt)) return true
  return dependencies === undefined || flight.entry === undefined ? hasLateTagsMoved(self, flight) : false
}

const hasLateTagsMoved = (self: Flights, flight: Flight): boolean =>
  flight.entry === undefined
    ? Exit.isSuccess(flight.exit!) &&
      (hasLateTags(flight) || flight.attempt.renewed)
    : TagEpochs.movedSince(self.tagEpochs, flight.entry.tags, flight.bornAt)

export const orStale = (
  self: Flights,
  caller: Caller,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): Effect.Effect<unknown, unknown, any> => {
  if (Exit.isSuccess(exit) || caller.flight.found !== undefined || Cause.hasInterrupts(exit.cause)) return exit
  const thrown = ownOrAgain(caller.request, exit.cause, () => retryRead(caller))
  if (thrown !== undefined) return thrown
  return answerOrDefect(() => {
    const stale = usableStale(self, caller, now)
    if (stale === undefined) return exit
    const verdict = verdictOf(self, caller.flight, caller.request, exit)
    if (verdict === "Answer") endFallback(self, caller.flight, stale)
    if (verdict !== "Outage") return exit
    noteFallback(self, caller, { stale, now })
    return stale.exit
  })
}

/**
 * Returns the stale value to which a caller may fall back (promise P6). The value must not have expired, and the origin
 * must not have answered since. The strategy must allow the fallback, or a touch must have made the value fresh again.
 */
const usableStale = (self: Flights, caller: Caller, now: number): Entry | undefined => {
  if (!caller.policy.readsEntries) return undefined
  const stale = caller.stale ?? caller.flight.stale
  if (stale === undefined) return undefined
  adopt(self, caller, stale, now)
  if (now >= stale.expiresAt || isAnswered(self, stale)) return undefined
  if (TagEpochs.changedSince(self.tagEpochs, stale.tags, stale.checkedAt)) return undefined
  // Memory marks its own entries as stale, but this entry may have left memory.
  if (TagEpochs.softenedSince(self.tagEpochs, stale.tags, stale.checkedAt)) stale.softExpiresAt = -Infinity
  return isFallback(caller.request, stale, now) ? stale : undefined
}

/** Whether a request's strategy allows the fallback on a stale value. */
export const isFallback = (request: Request, stale: Entry, now: number): boolean => {
  const decision = decideAt(request, stale, now, () => 0)
  return decision === "LoadOrStale" || (decision !== "Load" && now < stale.softExpiresAt)
}

/** Whether callers of a flight that ends with a failure may get the stale value, as far as its own request tells. */
export const servesStale = (
  self: Flights,
  flight: Flight,
  exit: Exit.Failure<unknown, unknown>,
  now: number
): boolean => {
  const { request, stale } = flight
  if (stale === undefined || now >= stale.expiresAt || isAnswered(self, stale)) return false
  const served = answerOrDefect(() =>
    decideAt(request, stale, now, () => 0) === "Load" ? "Answer" : verdictOf(self, flight, request, exit)
  )
  return served === "Outage"
}

/** Like `usableStale`, but an exception that the caller's strategy throws becomes the caller's answer. */
export const staleOrDefect = (self: Flights, caller: Caller, now: number): Entry | Exit.Exit<never> | undefined =>
  answerOrDefect(() => usableStale(self, caller, now))
