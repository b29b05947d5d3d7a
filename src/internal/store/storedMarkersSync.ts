/** Tag markers that a synchronous storage keeps among its entries. */
import type { Stored } from "../../CacheEntry.ts"
import { Damaged, type SyncStorage } from "../../ports/storage.ts"
import type { Marker } from "../../ports/store.ts"
import * as MarkerEntries from "./markerEntries.ts"
import { nextVersion, type TagTable } from "./markers.ts"
import * as Seen from "./seenMarkers.ts"

export const make = (
  storage: Pick<SyncStorage, "get" | "set" | "setIfAbsent" | "capabilities">,
  atomic: <A>(steps: () => A) => A
): TagTable => {
  const seen = Seen.make({ isShared: storage.capabilities?.shared === true })

  const version = (tag: string): string | undefined => {
    const stored = storage.get(MarkerEntries.idOf(tag))
    return stored === Damaged ? undefined : MarkerEntries.versionOf(stored)
  }

  const setIfAbsent = (id: string, entry: Stored, now: number): boolean => {
    if (storage.setIfAbsent !== undefined) return storage.setIfAbsent(id, entry, now)
    storage.set(id, entry, now)
    return true
  }

  const create = (tag: string, fresh: string, now: number): Marker => {
    const id = MarkerEntries.idOf(tag)
    const entry = MarkerEntries.toStored(fresh, now)
    if (!setIfAbsent(id, entry, now)) {
      const winner = version(tag)
      if (winner !== undefined) return seen.found(tag, winner)
      // there is something that cannot be read
      storage.set(id, entry, now)
    }
    return seen.made(tag, fresh)
  }

  const present = (tag: string): Marker | undefined => {
    const found = version(tag)
    return found === undefined ? undefined : seen.found(tag, found)
  }

  return {
    version,
    markers(tags, newVersion, now) {
      const known = tags.map(present)
      const markers = known.includes(undefined)
        // once more inside: another process may have made it, or this list has it twice
        ? atomic(() => tags.map((tag, i) => known[i] ?? present(tag) ?? create(tag, newVersion(), now)))
        : known as ReadonlyArray<Marker>
      // at the end, and still before the load: a marker that is seen later has a larger number
      return { seq: seen.seq(), markers }
    },
    invalidate(tags, newVersion, mode, now) {
      seen.changing(tags)
      const versions = atomic(() =>
        tags.map((tag) => {
          const next = nextVersion(mode === "soft" ? version(tag) : undefined, mode, newVersion)
          storage.set(MarkerEntries.idOf(tag), MarkerEntries.toStored(next, now), now)
          return [tag, next] as const
        })
      )
      seen.changed(versions)
    }
  }
}
