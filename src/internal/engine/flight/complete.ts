/** The end of a flight: the result enters memory, and the callers are answered. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { infoOf } from "../../key/ofKey.ts"
import type { Entry } from "../memory/entry.ts"
import { markOfStream } from "../memory/manifest.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { allowFallback, endFallback, isAnswered, isAnswerOf } from "../request/answers.ts"
import { rulesOf } from "../request/rules.ts"
import { holdOff } from "../request/throttle.ts"
import type { Flight, Flights, Request } from "../state.ts"
import * as Log from "../telemetry/log.ts"
import * as Spans from "../telemetry/spans.ts"
import { outcomeOfLoad, tellLoad, tellRefused } from "../telemetry/tell.ts"
import { releaseLease, startNext, unregister } from "./ending.ts"
import { endFlight, hasBegun, isBeforeClear, isOutdated, letGo } from "./flight.ts"
import { noteDuration } from "./patience.ts"
import { leaveUnit, refresh } from "./refreshing.ts"
import { exitOf, hasGoodValue, isRenewed, loadMillisOf, toEntry } from "./result.ts"
import { isOrphaned, loadForFollowers } from "./takeOver.ts"
import { isStorable, noteLoaded } from "./watches.ts"
import { answerAll } from "./work.ts"

export const complete = (self: Flights, flight: Flight, ended: Exit.Exit<unknown, unknown>): void => {
  const now = self.time.now(flight.starter.clock)
  const exit = exitOf(flight, ended)
  const isFailureOfStarter = isOrphaned(self, flight, exit, now)
  endFlight(flight, exit, now)
  if (isFailureOfStarter) loadForFollowers(self, flight)
  if (!self.isPrivate) self.running.delete(flight)
  if (flight.isBehind) self.behind--
  if (self.storeTier === undefined) {
    flight.entry = toEntry(self, flight, exit, now)
    // With `copy`, callers get the copy in the entry, because user code may change the loaded value before they get it.
    flight.exit = flight.entry?.exit ?? exit
  }
  flight.storable = isStorable(self, flight)
  // No change may be applied between `unregister` and `publish`: it would find neither the flight nor its entry.
  unregister(self, flight)
  publish(self, flight)
  flight.request.settled?.(flight)
  flight.request.batch?.dropOut(flight)
  if (self.ending.size > 0 && self.ending.get(flight.id) === flight) self.ending.delete(flight.id)
  releaseLease(flight, hasBegun(flight) && Exit.isFailure(exit) ? exit : undefined)
  if (isFailureOfStarter) flight.counters.loadFailures++
  else if (flight.found === undefined) reportFailure(self, flight, exit, now)
  if (hasBegun(flight)) loadHasEnded(self, flight, ended, now)
  if (flight.trace !== undefined) endSpan(flight, ended)
  leaveUnit(self, flight)
  refreshIfDue(self, flight)
  startNext(self, flight)
  letGo(flight)
  if (self.running.size === 0) self.onIdle?.()
  answerAll(self, flight)
}

const refreshIfDue = (self: Flights, flight: Flight): void => {
  const { endedAt, found, id, policy, request, starter, storable } = flight
  if (found?.refreshDue !== true || !storable || !policy.writes) return
  refresh(self, { starter, request, id, entry: found.entry, mutations: found.mutations, now: endedAt })
}

export const publish = (self: Flights, flight: Flight): void => {
  const { entry } = flight
  if (entry === undefined || !flight.policy.writes || self.closed) return
  // The stored entry has changed, or may have, since the store was asked, so this copy may be outdated.
  if (isOutdated(flight)) return
  if (!flight.storable || TagEpochs.changedSince(self.tagEpochs, entry.tags, entry.checkedAt)) {
    // Only the first result of several concurrent private loads is stored. The other results do not count as refused.
    if (self.isPrivate && Memory.peek(self.memory, self.tagEpochs, flight.id) !== undefined) return
    return tellRefused(
      self,
      flight,
      flight.storable && flight.attempt.dependencies !== undefined ? "dependency" : "changed"
    )
  }
  // The load began before memory was last cleared, so its value may be older than `maxStaleness` allows.
  if (flight.found === undefined && isBeforeClear(self, flight)) return
  // Even a cached failure is an answer of the origin, so the origin works again. A store hit does not prove this.
  if (flight.found === undefined) {
    self.retryAt.delete(flight.id)
    if (self.isPrivate) noteLoaded(self, flight)
  }
  putInMemory(self, flight.request, entry, flight.endedAt)
}

/** Puts an entry in memory for at most `memoryTtl`. After that time, the store is asked again. */
export const putInMemory = (self: Flights, request: Request, entry: Entry, now: number): void => {
  const { memoryTtlMillis } = rulesOf(self, request)
  // Marks the entry of a stream, because a read of a plain value must not use it (see `isPastMemoryTtl`).
  if (request.followed !== undefined) {
    entry.memoryExpiresAt ??= Infinity
    markOfStream(entry)
  }
  if (memoryTtlMillis === undefined || self.storeTier === undefined) return Memory.put(self.memory, entry, now)
  if (memoryTtlMillis <= 0) return void Memory.remove(self.memory, entry.id, "replaced")
  entry.memoryExpiresAt = Math.min(now + memoryTtlMillis, entry.memoryExpiresAt ?? Infinity)
  Memory.put(self.memory, entry, now)
}

const loadHasEnded = (self: Flights, flight: Flight, exit: Exit.Exit<unknown, unknown>, now: number): void => {
  const millis = flight.entry?.loadMillis ?? loadMillisOf(flight, now)
  if (Exit.isSuccess(exit) && !isRenewed(flight)) noteDuration(self, flight, millis)
  tellLoad(self, flight, exit, millis)
}

const endSpan = (flight: Flight, exit: Exit.Exit<unknown, unknown>): void => {
  const { entry, policy, ranTooLong, restartedAt, storable, trace } = flight
  const { because } = trace!
  Spans.end(trace!, {
    "cache.outcome": restartedAt !== undefined ? "restarted" : ranTooLong ? "timeout" : outcomeOfLoad(flight, exit),
    "cache.stored": entry !== undefined && storable && policy.writes && because === undefined,
    "cache.refused": because,
    "cache.tags": entry?.tags.length
  })
}

/**
 * Counts a failed load. If the failure is an answer of a working origin, the stale value is no longer a fallback. After
 * any other failure, the loads of an id with a stale value pause. Only one warning is logged until a load of the key
 * class succeeds, because an origin that is down fails for all its keys.
 */
const reportFailure = (self: Flights, flight: Flight, exit: Exit.Exit<unknown, unknown>, now: number): void => {
  const { counters, id, request: { batch, key } } = flight
  if (Exit.isSuccess(exit)) {
    if (self.failing.size > 0) self.failing.delete(counters)
    return allowFallback(self, flight)
  }
  const interrupted = Cause.hasInterrupts(exit.cause)
  if (interrupted && !flight.ranTooLong) return
  // If another process ran the load, that process counts the failure.
  if (hasBegun(flight)) flight.counters.loadFailures++
  if ((flight.stale !== undefined || hasGoodValue(self, flight, now)) && isAnswerOf(self, flight, exit)) {
    endFallback(self, flight)
    // The origin works, so loads do not pause. Only a refresh waits before its next attempt.
    if (!flight.refresh) return
  }
  if (!flight.refresh && (flight.stale === undefined || isAnswered(self, flight.stale))) return
  if (!flight.storable && !flight.ranTooLong) return
  const pauseMillis = rulesOf(self, flight.request).retryAfterMillis
  const message = flight.refresh
    ? `The refresh of "${id}" ${flight.ranTooLong ? "took too long" : "failed"}: the stale value stays`
    : `The load of "${id}" failed: a stale value may be served`
  if (flight.storable) holdOff(self, id, now, pauseMillis)
  const isLogged = batch?.isLogged === true || self.failing.has(counters)
  if (batch !== undefined) batch.isLogged = true
  const details = { about: { id, key }, cause: exit.cause }
  if (pauseMillis <= 0 || isLogged) return Log.debug(self, message, details)
  self.failing.add(counters)
  const kind = infoOf(key)?.name ?? "string"
  Log.warning(
    self,
    `${message}. Further failures are logged at debug level until a load of ${kind} keys succeeds`,
    details
  )
}
