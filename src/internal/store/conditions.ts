/** Evaluates the conditions of `set`, `touch` and `acquire` on a stored entry. */
import type { Stored, Timing } from "../../CacheEntry.ts"
import type { SetCondition, TouchOptions } from "../../ports/store.ts"
import { clocks } from "../defaults/processes.ts"
import { noneIsGone, type TagTable } from "./markers/markers.ts"

/** Whether a stored entry has ended. If its creation lies further ahead than clocks differ, a clock was set back. */
export const hasEnded = ({ createdAt, expiresAt }: Pick<Timing, "createdAt" | "expiresAt">, now: number): boolean =>
  expiresAt <= now || createdAt - now > clocks.aheadMillis

/** Whether an entry is present: not expired, and with no tag that was invalidated hard. It may be stale. */
export const isLive = (entry: Stored | undefined, now: number, tags: Pick<TagTable, "version">): entry is Stored =>
  entry !== undefined && !hasEnded(entry.meta, now) && noneIsGone(tags, entry.meta.tags)

export const holds = (
  condition: SetCondition,
  entry: Stored | undefined,
  now: number,
  tags: Pick<TagTable, "version">
): boolean => holdsFor(condition, isLive(entry, now, tags), entry?.meta.writeId)

export const holdsFor = (condition: SetCondition, isLive: boolean, writeId: string | undefined): boolean => {
  switch (condition._tag) {
    case "IfAbsent":
      return !isLive
    case "IfPresent":
      return isLive
    case "IfUnchanged":
      return isLive && writeId === condition.writeId
  }
}

/**
 * Returns the entry with new deadlines, or `undefined` if it is absent, is not the write `writeId`, or lacks a constant
 * lifetime that is required. Only reads pass a `writeId`. They never shorten a lifetime, because other reads may rely
 * on a longer one. Without a `writeId`, deadlines are set by hand, so the lifetime is no longer a strategy's constant.
 */
export const touched = (
  entry: Stored | undefined,
  { expiresAt, isConstant: needsConstant, softExpiresAt, writeId }: TouchOptions,
  now: number,
  tags: Pick<TagTable, "version">
): Stored | undefined => {
  if (!isLive(entry, now, tags)) return undefined
  const { isConstant, ...meta } = entry.meta
  if (writeId === undefined) return { meta: { ...meta, softExpiresAt, expiresAt }, payload: entry.payload }
  if (meta.writeId !== writeId || needsConstant === true && isConstant !== true) return undefined
  const later = {
    softExpiresAt: Math.max(softExpiresAt, meta.softExpiresAt),
    expiresAt: Math.max(expiresAt, meta.expiresAt)
  }
  return { meta: { ...entry.meta, ...later }, payload: entry.payload }
}

/** Whether there is an entry other than the one that the reader rejected. */
export const isOtherWrite = (entry: Stored | undefined, rejectedWriteId: string | undefined): entry is Stored =>
  entry !== undefined && entry.meta.writeId !== rejectedWriteId
