/** The end of a flight: makes an entry of its outcome, puts that in memory, and answers the callers. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type { Lifetime } from "../../../Strategy.ts"
import { toMillis } from "../../../Ttl.ts"
import { retryAfterMillis } from "../../defaults.ts"
import { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { emitOf, outcomeOf as wordOf } from "../telemetry/events.ts"
import * as Log from "../telemetry/log.ts"
import { respond, unregister } from "./callers.ts"
import { type Flight, isBeforeClear } from "./flight.ts"
import type { Flights } from "./flights.ts"
import { resumeAll } from "./loops.ts"
import { refresh } from "./refresh.ts"
import { makeRoom } from "./refreshQueue.ts"
import { releaseLease } from "./releaseLease.ts"
import type { Request } from "./request.ts"
import { tagsOfResult } from "./requestTags.ts"
import { holdOff } from "./throttle.ts"

/** Whether the load ended by declaring the previous value still valid. Such a load interrupts itself. */
export const isRenewed = (flight: Flight): boolean => flight.renewed && !flight.abandoned

/** The outcome of a load: its own exit, or the previous value's where the load declared that still valid. */
export const exitOf = (flight: Flight, exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> =>
  isRenewed(flight) ? flight.previous!.exit : exit

/** Ends a flight when its fiber has ended: its entry enters memory if it may, and every caller is answered. */
export const complete = (self: Flights, flight: Flight, exit: Exit.Exit<unknown, unknown>): void => {
  const now = Context.get(flight.context, Clock.Clock).currentTimeMillisUnsafe()
  flight.exit = exitOf(flight, exit)
  flight.ended = true
  flight.unattendedLimit?.interruptUnsafe()
  self.running.delete(flight)
  flight.request.batch?.dropOut(flight)
  unregister(self, flight)
  releaseLease(flight)
  if (self.storeTier === undefined) flight.entry = toEntry(self, flight, flight.exit, now)
  publish(self, flight)
  if (!flight.served) reportFailure(self, flight, flight.exit, now)
  if (flight.isLoading) tellLoad(self, flight, exit, now)
  makeRoom(self, flight)
  if (flight.refreshDue && flight.storable && flight.policy.writes) {
    refresh(self, { context: flight.context, request: flight.request, id: flight.id, entry: flight.entry!, now })
  }
  if (self.running.size === 0) self.onIdle?.()
  resumeAll(self.loops, flight, (caller) => respond(self, caller, now))
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
  const { key, strategy } = flight.request
  try {
    const lifetime = annotated(flight, strategy.lifetime(exit, key))
    if (lifetime === "skip" || lifetime.ttl <= 0 || isTooQuick(flight, now)) return undefined
    if (Number.isNaN(lifetime.ttl) || Number.isNaN(lifetime.softTtl)) throw new Error("the lifetime is NaN")
    if (flight.derivedFromStale) return refuse(self, flight)
    const random = Context.get(flight.context, Random.Random)
    const share = strategy.jitter === undefined ? 1 : 1 - strategy.jitter * random.nextDoubleUnsafe()
    return new Entry({
      id: flight.id,
      exit,
      createdAt: now,
      softExpiresAt: now + lifetime.softTtl * share,
      expiresAt: now + lifetime.ttl * share,
      loadMillis: loadMillisOf(flight, now),
      tags: tagsOf(flight, exit),
      bornAt: flight.bornAt,
      writeId: self.storeTier === undefined ? undefined : self.tokens.next(16),
      etag: flight.annotations?.etag ?? (flight.renewed ? flight.previous!.etag : undefined),
      counters: flight.counters
    })
  } catch (error) {
    flight.counters.notStored++
    Log.warning(
      self,
      `The result of "${flight.id}" is not cached: its strategy or tags function threw (see the cause)`,
      {
        about: aboutOf(flight),
        cause: Cause.die(error)
      }
    )
    return undefined
  }
}

/** How long the load took. The clock may have been set back meanwhile. */
const loadMillisOf = ({ startedAt }: Flight, now: number): number => Math.max(0, now - startedAt)

/** The lifetime that the load set itself, where the strategy stores the result at all; else the strategy's. */
const annotated = (flight: Flight, lifetime: Lifetime | "skip"): Lifetime | "skip" => {
  const input = flight.annotations?.ttl
  if (lifetime === "skip" || input === undefined) return lifetime
  const ttl = toMillis(input)
  if (flight.request.slides) return { softTtl: ttl, ttl: Math.min(lifetime.ttl, ttl) }
  // no soft deadline of its own: the new one is the new end
  return { softTtl: lifetime.softTtl < lifetime.ttl ? Math.min(lifetime.softTtl, ttl) : ttl, ttl }
}

const isTooQuick = ({ renewed, request, startedAt }: Flight, now: number): boolean =>
  request.options.minLoad !== undefined && !renewed && now - startedAt <= toMillis(request.options.minLoad)

/** The tags of the result; a value declared still valid keeps its tags too. */
const tagsOf = ({ annotations, previous, renewed, request }: Flight, exit: Exit.Exit<unknown, unknown>) => {
  const tags = tagsOfResult(request, exit)
  const more = annotations?.tags ?? (renewed ? previous!.tags : undefined)
  return more === undefined ? tags : Array.from(new Set([...tags, ...more]))
}

const refuse = (self: Flights, flight: Flight): undefined => {
  flight.counters.refused++
  emitOf(self, flight.request.key, flight.id, { _tag: "Refused" })
}

const isCacheable = (cause: Cause.Cause<unknown>): boolean => cause.reasons.length === 1 && Cause.hasFails(cause)

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
  if (!flight.served && isBeforeClear(self, flight)) return
  if (TagEpochs.softenedSince(self.tagEpochs, entry.tags, entry.checkedAt)) entry.softExpiresAt = -Infinity
  // only a load shows that loading works again
  if (!flight.served) self.retryAt.delete(flight.id)
  putInMemory(self, flight.request, entry, Context.get(flight.context, Clock.Clock).currentTimeMillisUnsafe())
}

/** Puts an entry in memory, for `memoryTtl` at most; after that the store is asked again. */
export const putInMemory = (self: Flights, request: Request, entry: Entry, now: number): void => {
  const { memoryTtl } = request.options
  if (memoryTtl === undefined || self.storeTier === undefined) return Memory.put(self.memory, entry)
  const millis = toMillis(memoryTtl)
  if (millis <= 0) return void Memory.remove(self.memory, entry.id, "replaced")
  entry.memoryExpiresAt = now + millis
  Memory.put(self.memory, entry)
}

const aboutOf = ({ id, request: { key } }: Flight): Log.About => ({ id, key })

const tellLoad = (self: Flights, flight: Flight, exit: Exit.Exit<unknown, unknown>, now: number): void =>
  emitOf(self, flight.request.key, flight.id, {
    _tag: "Load",
    outcome: isRenewed(flight) ? "notModified" : wordOf(exit),
    refresh: flight.refresh,
    // the load alone, without the write to the store
    millis: flight.entry?.loadMillis ?? loadMillisOf(flight, now)
  })

/** Counts a failed load. Where there is a stale value: logs the failure, and throttles the id for `retryAfter`. */
const reportFailure = (self: Flights, flight: Flight, exit: Exit.Exit<unknown, unknown>, now: number): void => {
  if (Exit.isSuccess(exit)) return
  const interrupted = Cause.hasInterrupts(exit.cause)
  if (interrupted && !flight.timedOutUnattended) return
  // the failure of a leader in another process is counted there
  if (flight.isLoading) flight.counters.loadFailures++
  if ((flight.stale === undefined && !flight.refresh) || !flight.storable && !flight.timedOutUnattended) return
  const input = flight.request.options.retryAfter ?? flight.request.strategy.retryAfter ?? retryAfterMillis
  const pauseMillis = toMillis(input, "retryAfter")
  const message = flight.refresh
    ? `The refresh of "${flight.id}" ${flight.timedOutUnattended ? "took too long" : "failed"}; the stale value stays`
    : `The load of "${flight.id}" failed; a stale value may be served`
  if (pauseMillis > 0) holdOff(self, flight.id, now, pauseMillis)
  const { batch } = flight.request
  const isLogged = batch?.isLogged === true
  if (batch !== undefined) batch.isLogged = true
  if (pauseMillis > 0 && !isLogged) {
    Log.warning(self, message, { about: aboutOf(flight), cause: exit.cause })
  } else {
    Log.debug(self, message, { about: aboutOf(flight), cause: exit.cause })
  }
}
