/** What a caller is given: the outcome of the load, a stale value in its place, or another try. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Load, LoadOrStale } from "../../../Strategy.ts"
import { toMillis } from "../../../Ttl.ts"
import type { Entry } from "../memory/entry.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { detect } from "../telemetry/detect.ts"
import { tell } from "../telemetry/events.ts"
import { decideAt } from "./decide.ts"
import { failedTyped } from "./failures.ts"
import type { Caller, Flight } from "./flight.ts"
import type { Flights } from "./flights.ts"
import type { Request } from "./request.ts"
import { slide } from "./sliding.ts"

export const isLimited = ({ options }: Request): boolean =>
  options.softTimeout !== undefined || options.timeout !== undefined

/** what a flight has found in the store, or has left in place because another process loads it */
const foundBy = ({ entry, stale }: Flight): Entry => (entry ?? stale)!

/** No load had to run. */
export const noteFound = (self: Flights, { flight, policy, request, within }: Caller, now: number): void => {
  const entry = foundBy(flight)
  entry.reads++
  if (flight.servedInsteadOfLoad) entry.counters.stale++
  else entry.counters.storeHits++
  if (request.slides && policy.writes) slide(self, request, entry, now)
  {
    tell(
      self,
      request.key,
      flight.id,
      flight.servedInsteadOfLoad ? { _tag: "Stale" } : { _tag: "Hit", source: "store" }
    )
  }
  const isStale = flight.servedInsteadOfLoad || flight.derivedFromStale
  if (isStale && within !== undefined) within.derivedFromStale = true
  if (policy.detector !== undefined) {
    detect(policy.detector, flight.id, request.strategy.name, { source: isStale ? "stale" : "store", entry, now })
  }
}

export const noteLoaded = (
  { flight, joined, policy, request }: Caller,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): void => {
  if (Exit.hasInterrupts(exit)) return
  const entry = flight.storable && flight.policy.writes ? flight.entry : undefined
  detect(policy.detector, flight.id, request.strategy.name, { source: joined ? "joined" : "load", entry, now })
}

/** A stale value stands in for what a caller waited for. */
export const noteFallback = (self: Flights, { flight, policy, request, within }: Caller, stale: Entry): void => {
  stale.counters.stale++
  stale.reads++
  if (within !== undefined) within.derivedFromStale = true
  tell(self, request.key, flight.id, { _tag: "Stale" })
  if (policy.detector === undefined) return
  const now = Context.get(flight.context, Clock.Clock).currentTimeMillisUnsafe()
  detect(policy.detector, flight.id, request.strategy.name, { source: "fallback", entry: stale, now })
}

/** what the store had is enough for who started the flight, but this caller's own strategy would have loaded */
export const wantsLoad = ({ flight, policy, request }: Caller, now: number): boolean => {
  if (!policy.readsStore) return true
  const decision = decideAt(request, foundBy(flight), now, () => 0)
  return decision === Load || decision === LoadOrStale
}

export const retryRead = (waiter: Caller, now: number): Request => shortened(waiter.request, now - waiter.since)

/** the same request, after a part of the caller's own limits has passed */
export const shortened = (request: Request, millis: number): Request => {
  if (!isLimited(request)) return request
  const { options } = request
  const left = (limit: Duration.Input): number => Math.max(0, toMillis(limit) - millis)
  const value = {
    ...options,
    ...options.timeout === undefined ? {} : { timeout: left(options.timeout) },
    ...options.softTimeout === undefined ? {} : { softTimeout: left(options.softTimeout) }
  }
  return Object.create(request, { options: { value } }) as Request
}

/** a tag that was known only after the load was invalidated meanwhile: who came after that must not see the result */
export const isOlder = (self: Flights, flight: Flight): boolean =>
  flight.entry === undefined
    ? Exit.isSuccess(flight.exit!) &&
      (typeof flight.request.options.tags === "function" || flight.annotations?.tags !== undefined || flight.renewed)
    : TagEpochs.movedSince(self.tagEpochs, flight.entry.tags, flight.bornAt)

/** the outcome of a load, or the stale value where that may stand in for it */
export const orStale = (
  self: Flights,
  waiter: Caller,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): Effect.Effect<unknown, unknown> => {
  if (Exit.isSuccess(exit) || waiter.flight.served || Cause.hasInterrupts(exit.cause)) return exit
  const fallbackWhen = waiter.request.options.fallbackWhen ?? failedTyped
  try {
    const stale = usableStale(self, waiter, now)
    if (stale === undefined || !fallbackWhen(exit.cause)) return exit
    noteFallback(self, waiter, stale)
    return stale.exit
  } catch (defect) {
    // a function of this caller's: the others are answered still
    return Effect.die(defect)
  }
}

/** P6: only inside its ttl, and only where the caller's own strategy would fall back on it */
export const usableStale = (self: Flights, waiter: Caller, now: number): Entry | undefined => {
  if (!waiter.policy.readsMemory) return undefined
  const stale = waiter.stale ?? waiter.flight.stale
  if (stale === undefined || now >= stale.expiresAt) return undefined
  if (TagEpochs.changedSince(self.tagEpochs, stale.tags, stale.checkedAt)) return undefined
  return decideAt(waiter.request, stale, now, () => 0) === LoadOrStale ? stale : undefined
}
