/** Makes the result of a load: its outcome, and the entry to store. */
import { land } from "#platform/engine/derived/dependencies"
import { warnOfLifetime, warnOfValue } from "#platform/engine/request/unfit"
import * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type { Lifetime } from "../../../Strategy.ts"
import { toMillis } from "../../../Ttl.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import { Entry } from "../memory/entry.ts"
import * as Memory from "../memory/memory.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { isCacheable } from "../request/answers.ts"
import { copyOf } from "../request/copy.ts"
import { decideAt } from "../request/decide.ts"
import { inherited } from "../request/inherit.ts"
import { tagsOfResult } from "../request/requestTags.ts"
import { answerOrDefect, lifetimeOf, notStored, optionOf, rulesOf } from "../request/rules.ts"
import type { Flight, Flights } from "../state.ts"
import { tellRefused } from "../telemetry/tell.ts"
import { isOrphaned } from "./takeOver.ts"

/** Whether the load declared that the previous value is still valid. Such a load interrupts itself. */
export const isRenewed = (flight: Flight): boolean => flight.attempt.renewed && !flight.abandoned

export const exitOf = (flight: Flight, exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> =>
  isRenewed(flight) ? flight.attempt.previous!.exit : exit

/**
 * Makes the entry to store. Returns `undefined` for a defect, an interruption, a failure that must not replace a good
 * value, an outcome that the strategy, `minLoad` or `inherit` refuses, a stale input or a user's function that throws.
 */
export const toEntry = (
  self: Flights,
  flight: Flight,
  exit: Exit.Exit<unknown, unknown>,
  now: number
): Entry | undefined => {
  if (Exit.isFailure(exit) && (!isCacheable(exit.cause) || hasGoodValue(self, flight, now))) return undefined
  if (isOrphaned(self, flight, exit, now)) return undefined
  try {
    return entryOf(self, flight, exit, flight.attempt.endedAt ?? now)
  } catch (thrown) {
    const { counters, id, request: { key } } = flight
    return notStored(self, { id, key, counters }, thrown)
  }
}

const entryOf = (self: Flights, flight: Flight, exit: Exit.Exit<unknown, unknown>, now: number): Entry | undefined => {
  const { counters, id, request } = flight
  const lifetime = annotated(flight, lifetimeOf(request, exit))
  if (lifetime === "skip" || lifetime.ttl <= 0 || isTooQuick(self, flight, now)) return undefined
  const { annotations, dependencies, fromStale, previous, recorder, renewed } = flight.attempt
  if (fromStale) return tellRefused(self, flight, "stale")
  const share = shareOf(self, flight)
  const isCut = lifetime.softTtl > lifetime.ttl && !request.slides
  if (isCut) warnOfLifetime(self, request, lifetime)
  const softExpiresAt = now + (isCut ? lifetime.ttl : lifetime.softTtl) * share
  const expiresAt = now + lifetime.ttl * share
  const life = recorder && inherited(flight, recorder, { createdAt: now, softExpiresAt, expiresAt })
  if (life === "skip") return tellRefused(self, flight, "inherit")
  const tags = tagsOf(self, flight, exit)
  const landing = dependencies && land(dependencies, flight, tags)
  if (dependencies !== undefined && landing === undefined) return tellRefused(self, flight, "dependency")
  warnOfValue(self, request, exit)
  return new Entry({
    id,
    exit: kept(self, flight, exit),
    createdAt: life?.createdAt ?? now,
    softExpiresAt: landing?.isSoftened === true ? -Infinity : life?.softExpiresAt ?? softExpiresAt,
    expiresAt: life?.expiresAt ?? expiresAt,
    loadMillis: loadMillisOf(flight, now),
    tags: landing?.tags ?? tags,
    bornAt: landing?.bornAt ?? flight.bornAt,
    writeId: self.storeTier === undefined ? undefined : self.tokens.next(16),
    etag: annotations?.etag ?? (renewed ? previous!.etag : undefined),
    // A reader with another constant lifetime can move this entry's deadlines (`adopt`). An entry that has inherited an
    // age has no constant, because its soft and hard deadlines count from different times.
    constant: annotations?.ttl === undefined && annotations?.softTtl === undefined && (life?.createdAt ?? now) === now
      ? request.constant
      : undefined,
    endsWithParts: life?.endsWithParts,
    counters,
    time: self.time
  })
}

/** The outcome to store. With `copy`, this is a separate copy, because user code may later change the loaded value. */
const kept = (self: Flights, flight: Flight, exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> => {
  const { attempt: { renewed }, policy, request } = flight
  const copy = optionOf(self, request, "copy")
  // A renewed value was copied when it was first stored.
  return copy === undefined || renewed || !policy.writes ? exit : Exit.map(exit, copyOf(copy, request.key))
}

const shareOf = (self: Flights, { request, starter }: Flight): number => {
  const { jitter } = rulesOf(self, request)
  return jitter === 0 ? 1 : 1 - jitter * Context.get(starter.context, Random.Random).nextDoubleUnsafe()
}

/** The load's duration. The wall clock, which tells when the load ended, may have been set meanwhile. */
export const loadMillisOf = ({ attempt: { beganAt, startedAt = Infinity }, starter }: Flight, now: number): number =>
  Math.max(0, Math.min(now - startedAt, monotonicMillis(starter.clock) - beganAt))

/** The lifetime declared inside the load, or else the strategy's lifetime. `"skip"` if the result is not stored. */
const annotated = ({ attempt: { annotations }, request }: Flight, lifetime: Lifetime | "skip"): Lifetime | "skip" => {
  if (lifetime === "skip" || annotations === undefined) return lifetime
  const ttl = annotations.ttl === undefined ? undefined : toMillis(annotations.ttl)
  // For a sliding entry, the soft deadline is the final expiry, which reads cannot extend.
  if (request.slides) return ttl === undefined ? lifetime : { softTtl: ttl, ttl: Math.min(lifetime.ttl, ttl) }
  // A strategy without a soft deadline adds none to the declared lifetime.
  const soft = lifetime.softTtl < lifetime.ttl ? lifetime.softTtl : Infinity
  const softTtl = annotations.softTtl === undefined ? soft : Math.max(0, toMillis(annotations.softTtl, "softTtl"))
  return { softTtl: Math.min(softTtl, ttl ?? lifetime.ttl), ttl: ttl ?? lifetime.ttl }
}

const isTooQuick = (self: Flights, flight: Flight, now: number): boolean => {
  const { minLoadMillis } = rulesOf(self, flight.request)
  return minLoadMillis !== undefined && !flight.attempt.renewed && loadMillisOf(flight, now) <= minLoadMillis
}

/** The tags of a result. A value that is declared still valid keeps its tags, unless the load declares others. */
const tagsOf = (
  self: Flights,
  { attempt: { annotations, previous, renewed }, request }: Flight,
  exit: Exit.Exit<unknown, unknown>
): ReadonlyArray<string> => {
  const tags = tagsOfResult(self, request, exit)
  const more = annotations?.tags ?? (renewed ? previous!.tags : undefined)
  return more === undefined ? tags : Array.from(new Set([...tags, ...more]))
}

/**
 * Whether memory or the store has a value that may still be served, so that a failure must not replace it. A failure
 * that is stored is an answer, so the flight's stale value, if it may serve only as a fallback, is not served again.
 */
export const hasGoodValue = (self: Flights, flight: Flight, now: number): boolean =>
  now < flight.protectedUntil ||
  [flight.stale, Memory.peek(self.memory, self.tagEpochs, flight.id)].some((entry) =>
    entry?.outcome === "success" && now < entry.expiresAt &&
    !TagEpochs.changedSince(self.tagEpochs, entry.tags, entry.checkedAt) &&
    (flight.stale === undefined || now < entry.softExpiresAt ||
      answerOrDefect(() => decideAt(flight.request, entry, now, () => 0)) !== "LoadOrStale")
  )
