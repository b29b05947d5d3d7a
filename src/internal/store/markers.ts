/**
 * Tag markers inside one process. A marker that was forgotten comes back with another version: that costs a load and
 * never a stale read.
 */
import type * as Random from "effect/Random"
import type { TagVersion } from "../../CacheEntry.ts"
import type { SyncTags } from "../../ports/storage.ts"
import type { Acquired, InvalidationMode, Marker } from "../../ports/store.ts"
import { markersKept } from "../defaults.ts"
import { tokenUnsafe } from "../token.ts"

export type TagTable = SyncTags

const noVersions: ReadonlyArray<undefined> = []

export const versionsOf = (
  table: Pick<TagTable, "version">,
  tags: ReadonlyArray<string>
): ReadonlyArray<string | undefined> => tags.length === 0 ? noVersions : tags.map(table.version)

/** Where the soft half of a version begins: see `Marker`. */
const softAt = 12

const hardHalf = (version: string | undefined): string | undefined => version?.slice(0, softAt)

/** None of the tags was invalidated hard: at worst the entry is stale. */
export const noneIsGone = (table: Pick<TagTable, "version">, tags: ReadonlyArray<TagVersion>): boolean =>
  tags.every(({ tag, version }) => hardHalf(table.version(tag)) === hardHalf(version))

/** Between the two versions of a marker there were soft invalidations, and no hard one. */
export const isSoftened = (before: string, now: string): boolean => before !== now && hardHalf(before) === hardHalf(now)

const noTags: ReadonlyArray<string> = []

/** The right to load, with the invalidation counter as it is now. */
export const counted = <A extends Acquired>(table: Pick<TagTable, "markers">, taken: A): A =>
  taken._tag === "Granted" ? { ...taken, seq: table.markers(noTags, () => "").seq } : taken

export const newVersion = (random: Random.Random): string => tokenUnsafe(random, 12)

/** The version after an invalidation. A marker that is missing comes back as another, whatever the mode. */
export const nextVersion = (
  before: string | undefined,
  mode: InvalidationMode | undefined,
  newVersion: () => string
): string => {
  const fresh = newVersion()
  return mode === "soft" && before !== undefined ? before.slice(0, softAt) + fresh.slice(softAt) : fresh
}

export const make = (capacity = markersKept): TagTable => {
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
    invalidate(tags, newVersion, mode) {
      seq++
      for (const tag of tags) write(tag, { version: nextVersion(table.get(tag)?.version, mode, newVersion), seq })
    }
  }
}
