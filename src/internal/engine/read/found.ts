/** Answers the callers of flights that have found an entry in the store. */
import * as Effect from "effect/Effect"
import { recordServed } from "../derived/recorder.ts"
import { isOutdated } from "../flight/flight.ts"
import { retryRead } from "../flight/outcome.ts"
import type { Entry } from "../memory/entry.ts"
import { adopt } from "../request/adopt.ts"
import { decideAt } from "../request/decide.ts"
import { answerOrDefect } from "../request/rules.ts"
import { slide } from "../request/sliding.ts"
import type { Caller, Flights, FoundEntry, Request, StoreReads } from "../state.ts"
import { report } from "../telemetry/detect.ts"
import { countServed, isFresh, tellServed } from "../telemetry/tell.ts"
import { useFound } from "./useFound.ts"

const noteFound = (
  self: Flights,
  caller: Caller,
  { entry, served }: FoundEntry,
  now: number
): void => {
  const { flight, policy, request, within } = caller
  entry.reads++
  countServed(self, entry, served)
  if (request.slides && policy.writes) slide(self, request, entry, now)
  // The read is recorded before listeners are notified, because a listener may change the entry.
  if (within !== undefined) {
    recordServed(self, within, entry, flight.asOf)
    if (!isFresh(served)) within.fromStale = true
  }
  tellServed(self, request.key, entry, served)
  report(self, caller, flight.id, { source: isFresh(served) ? served : "stale", entry, exit: entry.exit, now })
}

/** Answers a caller of a flight that found an entry: with the entry, or with a new read if the caller must load. */
export const foundOrRetry: StoreReads["foundOrRetry"] = (self, caller, found) =>
  answerOrDefect(() => {
    const { flight, policy } = caller
    const now = flight.endedAt
    if (caller.request !== flight.request && wantsLoad(self, caller, found.entry, now)) {
      const request = retryRead(caller)
      const isCurrent = flight.storable && !isOutdated(flight)
      const isKnown = policy.readsEntries && !policy.strict && found.served !== "stale" && isCurrent
      return isKnown ? loadInstead(caller, request, found) : request
    }
    noteFound(self, caller, found, now)
    return flight.exit!
  })

const wantsLoad = (self: Flights, caller: Caller, entry: Entry, now: number): boolean => {
  if (!caller.policy.readsEntries) return true
  adopt(self, caller, entry, now)
  const decision = decideAt(caller.request, entry, now, () => 0)
  return decision === "Load" || decision === "LoadOrStale"
}

/** Loads without another store request: the flight has just asked the store, and nothing has changed since. */
const loadInstead = ({ flight: { engine, id }, policy }: Caller, request: Request, { entry, mutations }: FoundEntry) =>
  Effect.withFiber((fiber) =>
    mutations === engine.mutations ? useFound({ engine, fiber, id, policy, request }, undefined, entry) : request
  )
