/**
 * Gives a `seq` to markers that a storage keeps as entries, because such a storage does not count invalidations. The
 * `seq` tells when this process first saw the marker's version. No version is used twice, so a marker that has the same
 * version before and after a load was not invalidated during the load. If other processes share the storage, a marker
 * first seen during the load gets a larger `seq` than the one that was read just before the load.
 */
import type { Marker } from "../../../ports/store.ts"
import { markersKept } from "../../defaults/stores.ts"

export interface Seen {
  /** Returns a number that grows whenever a marker changes or is new to this process. */
  readonly seq: () => number
  readonly isKnown: (tag: string, version: string | undefined) => boolean
  readonly found: (tag: string, version: string) => Marker
  readonly made: (tag: string, version: string) => Marker
  /** Announces that tags are about to change. Until `changed` is called, any version in the storage counts as new. */
  readonly changing: (tags: ReadonlyArray<string>) => void
  readonly changed: (versions: Iterable<readonly [tag: string, version: string]>) => void
}

const unknown = ""

/** `isShared`: other processes also change markers. If they do not, a marker missing from the table is unchanged. */
export const make = ({ isShared }: { readonly isShared: boolean }, capacity = markersKept): Seen => {
  const table = new Map<string, Marker>()
  let seq = 0
  // The highest `seq` of the markers that were dropped to make room.
  let forgotten = 0

  const write = (tag: string, version: string, seq: number): Marker => {
    const marker: Marker = { version, seq }
    table.delete(tag)
    table.set(tag, marker)
    if (table.size > capacity) {
      const [oldest, { seq }] = table.entries().next().value!
      forgotten = Math.max(forgotten, seq)
      table.delete(oldest)
    }
    return marker
  }

  return {
    seq: () => seq,
    isKnown: (tag, version) => version !== undefined && table.get(tag)?.version === version,
    found(tag, version) {
      const known = table.get(tag)
      if (known?.version === version) return write(tag, version, known.seq)
      const wasThere = known === undefined && !isShared
      return write(tag, version, wasThere ? forgotten : ++seq)
    },
    made: (tag, version) => write(tag, version, ++seq),
    changing(tags) {
      seq++
      for (const tag of tags) write(tag, unknown, seq)
    },
    changed(versions) {
      seq++
      for (const [tag, version] of versions) write(tag, version, seq)
    }
  }
}
