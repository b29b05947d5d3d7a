/** What goes wrong with a store: counted, told, and said once an incident. */
import * as Cause from "effect/Cause"
import type { Stored } from "../../../CacheEntry.ts"
import { SerializerError, StoreError } from "../../../CacheError.ts"
import { onceWarnings } from "../../defaults.ts"
import { idOf, infoOf, type Key } from "../../key/ofKey.ts"
import { emit } from "../telemetry/events.ts"
import * as Log from "../telemetry/log.ts"
import type { Fault, StoreTier } from "./storeTier.ts"

export const isFault = (answer: unknown): answer is Fault =>
  answer instanceof StoreError || answer instanceof SerializerError

/** counts it, and logs the first of an incident, which lasts until all that failed has succeeded again */
export const noteFault = (tier: StoreTier, operation: string, fault: StoreError): StoreError => {
  const { failing } = tier
  // the store is right, and well: whose counter it is has to know
  if (fault.reason === "OutOfRange") return fault
  tier.front.stats.storeFailures++
  emit(tier.front, { _tag: "StoreFailure", operation, reason: fault.reason })
  if (fault.reason === "TooLarge") {
    // of this value: the store itself is well
    warnOnce(tier, "TooLarge", `${fault.message}; what is that large stays in memory (said once)`)
    return fault
  }
  if (failing.size === 0) Log.warning(tier.front, `${fault.message}; going on without it`)
  failing.add(operation)
  return fault
}

export const recovered = (tier: StoreTier, operation: string): void => {
  const { failing, store } = tier
  if (failing.delete(operation) && failing.size === 0) Log.info(tier.front, `The store "${store.name}" answers again`)
}

/** something is stored there and cannot be read: a miss, and said */
export const damaged = (tier: StoreTier, key: Key, id: string): undefined => {
  noteCorrupt(tier, "get")
  const message = `What the store "${tier.store.name}" has under "${id}" is damaged: it counts as missing`
  warnOnce(tier, `damage ${id}`, message, { id, key })
  return undefined
}

const noteCorrupt = (tier: StoreTier, operation: string): void => {
  tier.front.stats.storeFailures++
  emit(tier.front, { _tag: "StoreFailure", operation, reason: "Corrupt" })
}

const warnOnce = (tier: StoreTier, topic: string, message: string, about?: Log.About): void => {
  const { warned } = tier
  if (warned.has(topic)) return
  if (warned.size >= onceWarnings) warned.clear()
  warned.add(topic)
  Log.warning(tier.front, message, about === undefined ? {} : { about })
}

/** Something is stored there that its codec does not read: a miss, and said. */
export const undecodable = (
  tier: StoreTier,
  key: Key,
  stored: Stored,
  cause: Cause.Cause<unknown>
): string => {
  const id = idOf(key)
  noteMisfit(
    tier,
    key,
    new SerializerError({
      serializer: tier.serializer.name,
      operation: "decode",
      reason: `what is stored under "${id}" cannot be read: it counts as missing`,
      cause: Cause.squash(cause)
    })
  )
  return stored.meta.writeId
}

/** counts it, and logs the first for a key class (or string key): what does not fit once will not fit again */
export const noteMisfit = (tier: StoreTier, key: Key, fault: SerializerError): SerializerError => {
  noteCorrupt(tier, fault.operation)
  const id = idOf(key)
  warnOnce(tier, `${fault.operation} ${infoOf(key)?.name ?? id}`, fault.message, { id, key })
  return fault
}
