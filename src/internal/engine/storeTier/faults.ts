/** Faults of the store and the serializer: counted, emitted as events, and logged once per incident. */
import * as Cause from "effect/Cause"
import type { Stored } from "../../../CacheEntry.ts"
import { SerializerError, StoreError } from "../../../CacheError.ts"
import { isDistrusted } from "../../codec/distrusted.ts"
import { idOf, type Key } from "../../key/ofKey.ts"
import { isKeptOut } from "../../store/tooLarge.ts"
import { monotonicNow } from "../../time/monotonic.ts"
import * as TagEpochs from "../memory/tagEpochs.ts"
import * as Incident from "../telemetry/incident.ts"
import * as Log from "../telemetry/log.ts"
import { tellStoreFailure } from "../telemetry/tell.ts"
import { distanceOf, type Fault, type Fetched, Rejected, type StoreTier } from "./storeTier.ts"

export const isFault = (answer: unknown): answer is Fault =>
  answer instanceof StoreError || answer instanceof SerializerError

/** The fault for which a strict read fails. */
export const strictFault = (found: Fetched | Fault): Fault | undefined =>
  isFault(found) ? found : found instanceof Rejected ? found.fault : undefined

/** Counts a fault, and logs the first fault of an incident unless an earlier incident was logged recently. */
export const noteFault = (tier: StoreTier, operation: string, fault: StoreError): StoreError => {
  if (isOfCaller(operation, fault) || isKeptOut(fault)) return fault
  tellStoreFailure(tier.front, operation, fault.reason)
  // Not an incident: the caller gets the error, and a slow listing or damaged counter says nothing about the store.
  if (fault.reason === "Timeout" && isListing(operation) || fault.reason === "Corrupt" && ofCounter.has(operation)) {
    return fault
  }
  const kept = keptInMemory(operation, fault)
  if (kept !== undefined) {
    // Not an incident: the store works and only refuses this value.
    Log.warnOnce(tier.front, fault.reason, `${fault.message}. ${kept} (logged once)`, { fault })
    return fault
  }
  // Always on the layer's clock: the reader of the fault and the one of the answer may have different clocks.
  if (Incident.failed(tier.incident, operation, fault.reason, monotonicNow(tier.front))) {
    Log.warning(
      tier.front,
      `${fault.message}. Until it answers, the cache works without it${fault.reason === "Timeout" ? advice(tier) : ""}`,
      { fault }
    )
  }
  return fault
}

/** Whether the caller caused the fault and receives it: a sum out of range, a transaction too large or unsupported. */
const isOfCaller = (operation: string, { reason }: StoreError): boolean =>
  reason === "OutOfRange" || operation === "transact" && (reason === "TooLarge" || reason === "Unsupported")

/** Whether an operation takes longer the more entries there are. Its timeout does not mean that the store is slow. */
export const isListing = (operation: string): boolean => listings.has(operation)

const ofCounter = new Set(["increment", "counter", "touchCounter"])

const listings = new Set(["size", "scan", "scanLoads", "scanCounters"])

export const isRefusal = (operation: string, fault: Fault): boolean =>
  fault instanceof StoreError && (fault.reason === "Full" || keptInMemory(operation, fault) !== undefined)

/** Describes for the log how a refused value is handled. `undefined` for faults that are not refusals. */
const keptInMemory = (operation: string, { reason }: StoreError): string | undefined => {
  if (reason === "TooLarge") return "Values of that size stay in memory: raise the limit, or store less"
  return reason === "Unsupported" && (operation === "commit" || operation === "set")
    ? "Such values stay in memory"
    : undefined
}

const advice = (tier: StoreTier): string => {
  const distance = distanceOf(tier)
  const shortest = Math.ceil(questions * distance / 100) * 100
  return questions * distance > tier.storeTimeoutMillis
    ? `: it takes ${Math.round(distance)} ms to answer, so set \`storeTimeout\` to ${shortest} ms or more`
    : ": if it is only slow, raise `storeTimeout`, which all its steps in one read share"
}

/** The round trips to allow for: three by a load whose tags become known after it, and one for the server's work. */
const questions = 4

export const recovered = (tier: StoreTier, operation: string): void => {
  const { front, incident, store } = tier
  if (incident.failing.size === 0) return
  // Results derived from memory during the failure may lack a change that the store could not report.
  TagEpochs.unverifiedEnded(front.tagEpochs)
  // Although one server of the store has answered, another may still be down.
  if (store.isWhole?.() === false) return
  const length = Incident.answered(incident, operation, monotonicNow(tier.front))
  if (length !== undefined) Log.info(front, `The store "${store.name}" answers again after ${length}`)
}

/** Counts a damaged stored entry as a miss. Logged once, because damage is rarely limited to one entry. */
export const damaged = (tier: StoreTier, key: Key, id: string): undefined => {
  tellStoreFailure(tier.front, "get", "Corrupt")
  const message =
    `The entry "${id}" in the store "${tier.store.name}" is damaged: it counts as a miss, and the next load replaces it (logged once)`
  Log.warnOnce(tier.front, "damage", message, { about: { id, key } })
  return undefined
}

/** Warns of a stored entry that its codec cannot decode. The entry counts as a miss. */
export const undecodable = (
  tier: StoreTier,
  key: Key,
  stored: Stored,
  cause: Cause.Cause<unknown>
): Rejected => {
  const id = idOf(key)
  const error = Cause.squash(cause)
  const { writeId } = stored.meta
  const why = error instanceof SerializerError ? ` (${error.reason})` : ""
  noteMisfit(
    tier,
    key,
    new SerializerError({
      serializer: tier.serializer.name,
      operation: "decode",
      reason: `the stored entry "${id}" counts as a miss, and the next load replaces it${why}`,
      cause: error
    })
  )
  if (!(error instanceof SerializerError && isDistrusted(error))) return new Rejected(writeId)
  const { operation, serializer } = error
  const reason = `the stored entry "${id}" is refused${why}`
  return new Rejected(writeId, false, new SerializerError({ serializer, operation, reason }))
}

export const noteRefused = (tier: StoreTier, fault: SerializerError): SerializerError => {
  tellStoreFailure(tier.front, fault.operation, "Corrupt")
  return fault
}

/** Warns that a stream is not stored, because an element or a page of it cannot be encoded. */
export const noteUnstored = (tier: StoreTier, key: Key, cause: Cause.Cause<unknown>): void => {
  tellStoreFailure(tier.front, "encode", "Corrupt")
  const about: Log.About = { id: idOf(key), key }
  const error = Cause.squash(cause)
  const why = error instanceof SerializerError ? error.message : `The serializer "${tier.serializer.name}" failed`
  const topic = `stream ${Log.topicOf(about, why.replace(unlikeIn, ""))}`
  const message = `The stream "${about.id}" is not stored. ${why} (logged once a key class or cause)`
  Log.warnOnce(tier.front, topic, message, { about })
}

/** Matches the parts that vary between messages with the same cause: ids, paths in values, counts. */
const unlikeIn = /".*"|\[.*\]|\d+/g

/** Counts a serializer fault, and logs the first per key class or cause. `failure`: the encoded failure's name. */
export const noteMisfit = (
  tier: StoreTier,
  key: Key,
  fault: SerializerError,
  failure?: string | undefined
): SerializerError => {
  tellStoreFailure(tier.front, fault.operation, "Corrupt")
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
