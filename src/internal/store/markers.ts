/**
 * Tag markers inside one process. A marker that was forgotten comes back with another version: that costs a load and
 * never a stale read.
 */
import type * as Random from "effect/Random"
import type { TagVersion } from "../../CacheEntry.ts"
import type { Marker, SyncTags } from "../../Store.ts"
import { tokenUnsafe } from "../token.ts"

export type TagTable = SyncTags

const noVersions: ReadonlyArray<undefined> = []

export const versionsOf = (
  table: Pick<TagTable, "version">,
  tags: ReadonlyArray<string>
): ReadonlyArray<string | undefined> => tags.length === 0 ? noVersions : tags.map(table.version)

export const allCurrent = (table: Pick<TagTable, "version">, tags: ReadonlyArray<TagVersion>): boolean =>
  tags.every(({ tag, version }) => table.version(tag) === version)

export const newVersion = (random: Random.Random): string => tokenUnsafe(random, 12)

export const make = (capacity = 100_000): TagTable => {
  const table = new Map<string, Marker>()
  let seq = 0

  const write = (tag: string, marker: Marker): Marker => {
    table.delete(tag)
    table.set(tag, marker)
    if (table.size > capacity) table.delete(table.keys().next().value!)
    return marker
  }

  return {
    version: (tag) => table.get(tag)?.version,
    markers: (tags, newVersion) => ({
      seq,
      markers: tags.map((tag) => write(tag, table.get(tag) ?? { version: newVersion(), seq }))
    }),
    invalidate(tags, newVersion) {
      seq++
      for (const tag of tags) write(tag, { version: newVersion(), seq })
    }
  }
}
