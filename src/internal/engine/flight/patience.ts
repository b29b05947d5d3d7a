/**
 * Runs a load again once it has outlasted the patience of its readers, because one load that hangs would otherwise make
 * a busy key unusable: each new reader joins it. The flight stays, with its callers, lease and generation. No timer
 * looks for such loads: a reader that joins does, one that times out, and the limit of a refresh.
 */
import * as Exit from "effect/Exit"
import { LoadTimeout } from "../../../CacheError.ts"
import { knownDurations } from "../../defaults/bounds.ts"
import { infoOf } from "../../key/ofKey.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { declaredTags } from "../request/requestTags.ts"
import { isLimited, maxLoadOf, rulesOf } from "../request/rules.ts"
import type { Caller, Durations, Flight, Flights, Request } from "../state.ts"
import * as Log from "../telemetry/log.ts"
import { tellRestart } from "../telemetry/tell.ts"
import { fiberOf, isInterruptible, limitUnattended } from "./ending.ts"
import { servesStale } from "./outcome.ts"
import { mayStart, nextStarter, takeOver } from "./takeOver.ts"

export const makeDurations = (): Durations => ({ ofIds: new Map(), ofClasses: new WeakMap() })

/** Notes how long a load took that succeeded. A peak falls slowly, because a source that varies is soon slow again. */
export const noteDuration = (self: Flights, { counters, id }: Flight, millis: number): void => {
  const { ofClasses, ofIds } = self.durations
  if (counters !== self.stats) ofClasses.set(counters, lowered(ofClasses.get(counters), millis))
  const peak = lowered(ofIds.get(id), millis)
  // The id becomes the newest. Most loads that take no time need no place.
  ofIds.delete(id)
  if (peak < 1) return
  ofIds.set(id, peak)
  if (ofIds.size > knownDurations) ofIds.delete(ofIds.keys().next().value!)
}

const lowered = (peak = 0, millis: number): number => Math.max(millis, peak * 0.9)

/** How long a load of the id usually takes. String keys have no class in common that could tell for a new one. */
const usualMillis = ({ durations, stats }: Flights, { counters, id, stale }: Flight): number =>
  durations.ofIds.get(id) ?? stale?.loadMillis ??
    (counters === stats ? undefined : durations.ofClasses.get(counters)) ?? 0

/** How long a reader waits by its own options. */
const patienceOfReader = (self: Flights, request: Request): number =>
  (isLimited(self, request) ? rulesOf(self, request).patienceMillis : undefined) ??
    Math.min(request.strategy.patienceMillis ?? Infinity, maxLoadOf(self, request))

/** The patience of a flight, if a reader waits for `millis`. It doubles with each restart, up to `maxLoad`. */
const patienceFor = (self: Flights, flight: Flight, millis: number, restarts: number): number => {
  const least = Math.max(millis, 2 * usualMillis(self, flight))
  return Math.max(least, Math.min(maxLoadOf(self, flight.request), least * 2 ** restarts))
}

/** The outcome for readers whose patience is at its end. */
const late = Exit.fail(new LoadTimeout({ key: "", timeoutMillis: 0 })) as Exit.Failure<never, LoadTimeout>

/** For how long the attempt, or its interruption, has made no progress. */
const ageOf = ({ attempt, restartedAt, starter }: Flight): number =>
  monotonicMillis(starter.clock) - (restartedAt ?? attempt.aliveAt)

/** Whether a flight is older than the patience of `reader` and of all callers, so that its load must be run again. */
const isOutlasted = (self: Flights, flight: Flight, reader: Request | undefined, now: number): boolean => {
  const age = ageOf(flight)
  // The finalizers of an interrupted load have the patience that this load had.
  const restarts = flight.restartedAt === undefined ? flight.restarts : flight.restarts - 1
  const isPatient = (millis: number): boolean => age < patienceFor(self, flight, millis, restarts)
  if (flight.refresh || servesStale(self, flight, late, now)) return !isPatient(self.refreshing.timeoutMillis)
  if (reader !== undefined && isPatient(patienceOfReader(self, reader))) return false
  // P3: a hasty reader must not delay a patient one. The one found last is asked first: a flight may have thousands.
  const { callers, patient } = flight
  if (patient !== undefined && callers.has(patient) && isPatient(patienceOfReader(self, patient.request))) return false
  for (const caller of callers) {
    if (!isPatient(patienceOfReader(self, caller.request))) continue
    flight.patient = caller
    return false
  }
  return true
}

const canRestart = (self: Flights, flight: Flight): boolean => {
  const { attempt, bornAt, id, policy, request } = flight
  return !flight.abandoned && flight.storable && policy.writes && !attempt.renewed && !self.isPrivate &&
    !self.closed && self.flights.get(id) === flight &&
    (flight.restartedAt !== undefined || isInterruptible(fiberOf(flight))) &&
    !TagEpochs.movedSince(self.tagEpochs, declaredTags(self, request), bornAt)
}

/** Whether the load also answers others: the call of a batch has other keys, and a run of a stream other consumers. */
const answersOthers = ({ request: { batch, followed } }: Flight): boolean =>
  batch !== undefined || followed !== undefined

/**
 * Runs the load of a flight again if it has outlasted its readers, of which `reader` has just joined or timed out. The
 * next attempt starts once the interrupted one has ended. If that takes too long, it starts at once: finalizers load
 * nothing.
 */
export const restartIfOutlasted = (
  self: Flights,
  flight: Flight,
  reader: Request | undefined,
  now: number
): void => {
  if (flight.phase !== "Loading" || !isOutlasted(self, flight, reader, now) || !canRestart(self, flight)) return
  if (flight.restartedAt !== undefined) return self.work.again(self, flight)
  const { followed } = flight.request
  const by = followed !== undefined ? newestConsumer(self, flight) : nextStarter(self, flight)
  if (followed !== undefined && by === undefined) return
  const millis = Math.round(ageOf(flight))
  flight.restartedAt = monotonicMillis(flight.starter.clock)
  flight.restarts++
  // Noted first: a listener may end the flight, and the next attempt may end at once.
  noteRestart(self, flight, millis)
  if (flight.phase !== "Loading" || !canRestart(self, flight)) return void (flight.restartedAt = undefined)
  if (answersOthers(flight)) return takeOver(self, flight, by)
  if (flight.limit !== undefined) limitAgain(self, flight)
  flight.fiber!.interruptUnsafe()
}

const noteRestart = (self: Flights, flight: Flight, millis: number): void => {
  const { counters, id, request: { key } } = flight
  tellRestart(self, flight, millis)
  const message = `The load of "${id}" has not ended after ${millis} ms, and runs again`
  const details = { about: { id, key } }
  if (self.failing.has(counters)) return Log.debug(self, message, details)
  self.failing.add(counters)
  Log.warning(
    self,
    `${message}. If loads take this long, give them a longer timeout, refresh.timeout or maxLoad. Further restarts are ` +
      `logged at debug level until a load of ${infoOf(key)?.name ?? "string"} keys succeeds`,
    details
  )
}

const limitAgain = (self: Flights, flight: Flight): void => {
  flight.limit!.interruptUnsafe()
  flight.limit = undefined
  limitUnattended(self, flight)
}

/** The consumer whose run of a stream is next. Its newest one, because the old run is the channel of the oldest. */
const newestConsumer = (self: Flights, flight: Flight): Caller | undefined => {
  let next: Caller | undefined
  for (const caller of flight.callers) {
    if (caller.request !== flight.request && mayStart(self, caller)) next = caller
  }
  return next
}
