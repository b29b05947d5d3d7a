/** Tag markers that a synchronous storage keeps among its entries. */
import type { Stored } from "../../../CacheEntry.ts"
import type { SyncStorage } from "../../../ports/storage.ts"
import type { Marker } from "../../../ports/store.ts"
import * as MarkerEntries from "./markerEntries.ts"
import { hasUndone, nextVersion, type TagTable } from "./markers.ts"
import * as Seen from "./seenMarkers.ts"

export const make = (
  storage: Pick<SyncStorage, "get" | "set" | "setIfAbsent" | "capabilities">,
  atomic: <A>(steps: () => A) => A
): TagTable => {
  const isShared = storage.capabilities?.shared === true
  const seen = Seen.make({ isShared })

  const read = (id: string): string | undefined => {
    const stored = storage.get(id)
    return stored === "damaged" ? undefined : MarkerEntries.versionOf(stored)
  }

  const version = (tag: string): string | undefined => read(MarkerEntries.idOf(tag))

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
        // Reads missing markers again: another process may have just created one, or `tags` may name a tag twice.
        ? atomic(() => tags.map((tag, i) => known[i] ?? present(tag) ?? create(tag, newVersion(), now)))
        : known as ReadonlyArray<Marker>
      // Reads `seq` after the markers and before the load: a marker first seen during the load gets a larger `seq`.
      return { seq: seen.seq(), markers }
    },
    invalidate(tags, newVersion, mode, now) {
      const write = (id: string, version: string): string => {
        storage.set(id, MarkerEntries.toStored(version, now), now)
        return version
      }
      const harden = (tag: string): string => {
        const next = newVersion()
        if (isShared) write(MarkerEntries.hardIdOf(tag), next)
        return write(MarkerEntries.idOf(tag), next)
      }
      const soften = (tag: string): string => {
        const before = version(tag)
        if (before === undefined) return harden(tag)
        const next = write(MarkerEntries.idOf(tag), nextVersion(before, "soft", newVersion))
        return isShared && hasUndone(next, read(MarkerEntries.hardIdOf(tag))) ? harden(tag) : next
      }
      seen.changing(tags)
      const change = mode === "soft" ? soften : harden
      seen.changed(atomic(() => tags.map((tag) => [tag, change(tag)] as const)))
    }
  }
}
