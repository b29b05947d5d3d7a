/** Markers inside one process, and the rules for all tables of markers. A recreated marker has a new version. */
import type { TagVersion } from "../../../CacheEntry.ts"
import type { SyncTags } from "../../../ports/storage.ts"
import type { Acquired, InvalidationMode, Marker, Markers } from "../../../ports/store.ts"
import { markersKept } from "../../defaults/stores.ts"
import { remember } from "../../remember.ts"
import type { Tokens } from "../../token.ts"

/** Like `SyncTags`, but takes the current time, which a marker that is stored as an entry needs. */
export interface TagTable extends Pick<SyncTags, "version" | "remove"> {
  readonly markers: (tags: ReadonlyArray<string>, newVersion: () => string, now: number) => Markers
  readonly invalidate: (
    tags: ReadonlyArray<string>,
    newVersion: () => string,
    mode: InvalidationMode | undefined,
    now: number
  ) => void
}

export const noVersions: ReadonlyArray<undefined> = []

export const versionsOf = (
  table: Pick<TagTable, "version">,
  tags: ReadonlyArray<string>
): ReadonlyArray<string | undefined> => tags.length === 0 ? noVersions : tags.map(table.version)

/** The position at which the soft half of a version begins; see `Marker`. */
const softAt = 12

const hardHalf = (version: string | undefined): string | undefined => version?.slice(0, softAt)

/** Whether none of an entry's tags has been invalidated hard. If none has, the entry is at worst stale. */
export const noneIsGone = (table: Pick<TagTable, "version">, tags: ReadonlyArray<TagVersion>): boolean =>
  tags.every(({ tag, version }) => hardHalf(table.version(tag)) === hardHalf(version))

/** Whether at least one soft invalidation, but no hard one, happened between two versions of a marker. */
export const isSoftened = (before: string, now: string): boolean => before !== now && hardHalf(before) === hardHalf(now)

/** Whether a soft invalidation has undone a concurrent hard one by another process. */
export const hasUndone = (softened: string, hard: string | undefined): boolean =>
  hard !== undefined && hardHalf(hard) !== hardHalf(softened)

const noTags: ReadonlyArray<string> = []

/** Reads the current `seq` by asking for an empty list of markers, which creates no marker. */
export const seqOf = (table: Pick<TagTable, "markers">): number => table.markers(noTags, () => "", 0).seq

export const withSeq = <A extends Acquired>(seq: () => number, acquired: A): A =>
  acquired._tag === "Granted" ? { ...acquired, seq: seq() } : acquired

export const newVersion = (tokens: Tokens): string => tokens.next(12)

/** The version of a marker after an invalidation. A missing marker gets a new hard half in either mode. */
export const nextVersion = (
  before: string | undefined,
  mode: InvalidationMode | undefined,
  newVersion: () => string
): string => {
  const fresh = newVersion()
  return mode === "soft" && before !== undefined ? before.slice(0, softAt) + fresh.slice(softAt) : fresh
}

export interface ProcessTags extends SyncTags {
  /** Whether the table is complete: no marker has been dropped to make room. */
  readonly isWhole: () => boolean
}

export const make = (capacity = markersKept): ProcessTags => {
  const table = new Map<string, Marker>()
  let isWhole = true
  let seq = 0

  const write = (tag: string, marker: Marker): Marker => {
    if (remember(table, tag, marker, capacity) !== undefined) isWhole = false
    return marker
  }

  return {
    isWhole: () => isWhole,
    version: (tag) => table.get(tag)?.version,
    markers: (tags, newVersion) => ({
      seq,
      markers: tags.map((tag) => write(tag, table.get(tag) ?? { version: newVersion(), seq }))
    }),
    invalidate(tags, newVersion, mode) {
      seq++
      for (const tag of tags) write(tag, { version: nextVersion(table.get(tag)?.version, mode, newVersion), seq })
    },
    remove(tags) {
      for (const tag of tags) table.delete(tag)
    }
  }
}
