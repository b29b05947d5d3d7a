/** The end of a flight: makes an entry of its outcome, puts that in memory, and answers the callers. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type { Lifetime } from "../../../Strategy.ts"
import { toMillis } from "../../../Ttl.ts"
import { infoOf } from "../../key/ofKey.ts"
import { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { emitOf, outcomeOf as wordOf } from "../telemetry/events.ts"
import * as Log from "../telemetry/log.ts"
import { allowFallback, endFallback, isAnswerOf } from "./answers.ts"
import { copyOf } from "./copy.ts"
import { startNext, unregister } from "./ending.ts"
import { isCacheable } from "./failures.ts"
import { endFlight, type Flight, hasBegun, isBeforeClear, letGo } from "./flight.ts"
import type { Flights } from "./flights.ts"
import { inherited } from "./inherit.ts"
import { leaveUnit, refresh } from "./refreshing.ts"
import { releaseLease } from "./releaseLease.ts"
import type { Request } from "./request.ts"
import { tagsOfResult } from "./requestTags.ts"
import { lifetimeOf, notStored, rulesOf } from "./rules.ts"
import { holdOff } from "./throttle.ts"
import { answerAll } from "./work.ts"

/** Whether the load ended by declaring the previous value still valid. Such a load interrupts itself. */
export const isRenewed = (flight: Flight): boolean => flight.attempt.renewed && !flight.abandoned

/** The outcome of a load: its own exit, or the previous value's where the load declared that still valid. */
export const exitOf = (flight: Flight, exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> =>
  isRenewed(flight) ? flight.attempt.previous!.exit : exit

/** Ends a flight when its fiber has ended: its entry enters memory if it may, and every caller is answered. */
export const complete = (self: Flights, flight: Flight, ended: Exit.Exit<unknown, unknown>): void => {
  const now = flight.starter.clock.currentTimeMillisUnsafe()
  const exit = exitOf(flight, ended)
  endFlight(flight, exit, now)
  self.running.delete(flight)
  if (self.storeTier === undefined) flight.entry = toEntry(self, flight, exit, now)
  const { mutations } = self
  // between these two lines nothing may run that applies a change: it would find neither the flight nor its entry
  unregister(self, flight)
  publish(self, flight)
  flight.request.batch?.dropOut(flight)
  if (self.ending.size > 0 && self.ending.get(flight.id) === flight) self.ending.delete(flight.id)
  releaseLease(flight, hasBegun(flight) && Exit.isFailure(exit) ? exit : undefined)
  if (flight.found === undefined) reportFailure(self, flight, exit, now)
  if (hasBegun(flight)) tellLoad(self, flight, ended, now)
  leaveUnit(self, flight)
  refreshIfDue(self, flight, mutations)
  startNext(self, flight)
  letGo(flight)
  if (self.running.size === 0) self.onIdle?.()
  answerAll(self, flight)
}

const refreshIfDue = (self: Flights, flight: Flight, mutations: number): void => {
  const { endedAt, found, id, policy, request, starter, storable } = flight
  if (found?.refreshDue !== true || !storable || !policy.writes) return
  refresh(self, { starter, request, id, entry: found.entry, mutations, now: endedAt })
}

/**
 * The entry that a load's outcome becomes, or `undefined` where it is not stored: the strategy skips it, it is a defect
 * or an interruption, it is a failure and there is a good value, or a function of the user threw.
 */
export const toEntry = (
  self: Flights,
  flight: Flight,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): Entry | undefined => {
  if (Exit.isFailure(exit) && (!isCacheable(exit.cause) || hasGoodValue(self, flight, now))) return undefined
  try {
    return entryOf(self, flight, exit, now)
  } catch (thrown) {
    const { counters, id, request: { key } } = flight
    return notStored(self, { id, key, counters }, thrown)
  }
}

const entryOf = (self: Flights, flight: Flight, exit: Exit.Exit<unknown, unknown>, now: number): Entry | undefined => {
  const { counters, id, request } = flight
  const lifetime = annotated(flight, lifetimeOf(request, exit))
  if (lifetime === "skip" || lifetime.ttl <= 0 || isTooQuick(flight, now)) return undefined
  const { annotations, derivedFromStale, previous, recorder, renewed } = flight.attempt
  if (derivedFromStale) return refuse(self, flight)
  const share = shareOf(flight)
  const softExpiresAt = now + lifetime.softTtl * share
  const expiresAt = now + lifetime.ttl * share
  const life = recorder && inherited(flight, recorder, { createdAt: now, softExpiresAt, expiresAt })
  if (life === "skip") return refuse(self, flight)
  return new Entry({
    id,
    exit: kept(flight, exit),
    createdAt: life?.createdAt ?? now,
    softExpiresAt: life?.softExpiresAt ?? softExpiresAt,
    expiresAt: life?.expiresAt ?? expiresAt,
    loadMillis: loadMillisOf(flight, now),
    tags: tagsOf(flight, exit),
    bornAt: flight.bornAt,
    writeId: self.storeTier === undefined ? undefined : self.tokens.next(16),
    etag: annotations?.etag ?? (renewed ? previous!.etag : undefined),
    constant: annotations?.ttl === undefined && life === undefined ? request.constant : undefined,
    counters
  })
}

/** The outcome that is stored: with `copy` a copy of its own, because the load may go on to change its value. */
const kept = (flight: Flight, exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> => {
  const { attempt: { renewed }, policy, request: { key, options: { copy } } } = flight
  // what is renewed was copied when it was stored
  return copy === undefined || renewed || !policy.writes ? exit : Exit.map(exit, copyOf(copy, key))
}

/** What `jitter` leaves of the lifetime. */
const shareOf = ({ request, starter }: Flight): number => {
  const { jitter } = rulesOf(request)
  return jitter === 0 ? 1 : 1 - jitter * Context.get(starter.context, Random.Random).nextDoubleUnsafe()
}

/** How long the load took. The clock may have been set back meanwhile. */
const loadMillisOf = ({ attempt: { startedAt = Infinity } }: Flight, now: number): number =>
  Math.max(0, now - startedAt)

/** The lifetime that the load set itself, where the strategy stores the result at all; else the strategy's. */
const annotated = (flight: Flight, lifetime: Lifetime | "skip"): Lifetime | "skip" => {
  const input = flight.attempt.annotations?.ttl
  if (lifetime === "skip" || input === undefined) return lifetime
  const ttl = toMillis(input)
  if (flight.request.slides) return { softTtl: ttl, ttl: Math.min(lifetime.ttl, ttl) }
  // no soft deadline of its own: the new one is the new end
  return { softTtl: lifetime.softTtl < lifetime.ttl ? Math.min(lifetime.softTtl, ttl) : ttl, ttl }
}

const isTooQuick = (flight: Flight, now: number): boolean => {
  const { minLoadMillis } = rulesOf(flight.request)
  return minLoadMillis !== undefined && !flight.attempt.renewed && loadMillisOf(flight, now) <= minLoadMillis
}

/** The tags of the result; a value declared still valid keeps its tags too. */
const tagsOf = (
  { attempt: { annotations, previous, renewed }, request }: Flight,
  exit: Exit.Exit<unknown, unknown>
): ReadonlyArray<string> => {
  const tags = tagsOfResult(request, exit)
  const more = annotations?.tags ?? (renewed ? previous!.tags : undefined)
  return more === undefined ? tags : Array.from(new Set([...tags, ...more]))
}

const refuse = (self: Flights, flight: Flight): undefined => {
  flight.counters.refused++
  emitOf(self, flight.request.key, flight.id, { _tag: "Refused" })
}

/** Whether memory or the store has a value that may still be served: a failure must not replace it. */
const hasGoodValue = (self: Flights, flight: Flight, now: number): boolean =>
  now < flight.protectedUntil ||
  [flight.stale, Memory.peek(self.memory, self.tagEpochs, flight.id)].some((entry) =>
    entry?.outcome === "success" && now < entry.expiresAt &&
    !TagEpochs.changedSince(self.tagEpochs, entry.tags, entry.checkedAt)
  )

const publish = (self: Flights, flight: Flight): void => {
  const { entry } = flight
  if (entry === undefined || !flight.policy.writes || self.closed) return
  // the store has changed since: this copy may be the older one
  if (flight.changedWhileAsked) return
  if (!flight.storable || TagEpochs.changedSince(self.tagEpochs, entry.tags, entry.checkedAt)) {
    return refuse(self, flight)
  }
  // it began before memory was last cleared, so it may be older than `maxStaleness` allows
  if (flight.found === undefined && isBeforeClear(self, flight)) return
  if (TagEpochs.softenedSince(self.tagEpochs, entry.tags, entry.checkedAt)) entry.softExpiresAt = -Infinity
  // only a load shows that loading works again
  if (flight.found === undefined && self.retryAt.size > 0) self.retryAt.delete(flight.id)
  putInMemory(self, flight.request, entry, flight.endedAt)
}

/** Puts an entry in memory, for `memoryTtl` at most; after that the store is asked again. */
export const putInMemory = (self: Flights, request: Request, entry: Entry, now: number): void => {
  const { memoryTtlMillis } = rulesOf(request)
  if (memoryTtlMillis === undefined || self.storeTier === undefined) return Memory.put(self.memory, entry, now)
  if (memoryTtlMillis <= 0) return void Memory.remove(self.memory, entry.id, "replaced")
  entry.memoryExpiresAt = now + memoryTtlMillis
  Memory.put(self.memory, entry, now)
}

const tellLoad = (self: Flights, flight: Flight, exit: Exit.Exit<unknown, unknown>, now: number): void => {
  // an event is an object, which nobody needs without a listener
  if (self.listeners.events === undefined) return
  emitOf(self, flight.request.key, flight.id, {
    _tag: "Load",
    outcome: isRenewed(flight) ? "notModified" : wordOf(exit),
    refresh: flight.refresh,
    // the load alone, without the write to the store
    millis: flight.entry?.loadMillis ?? loadMillisOf(flight, now)
  })
}

/**
 * Counts a failed load. An answer ends the fallback on the stale value. After another failure, where there is such a
 * value: throttles the id for `retryAfter`, and logs the failure. The first
 * failure of a key class is a warning, those after it are debug lines until a load of that class succeeds: an origin
 * that is down fails for all its keys. String keys count as one class.
 */
const reportFailure = (self: Flights, flight: Flight, exit: Exit.Exit<unknown, unknown>, now: number): void => {
  const { counters, id, request: { batch, key } } = flight
  if (Exit.isSuccess(exit)) {
    if (self.failing.size > 0) self.failing.delete(counters)
    return allowFallback(self, flight)
  }
  const interrupted = Cause.hasInterrupts(exit.cause)
  if (interrupted && !flight.timedOutUnattended) return
  // the failure of a leader in another process is counted there
  if (hasBegun(flight)) flight.counters.loadFailures++
  if ((flight.stale !== undefined || hasGoodValue(self, flight, now)) && isAnswerOf(self, flight, exit)) {
    endFallback(self, flight)
    // not an origin that is down. A refresh waits before the next try all the same
    if (!flight.refresh) return
  }
  if ((flight.stale === undefined && !flight.refresh) || !flight.storable && !flight.timedOutUnattended) return
  const pauseMillis = rulesOf(flight.request).retryAfterMillis
  const message = flight.refresh
    ? `The refresh of "${id}" ${flight.timedOutUnattended ? "took too long" : "failed"}; the stale value stays`
    : `The load of "${id}" failed; a stale value may be served`
  if (pauseMillis > 0) holdOff(self, id, now, pauseMillis)
  const isLogged = batch?.isLogged === true || self.failing.has(counters)
  if (batch !== undefined) batch.isLogged = true
  const details = { about: { id, key }, cause: exit.cause }
  if (pauseMillis <= 0 || isLogged) return Log.debug(self, message, details)
  self.failing.add(counters)
  const name = infoOf(key)?.name
  const alike = name === undefined ? "a string key" : `"${name}"`
  Log.warning(
    self,
    `${message}. Until a load of ${alike} succeeds, the next failures are logged at debug level`,
    details
  )
}
