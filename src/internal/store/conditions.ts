/** Conditions on a stored entry: those of `set` and `touch`, and of `acquire` with a rejected entry. */
import type { Stored } from "../../CacheEntry.ts"
import type { SetCondition, TouchOptions } from "../../ports/store.ts"
import { noneIsGone, type TagTable } from "./markers/markers.ts"

/** An entry is present unless it has expired or one of its tags was invalidated hard. A stale one is. */
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
 * `undefined` if the entry is not present, or has another `writeId` than the given one. A soft deadline changed without
 * a `writeId` was set by hand, so the lifetime is no longer a strategy's constant. Only reads name the write, because
 * they may have limited its soft deadline.
 */
export const touched = (
  entry: Stored | undefined,
  { expiresAt, softExpiresAt, writeId }: TouchOptions,
  now: number,
  tags: Pick<TagTable, "version">
): Stored | undefined => {
  if (!isLive(entry, now, tags)) return undefined
  if (writeId !== undefined && entry.meta.writeId !== writeId) return undefined
  const { isConstant, ...meta } = entry.meta
  const isMovedByHand = writeId === undefined && softExpiresAt !== meta.softExpiresAt
  return {
    meta: { ...meta, softExpiresAt, expiresAt, ...isConstant === true && !isMovedByHand ? { isConstant } : {} },
    payload: entry.payload
  }
}

export const isOtherWrite = (entry: Stored | undefined, rejectedWriteId: string | undefined): entry is Stored =>
  entry !== undefined && entry.meta.writeId !== rejectedWriteId
