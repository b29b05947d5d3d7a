import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import { toMillis } from "../../Ttl.ts"
import { tokenUnsafe } from "../token.ts"
import { Entry } from "./entry.ts"
import { type Flight, land } from "./flight.ts"
import { giveBack } from "./giveBack.ts"
import { tagsOfResult } from "./keys.ts"
import * as Log from "./log.ts"
import * as Memory from "./memory.ts"
import type { Engine } from "./model.ts"
import { drain, holdOff, refresh } from "./refresh.ts"
import * as Tags from "./tags.ts"
import { answer, retire } from "./waiting.ts"

/** A flight's fiber has ended: its result goes into memory if it may, and to all who wait. */
export const arrive = (self: Engine, flight: Flight, exit: Exit.Exit<unknown, unknown>): void => {
  const now = Context.get(flight.context, Clock.Clock).currentTimeMillisUnsafe()
  flight.exit = exit
  flight.limit?.interruptUnsafe()
  self.running.delete(flight)
  retire(self, flight)
  giveBack(self, flight)
  if (self.backend === undefined) flight.entry = settle(self, flight, exit, now)
  publish(self, flight)
  if (!flight.served) note(self, flight, exit, now)
  if (self.refreshing.running.delete(flight)) drain(self)
  if (flight.due && flight.publishes && flight.policy.writes) {
    refresh(self, { context: flight.context, request: flight.request, id: flight.id, entry: flight.entry!, now })
  }
  if (self.running.size === 0) self.onIdle?.()
  land(self.loops, flight, (waiter) => answer(self, waiter, now))
}

/**
 * What a load's outcome becomes, `undefined` where it is not to be stored: the strategy says so, it is a defect or an
 * interruption, or a function of the user's threw or gave nonsense.
 */
export const settle = (
  self: Engine,
  flight: Flight,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): Entry | undefined => {
  if (Exit.isFailure(exit) && (!isCacheable(exit.cause) || hasGoodValue(self, flight, now))) return undefined
  const { key, strategy } = flight.request
  try {
    const lifetime = strategy.lifetime(exit, key)
    if (lifetime === "skip" || lifetime.ttl <= 0) return undefined
    if (Number.isNaN(lifetime.ttl) || Number.isNaN(lifetime.softTtl)) throw new Error("the lifetime is NaN")
    const random = Context.get(flight.context, Random.Random)
    const share = strategy.jitter === undefined ? 1 : 1 - strategy.jitter * random.nextDoubleUnsafe()
    return new Entry({
      id: flight.id,
      exit,
      createdAt: now,
      softExpiresAt: now + Math.min(lifetime.softTtl, lifetime.ttl) * share,
      expiresAt: now + lifetime.ttl * share,
      loadMillis: now - flight.startedAt,
      tags: tagsOfResult(flight.request, exit),
      bornAt: flight.bornAt,
      writeId: self.backend === undefined ? undefined : tokenUnsafe(random, 16)
    })
  } catch (error) {
    self.stats.notStored++
    Log.warning(self, `The result for "${flight.id}" is not cached: its strategy or tags failed`, Cause.die(error))
    return undefined
  }
}

const isCacheable = (cause: Cause.Cause<unknown>): boolean => cause.reasons.length === 1 && Cause.hasFails(cause)

/** a failure never takes the place of a value that may be served still */
const hasGoodValue = (self: Engine, flight: Flight, now: number): boolean =>
  now < flight.goodUntil ||
  [flight.stale, Memory.peek(self.memory, self.tags, flight.id)].some((entry) =>
    entry?.outcome === "success" && now < entry.expiresAt &&
    !Tags.changedSince(self.tags, entry.tags, entry.bornAt)
  )

const publish = (self: Engine, flight: Flight): void => {
  const { entry } = flight
  if (entry === undefined || !flight.policy.writes || self.closed) return
  if (flight.served && flight.outdated) return
  if (!flight.publishes || Tags.changedSince(self.tags, entry.tags, entry.bornAt)) {
    self.stats.refused++
    return
  }
  // what the store had proves nothing about loads
  if (!flight.served) self.retryAt.delete(flight.id)
  Memory.put(self.memory, entry)
}

/** a failure where a stale value was at hand: counted, said, and not tried again for a while */
const note = (self: Engine, flight: Flight, exit: Exit.Exit<unknown, unknown>, now: number): void => {
  if (Exit.isSuccess(exit)) return
  const interrupted = Cause.hasInterrupts(exit.cause)
  if (interrupted && !flight.overdue) return
  self.stats.loadFailures++
  if ((flight.stale === undefined && !flight.refresh) || !flight.publishes && !flight.overdue) return
  const input = flight.request.options.retryAfter ?? flight.request.strategy.retryAfter ?? 5000
  const pauseMillis = toMillis(input, "retryAfter")
  const what = flight.refresh
    ? `The refresh of "${flight.id}" ${flight.overdue ? "took too long" : "failed"}; the stale value stays`
    : `The load of "${flight.id}" failed; a stale value may be served`
  if (pauseMillis > 0) {
    holdOff(self, flight.id, now + pauseMillis)
    Log.warning(self, what, exit.cause)
  } else {
    Log.debug(self, what, exit.cause)
  }
}
