/** Conditions on what is stored: of an explicit `set`, of a `touch`, and of an entry that a reader has rejected. */
import type { Stored } from "../../CacheEntry.ts"
import type { SetCondition, TouchOptions } from "../../ports/store.ts"
import { noneIsGone, type TagTable } from "./markers.ts"

/** An entry that has expired, or is gone by a tag, is as good as none. One that a tag has made stale is there. */
const isLive = (entry: Stored | undefined, now: number, tags: Pick<TagTable, "version">): entry is Stored =>
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

/** The entry with other deadlines, where there is one that they can be given. */
export const touched = (
  entry: Stored | undefined,
  { expiresAt, softExpiresAt, writeId }: TouchOptions,
  now: number,
  tags: Pick<TagTable, "version">
): Stored | undefined => {
  if (!isLive(entry, now, tags)) return undefined
  if (writeId !== undefined && entry.meta.writeId !== writeId) return undefined
  return { meta: { ...entry.meta, softExpiresAt, expiresAt }, payload: entry.payload }
}

/** The entry is another one than the reader has rejected. */
export const isNews = (entry: Stored | undefined, seen: string | undefined): entry is Stored =>
  entry !== undefined && entry.meta.writeId !== seen
