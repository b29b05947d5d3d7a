/** Decides each caller's answer: the outcome of the load, a stale value instead, or another read. */
import { isOlderThanJoining, readAgain } from "#platform/engine/derived/dependencies"
import * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Load, LoadOrStale } from "../../../Strategy.ts"
import { recordServed } from "../derived/recorder.ts"
import type { Entry } from "../memory/entry.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { adopt } from "../request/adopt.ts"
import { endFallback, isAnswered, verdictOf } from "../request/answers.ts"
import { decideAt } from "../request/decide.ts"
import { answerOrDefect, ownOrAgain, shortened } from "../request/rules.ts"
import { slide } from "../request/sliding.ts"
import type { Caller, Flight, Flights, FoundEntry, Request } from "../state.ts"
import { detect } from "../telemetry/detect.ts"
import { emitHit, emitValue } from "../telemetry/events.ts"

interface FoundAt {
  readonly found: FoundEntry
  readonly now: number
}

const noteFound = (
  self: Flights,
  { flight, policy, request, within }: Caller,
  { found: { entry, insteadOfLoad, isStale }, now }: FoundAt
): void => {
  entry.reads++
  if (insteadOfLoad) entry.counters.stale++
  else entry.counters.storeHits++
  if (isStale) self.meter?.served(entry.counters, "stale", insteadOfLoad ? "stale" : "storeDue")
  if (request.slides && policy.writes) slide(self, request, entry, now)
  // The read is recorded before listeners are notified, because a listener may change the entry.
  if (within !== undefined) {
    recordServed(self, within, entry, flight.asOf)
    if (isStale) within.fromStale = true
  }
  if (insteadOfLoad) emitValue(self, request.key, entry, { _tag: "Stale" })
  else emitHit(self, request.key, entry, "store")
  if (policy.detector !== undefined) {
    const source = isStale ? "stale" : "store"
    detect(policy.detector, flight.id, request.strategy.name, { source, entry, exit: entry.exit, now })
  }
}

export const noteLoaded = (
  { flight, joined, policy, request }: Caller,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): void => {
  if (Exit.hasInterrupts(exit)) return
  const source = joined ? "joined" : "load"
  flight.engine.meter?.served(flight.counters, source)
  if (policy.detector === undefined) return
  const entry = flight.storable && flight.policy.writes ? flight.entry : undefined
  detect(policy.detector, flight.id, request.strategy.name, { source, entry, exit, now })
}

export const noteFallback = (
  self: Flights,
  { flight, policy, request, within }: Caller,
  { now, stale }: { readonly now: number; readonly stale: Entry }
): void => {
  stale.counters.stale++
  self.meter?.served(stale.counters, "fallback")
  stale.reads++
  if (within !== undefined) {
    recordServed(self, within, stale)
    within.fromStale = true
  }
  emitValue(self, request.key, stale, { _tag: "Stale" })
  if (policy.detector === undefined) return
  const { exit } = stale
  detect(policy.detector, flight.id, request.strategy.name, { source: "fallback", entry: stale, exit, now })
}

/** Answers a caller of a flight that found an entry: with the entry, or with a new read if the caller must load. */
export const foundOrRetry = (self: Flights, caller: Caller, at: FoundAt): Effect.Effect<unknown, unknown, any> =>
  answerOrDefect(() => {
    const { flight } = caller
    if (caller.request !== flight.request && wantsLoad(self, caller, at)) {
      const request = retryRead(caller, at.now)
      const { entry, insteadOfLoad } = at.found
      const isKnown = caller.policy.readsStore && !caller.policy.strict && !insteadOfLoad
      return isKnown ? self.storeReads!.loadInstead(caller, request, entry) : request
    }
    noteFound(self, caller, at)
    return flight.exit!
  })

const wantsLoad = (self: Flights, caller: Caller, { found: { entry }, now }: FoundAt): boolean => {
  if (!caller.policy.readsStore) return true
  adopt(self, caller, entry, now)
  const decision = decideAt(caller.request, entry, now, () => 0)
  return decision === Load || decision === LoadOrStale
}

/** Makes the request that repeats a caller's read, with the remaining time of its timeouts. */
export const retryRead = ({ flight, request, since }: Caller, now: number): Request =>
  readAgain(since === undefined ? request : shortened(flight.engine, request, now - since))

/** Whether a late joiner must read again: a dependency, or a tag known only after the load, may have changed. */
export const isOlder = (self: Flights, { flight, joinedAt }: Caller): boolean => {
  const { attempt: { dependencies } } = flight
  if (dependencies !== undefined && isOlderThanJoining(dependencies, flight, joinedAt)) return true
  return dependencies === undefined || flight.entry === undefined ? hasLateTagsMoved(self, flight) : false
}

const hasLateTagsMoved = (self: Flights, flight: Flight): boolean =>
  flight.entry === undefined
    ? Exit.isSuccess(flight.exit!) &&
      (typeof flight.request.options.tags === "function" || flight.attempt.annotations?.tags !== undefined ||
        flight.attempt.renewed)
    : TagEpochs.movedSince(self.tagEpochs, flight.entry.tags, flight.bornAt)

export const orStale = (
  self: Flights,
  caller: Caller,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): Effect.Effect<unknown, unknown, any> => {
  if (Exit.isSuccess(exit) || caller.flight.found !== undefined || Cause.hasInterrupts(exit.cause)) return exit
  const thrown = ownOrAgain(caller.request, exit.cause, () => retryRead(caller, now))
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
  if (!caller.policy.readsMemory) return undefined
  const stale = caller.stale ?? caller.flight.stale
  if (stale === undefined) return undefined
  adopt(self, caller, stale, now)
  if (now >= stale.expiresAt || isAnswered(self, stale)) return undefined
  if (TagEpochs.changedSince(self.tagEpochs, stale.tags, stale.checkedAt)) return undefined
  // Memory marks its own entries as stale, but this entry may have left memory.
  if (TagEpochs.softenedSince(self.tagEpochs, stale.tags, stale.checkedAt)) stale.softExpiresAt = -Infinity
  const decision = decideAt(caller.request, stale, now, () => 0)
  return decision === LoadOrStale || (decision !== Load && now < stale.softExpiresAt) ? stale : undefined
}

/** Like `usableStale`, but an exception that the caller's strategy throws becomes the caller's answer. */
export const staleOrDefect = (self: Flights, caller: Caller, now: number): Entry | Exit.Exit<never> | undefined =>
  answerOrDefect(() => usableStale(self, caller, now))
