/** Tag markers, one small file each, so that they survive a restart. */
import { nextVersion } from "../../internal/store/markers/markers.ts"
import type { SyncTags } from "../../ports/storage.ts"
import type { Marker, Markers } from "../../ports/store.ts"
import type { Folder } from "./folder.ts"
import { stemOf } from "./name.ts"
import { readRecord, render } from "./record.ts"

const tagFile = (tag: string): string => `tags/${stemOf(tag)}.json`

/** Its size is the number of invalidations: appending to it is one atomic step across processes. */
const counter = "tags/invalidations"

export const tags = (folder: Folder): SyncTags => {
  // If the folder was removed, the counter continues from here: it must not repeat a number.
  let counted = 0

  const readCounter = (): number => {
    const size = folder.stat(counter)?.size ?? 0
    counted = Math.max(counted, size)
    return size
  }

  const read = (tag: string): Marker | undefined => {
    const record = readRecord(folder, tagFile(tag))
    const { seq, tag: of, version } = record ?? {}
    return of === tag && typeof version === "string" && /^[0-9a-f]{24}$/.test(version) && Number.isSafeInteger(seq)
      ? { version, seq: seq as number }
      : undefined
  }

  const fileOf = (tag: string, marker: Marker) => ({ name: tagFile(tag), content: render({ tag, ...marker }) })

  const create = (tag: string, marker: Marker): Marker => {
    if (folder.create(fileOf(tag, marker))) return marker
    const winner = read(tag)
    if (winner !== undefined) return winner
    // There is a file, and it cannot be read.
    folder.write([fileOf(tag, marker)])
    return marker
  }

  return {
    version: (tag) => read(tag)?.version,
    // The counter is read first: a marker written since then has a larger number.
    markers(tags, newVersion): Markers {
      const seq = readCounter()
      return { seq, markers: tags.map((tag) => read(tag) ?? create(tag, { version: newVersion(), seq })) }
    },
    invalidate(tags, newVersion, mode) {
      try {
        counted = folder.append(counter, counted + 1)
        for (const tag of tags) {
          const before = mode === "soft" ? read(tag)?.version : undefined
          folder.write([fileOf(tag, { version: nextVersion(before, mode, newVersion), seq: counted })])
        }
      } catch (thrown) {
        // A missing marker invalidates too, and removing one needs no room.
        for (const tag of tags) folder.remove(tagFile(tag))
        throw thrown
      }
    },
    remove(tags) {
      for (const tag of tags) folder.remove(tagFile(tag))
    }
  }
}
