/** How a caller is answered: with the outcome of the load, a stale value in its place, or another read. */
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
import { emitOf } from "../telemetry/events.ts"
import { decideAt } from "./decide.ts"
import { failedTyped } from "./failures.ts"
import type { Caller, Flight } from "./flight.ts"
import type { Flights } from "./flights.ts"
import type { Request } from "./request.ts"
import { slide } from "./sliding.ts"

/** Whether a read has timeouts of its own. */
export const isLimited = ({ options }: Request): boolean =>
  options.softTimeout !== undefined || options.timeout !== undefined

/**
 * The entry of a flight that ended without a load: the store's, or the stale one while another process refreshes it.
 */
const foundBy = ({ entry, stale }: Flight): Entry => (entry ?? stale)!

/** Counts and reports an answer without a load. */
export const noteFound = (self: Flights, { flight, policy, request, within }: Caller, now: number): void => {
  const entry = foundBy(flight)
  entry.reads++
  if (flight.servedInsteadOfLoad) entry.counters.stale++
  else entry.counters.storeHits++
  if (request.slides && policy.writes) slide(self, request, entry, now)
  emitOf(
    self,
    request.key,
    flight.id,
    flight.servedInsteadOfLoad ? { _tag: "Stale" } : { _tag: "Hit", source: "store" }
  )
  const isStale = flight.servedInsteadOfLoad || flight.derivedFromStale
  if (isStale && within !== undefined) within.derivedFromStale = true
  if (policy.detector !== undefined) {
    detect(policy.detector, flight.id, request.strategy.name, { source: isStale ? "stale" : "store", entry, now })
  }
}

/** Reports the result of a load to the caller's detector. */
export const noteLoaded = (
  { flight, joined, policy, request }: Caller,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): void => {
  if (Exit.hasInterrupts(exit)) return
  const entry = flight.storable && flight.policy.writes ? flight.entry : undefined
  detect(policy.detector, flight.id, request.strategy.name, { source: joined ? "joined" : "load", entry, now })
}

/** Counts and reports a stale value in place of a load. */
export const noteFallback = (self: Flights, { flight, policy, request, within }: Caller, stale: Entry): void => {
  stale.counters.stale++
  stale.reads++
  if (within !== undefined) within.derivedFromStale = true
  emitOf(self, request.key, flight.id, { _tag: "Stale" })
  if (policy.detector === undefined) return
  const now = Context.get(flight.context, Clock.Clock).currentTimeMillisUnsafe()
  detect(policy.detector, flight.id, request.strategy.name, { source: "fallback", entry: stale, now })
}

/** Whether this caller's own policy or strategy loads where the flight served an entry of the store. */
export const wantsLoad = ({ flight, policy, request }: Caller, now: number): boolean => {
  if (!policy.readsStore) return true
  const decision = decideAt(request, foundBy(flight), now, () => 0)
  return decision === Load || decision === LoadOrStale
}

/** The caller's read once more, with the rest of its timeouts. */
export const retryRead = (caller: Caller, now: number): Request => shortened(caller.request, now - caller.since)

/** The same request, after so many milliseconds of its timeouts have passed; none where the clock was set back. */
export const shortened = (request: Request, millis: number): Request => {
  if (!isLimited(request)) return request
  const { options } = request
  const left = (limit: Duration.Input): number => Math.max(0, toMillis(limit) - Math.max(0, millis))
  const value = {
    ...options,
    ...options.timeout === undefined ? {} : { timeout: left(options.timeout) },
    ...options.softTimeout === undefined ? {} : { softTimeout: left(options.softTimeout) }
  }
  return Object.create(request, { options: { value } }) as Request
}

/**
 * Whether a caller that joined late must read again: a tag that is known only since the load ended was invalidated
 * meanwhile, or may have been.
 */
export const isOlder = (self: Flights, flight: Flight): boolean =>
  flight.entry === undefined
    ? Exit.isSuccess(flight.exit!) &&
      (typeof flight.request.options.tags === "function" || flight.annotations?.tags !== undefined || flight.renewed)
    : TagEpochs.movedSince(self.tagEpochs, flight.entry.tags, flight.bornAt)

/** The outcome of a load, or the stale value where the caller may fall back on it. */
export const orStale = (
  self: Flights,
  caller: Caller,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): Effect.Effect<unknown, unknown> => {
  if (Exit.isSuccess(exit) || caller.flight.served || Cause.hasInterrupts(exit.cause)) return exit
  const fallbackWhen = caller.request.options.fallbackWhen ?? failedTyped
  try {
    const stale = usableStale(self, caller, now)
    if (stale === undefined || !fallbackWhen(exit.cause)) return exit
    noteFallback(self, caller, stale)
    return stale.exit
  } catch (defect) {
    // `fallbackWhen` or the strategy of this caller threw: the other callers are still answered
    return Effect.die(defect)
  }
}

/**
 * The stale value, where promise P6 allows it: before its hard deadline, and only if the caller's strategy falls back.
 */
export const usableStale = (self: Flights, caller: Caller, now: number): Entry | undefined => {
  if (!caller.policy.readsMemory) return undefined
  const stale = caller.stale ?? caller.flight.stale
  if (stale === undefined || now >= stale.expiresAt) return undefined
  if (TagEpochs.changedSince(self.tagEpochs, stale.tags, stale.checkedAt)) return undefined
  return decideAt(caller.request, stale, now, () => 0) === LoadOrStale ? stale : undefined
}
