/** Conditions on a stored entry: those of `set` and `touch`, and of `acquire` with a rejected entry. */
import type { Stored } from "../../CacheEntry.ts"
import type { SetCondition, TouchOptions } from "../../ports/store.ts"
import { noneIsGone, type TagTable } from "./markers/markers.ts"

/**
 * An entry counts as present unless it has expired or one of its tags was invalidated hard. A stale entry is present.
 */
export const isLive = (entry: Stored | undefined, now: number, tags: Pick<TagTable, "version">): entry is Stored =>
  entry !== undefined && entry.meta.expiresAt > now && noneIsGone(tags, entry.meta.tags)

export const holds = (
  condition: SetCondition,
  entry: Stored | undefined,
  now: number,
  tags: Pick<TagTable, "version">
): boolean => {
  switch (condition._tag) {
    case "IfAbsent":
      return !isLive(entry, now, tags)
    case "IfPresent":
      return isLive(entry, now, tags)
    case "IfUnchanged":
      return isLive(entry, now, tags) && entry.meta.writeId === condition.writeId
  }
}

/**
 * `undefined` if the entry is not present, or is not the one that a read has prolonged. A soft deadline changed without
 * a `writeId` was set by hand, so the lifetime is no longer a strategy's constant. Only reads name the write. They make
 * no end earlier, because readers with other constants use the entry, too.
 */
export const touched = (
  entry: Stored | undefined,
  { expiresAt, isConstant: needsConstant, softExpiresAt, writeId }: TouchOptions,
  now: number,
  tags: Pick<TagTable, "version">
): Stored | undefined => {
  if (!isLive(entry, now, tags)) return undefined
  const { isConstant, ...meta } = entry.meta
  if (writeId === undefined) {
    const isStill = isConstant === true && softExpiresAt === meta.softExpiresAt
    return { meta: { ...meta, softExpiresAt, expiresAt, ...isStill ? { isConstant } : {} }, payload: entry.payload }
  }
  if (meta.writeId !== writeId || needsConstant === true && isConstant !== true) return undefined
  const later = {
    softExpiresAt: Math.max(softExpiresAt, meta.softExpiresAt),
    expiresAt: Math.max(expiresAt, meta.expiresAt)
  }
  return { meta: { ...entry.meta, ...later }, payload: entry.payload }
}

/** Whether there is an entry other than the one the reader rejected. */
export const isOtherWrite = (entry: Stored | undefined, rejectedWriteId: string | undefined): entry is Stored =>
  entry !== undefined && entry.meta.writeId !== rejectedWriteId
