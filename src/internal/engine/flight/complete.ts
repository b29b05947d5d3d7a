/** The end of a flight: what becomes of the outcome of its load. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type { Lifetime } from "../../../Strategy.ts"
import { toMillis } from "../../../Ttl.ts"
import { retryAfterMillis } from "../../defaults.ts"
import { tokenUnsafe } from "../../token.ts"
import { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { outcomeOf as wordOf, tell } from "../telemetry/events.ts"
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

/** Its load has kept the value it was to replace. What ends such a load is an interruption of its own. */
export const isRenewed = (flight: Flight): boolean => flight.renewed && !flight.abandoned

/** What a load has brought: the value it was to replace, where it has found that to be still right. */
export const outcomeOf = (flight: Flight, exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> =>
  isRenewed(flight) ? flight.previous!.exit : exit

/** A flight's fiber has ended: its result goes into memory if it may, and to all who wait. */
export const complete = (self: Flights, flight: Flight, exit: Exit.Exit<unknown, unknown>): void => {
  const now = Context.get(flight.context, Clock.Clock).currentTimeMillisUnsafe()
  flight.exit = outcomeOf(flight, exit)
  flight.ended = true
  flight.unattendedLimit?.interruptUnsafe()
  self.running.delete(flight)
  flight.request.batch?.leave(flight)
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
  resumeAll(self.loops, flight, (waiter) => respond(self, waiter, now))
}

/**
 * What a load's outcome becomes, `undefined` where it is not to be stored: the strategy says so, it is a defect or an
 * interruption, or a function of the user's threw or gave nonsense.
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
      loadMillis: now - flight.startedAt,
      tags: tagsOf(flight, exit),
      bornAt: flight.bornAt,
      writeId: self.storeTier === undefined ? undefined : tokenUnsafe(random, 16),
      etag: flight.annotations?.etag ?? (flight.renewed ? flight.previous!.etag : undefined),
      counters: flight.counters
    })
  } catch (error) {
    flight.counters.notStored++
    Log.warning(self, `The result for "${flight.id}" is not cached: its strategy or tags failed`, {
      about: aboutOf(flight),
      cause: Cause.die(error)
    })
    return undefined
  }
}

/** what a load has said of its lifetime goes before what its strategy says, where that stores it at all */
const annotated = (flight: Flight, lifetime: Lifetime | "skip"): Lifetime | "skip" => {
  const input = flight.annotations?.ttl
  if (lifetime === "skip" || input === undefined) return lifetime
  const ttl = toMillis(input)
  if (flight.request.slides) return { softTtl: ttl, ttl: Math.min(lifetime.ttl, ttl) }
  // without a soft deadline of its own it has none before the new end either
  return { softTtl: lifetime.softTtl < lifetime.ttl ? Math.min(lifetime.softTtl, ttl) : ttl, ttl }
}

const isTooQuick = ({ renewed, request, startedAt }: Flight, now: number): boolean =>
  request.options.minLoad !== undefined && !renewed && now - startedAt <= toMillis(request.options.minLoad)

/** a value that is still right keeps the tags it has */
const tagsOf = ({ annotations, previous, renewed, request }: Flight, exit: Exit.Exit<unknown, unknown>) => {
  const tags = tagsOfResult(request, exit)
  const more = annotations?.tags ?? (renewed ? previous!.tags : undefined)
  return more === undefined ? tags : Array.from(new Set([...tags, ...more]))
}

const refuse = (self: Flights, flight: Flight): undefined => {
  flight.counters.refused++
  tell(self, flight.request.key, flight.id, { _tag: "Refused" })
}

const isCacheable = (cause: Cause.Cause<unknown>): boolean => cause.reasons.length === 1 && Cause.hasFails(cause)

/** a failure never takes the place of a value that may be served still */
const hasGoodValue = (self: Flights, flight: Flight, now: number): boolean =>
  now < flight.protectedUntil ||
  [flight.stale, Memory.peek(self.memory, self.tagEpochs, flight.id)].some((entry) =>
    entry?.outcome === "success" && now < entry.expiresAt &&
    !TagEpochs.changedSince(self.tagEpochs, entry.tags, entry.checkedAt)
  )

const publish = (self: Flights, flight: Flight): void => {
  const { entry } = flight
  if (entry === undefined || !flight.policy.writes || self.closed) return
  // the store has it, as it is now
  if (flight.changedWhileAsked) return
  if (!flight.storable || TagEpochs.changedSince(self.tagEpochs, entry.tags, entry.checkedAt)) {
    return refuse(self, flight)
  }
  // what is in memory since before all there was given up would stay for longer than the bound
  if (!flight.served && isBeforeClear(self, flight)) return
  if (TagEpochs.softenedSince(self.tagEpochs, entry.tags, entry.checkedAt)) entry.softExpiresAt = -Infinity
  // what the store had proves nothing about loads
  if (!flight.served) self.retryAt.delete(flight.id)
  putInMemory(self, flight.request, entry, Context.get(flight.context, Clock.Clock).currentTimeMillisUnsafe())
}

/** Into memory, which may have to ask the store beneath again before the entry ends. */
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
  tell(self, flight.request.key, flight.id, {
    _tag: "Load",
    outcome: isRenewed(flight) ? "notModified" : wordOf(exit),
    refresh: flight.refresh,
    // without what the store has taken to put it away
    millis: flight.entry?.loadMillis ?? now - flight.startedAt
  })

/** a failure where a stale value was at hand: counted, said, and not tried again for a while */
const reportFailure = (self: Flights, flight: Flight, exit: Exit.Exit<unknown, unknown>, now: number): void => {
  if (Exit.isSuccess(exit)) return
  const interrupted = Cause.hasInterrupts(exit.cause)
  if (interrupted && !flight.timedOutUnattended) return
  // another process's, of which this one was told, is counted there
  if (flight.isLoading) flight.counters.loadFailures++
  if ((flight.stale === undefined && !flight.refresh) || !flight.storable && !flight.timedOutUnattended) return
  const input = flight.request.options.retryAfter ?? flight.request.strategy.retryAfter ?? retryAfterMillis
  const pauseMillis = toMillis(input, "retryAfter")
  const what = flight.refresh
    ? `The refresh of "${flight.id}" ${flight.timedOutUnattended ? "took too long" : "failed"}; the stale value stays`
    : `The load of "${flight.id}" failed; a stale value may be served`
  if (pauseMillis > 0) holdOff(self, flight.id, now + pauseMillis)
  const { batch } = flight.request
  const isSaid = batch?.isNoted === true
  if (batch !== undefined) batch.isNoted = true
  if (pauseMillis > 0 && !isSaid) {
    Log.warning(self, what, { about: aboutOf(flight), cause: exit.cause })
  } else {
    Log.debug(self, what, { about: aboutOf(flight), cause: exit.cause })
  }
}
