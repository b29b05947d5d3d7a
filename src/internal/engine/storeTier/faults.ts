/** Faults of the store and the serializer: counted, emitted as events, and logged once an incident. */
import * as Dependents from "#platform/engine/memory/dependents"
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import type { Stored } from "../../../CacheEntry.ts"
import { SerializerError, StoreError } from "../../../CacheError.ts"
import { incidentMillis } from "../../defaults/bounds.ts"
import { idOf, type Key } from "../../key/ofKey.ts"
import { unverified } from "../../store/markers/idTags.ts"
import { isKeptOut } from "../../store/tooLarge.ts"
import { monotonicMillis } from "../../time/monotonic.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import { emit } from "../telemetry/events.ts"
import * as Log from "../telemetry/log.ts"
import { type Fault, Rejected, type StoreTier } from "./storeTier.ts"

export const isFault = (answer: unknown): answer is Fault =>
  answer instanceof StoreError || answer instanceof SerializerError

/**
 * Counts a fault, and logs the first one of an incident. Incidents that follow one another at once, as where a store is too
 * slow for some of what it is asked, are logged now and then.
 */
export const noteFault = (tier: StoreTier, operation: string, fault: StoreError, clock: Clock.Clock): StoreError => {
  const { failing, incident } = tier
  if (isOfCaller(operation, fault) || isKeptOut(fault)) return fault
  tier.front.stats.storeFailures++
  emit(tier.front, { _tag: "StoreFailure", operation, reason: fault.reason })
  // its caller gets the error, and all else goes on
  if (fault.reason === "Timeout" && isListing(operation)) return fault
  const kept = keptInMemory(operation, fault)
  if (kept !== undefined) {
    // the fault of one value: the store itself works
    Log.warnOnce(tier.front, fault.reason, `${fault.message}. ${kept} (logged once)`)
    return fault
  }
  failing.add(operation)
  const now = monotonicMillis(clock)
  // what was away may be back, and refuse: that somebody has to mend
  const isNews = incident.isLogged
    ? fault.reason === "Denied" && incident.reason !== "Denied"
    : now - incident.loggedAt >= incidentMillis
  if (isNews) {
    incident.isLogged = true
    incident.loggedAt = now
    incident.reason = fault.reason
    Log.warning(
      tier.front,
      `${fault.message}. Until it answers, the cache works without it${fault.reason === "Timeout" ? advice : ""}`
    )
  }
  return fault
}

/** No fault of the store: the caller gave a sum out of range, or what is no transaction there, and gets the error. */
const isOfCaller = (operation: string, { reason }: StoreError): boolean =>
  reason === "OutOfRange" || operation === "transact" && (reason === "TooLarge" || reason === "Unsupported")

/** Whether an operation takes longer the more there is: that it is late says nothing of the store. */
export const isListing = (operation: string): boolean => listings.has(operation)

const listings = new Set(["size", "scan", "scanCounters"])

/** Whether a store that works has not taken a value. */
export const isRefusal = (operation: string, fault: Fault): boolean =>
  fault instanceof StoreError && (fault.reason === "Full" || keptInMemory(operation, fault) !== undefined)

/** Says which values stay in memory, because the store works and does not take them. */
const keptInMemory = (operation: string, { reason }: StoreError): string | undefined => {
  if (reason === "TooLarge") return "Values of that size stay in memory: raise the limit, or store less"
  return reason === "Unsupported" && (operation === "commit" || operation === "set")
    ? "Such values stay in memory"
    : undefined
}

const advice = ": if it is only slow, raise `storeTimeout`, which all its steps in one read share"

/** An operation has succeeded: the last failed one to do so ends the incident. */
export const recovered = (tier: StoreTier, operation: string): void => {
  const { failing, incident, store } = tier
  // operations on the servers that answer say nothing of the one that does not
  if (failing.size === 0) return
  // what was made meanwhile of copies in memory may be of before a change that nobody has told
  const { memory: { dependents }, tagEpochs } = tier.front
  if (Dependents.has(dependents, unverified)) TagEpochs.invalidate(tagEpochs, [unverified])
  if (store.isWhole?.() === false) return
  if (!failing.delete(operation) || failing.size > 0 || !incident.isLogged) return
  incident.isLogged = false
  Log.info(tier.front, `The store "${store.name}" answers again`)
}

/** A stored entry is damaged: a miss, logged once, because where one is there are often more. */
export const damaged = (tier: StoreTier, key: Key, id: string): undefined => {
  noteCorrupt(tier, "get")
  const message =
    `The entry "${id}" in the store "${tier.store.name}" is damaged: it counts as a miss, and the next load replaces it (logged once)`
  Log.warnOnce(tier.front, "damage", message, { about: { id, key } })
  return undefined
}

const noteCorrupt = (tier: StoreTier, operation: string): void => {
  tier.front.stats.storeFailures++
  emit(tier.front, { _tag: "StoreFailure", operation, reason: "Corrupt" })
}

/** The codec cannot decode a stored entry: a miss, logged. */
export const undecodable = (
  tier: StoreTier,
  key: Key,
  stored: Stored,
  cause: Cause.Cause<unknown>
): Rejected => {
  const id = idOf(key)
  noteMisfit(
    tier,
    key,
    new SerializerError({
      serializer: tier.serializer.name,
      operation: "decode",
      reason: `the stored entry "${id}" counts as a miss, and the next load replaces it`,
      cause: Cause.squash(cause)
    })
  )
  return new Rejected(stored.meta.writeId)
}

/** The parts that differ between reasons with one cause: ids, places in values, counts. */
const unlikeIn = /".*"|\[.*\]|\d+/g

/**
 * Counts a fault of the serializer, and logs the first one of a key class, or of a cause where keys are strings: the next ones are alike.
 * `failure` is what a stored failure is called.
 */
export const noteMisfit = (
  tier: StoreTier,
  key: Key,
  fault: SerializerError,
  failure?: string | undefined
): SerializerError => {
  noteCorrupt(tier, fault.operation)
  const about: Log.About = { id: idOf(key), key }
  const message = fault.operation === "encode"
    ? `The ${failure === undefined ? "value" : `failure ${failure}`} of "${about.id}" stays in memory and is not ` +
      `stored. ${fault.message}` +
      (failure === undefined ? "" : ". Add the failure to the `error` of the key class, or leave it out in `when`")
    : fault.message
  const topic = `${fault.operation} ${failure} ${Log.topicOf(about, fault.reason.replace(unlikeIn, ""))}`
  Log.warnOnce(tier.front, topic, `${message} (logged once a key class or cause)`, { about })
  return fault
}
