import type { Stored } from "../../CacheEntry.ts"
import type { SetCondition } from "../../Store.ts"
import { allCurrent, type TagTable } from "./markers.ts"

/** An entry that has expired, or was invalidated by a tag, is as good as none. */
const isLive = (entry: Stored | undefined, now: number, tags: Pick<TagTable, "version">): boolean =>
  entry !== undefined && entry.meta.expiresAt > now && allCurrent(tags, entry.meta.tags)

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
      return entry?.meta.writeId === condition.writeId
  }
}

/** The entry is another one than the reader has rejected. */
export const isNews = (entry: Stored | undefined, seen: string | undefined): entry is Stored =>
  entry !== undefined && entry.meta.writeId !== seen
