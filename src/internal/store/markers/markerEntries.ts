/** Stores markers as entries. No key's id begins with `~:`, because the leading `~` of a string key is doubled. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Stored } from "../../../CacheEntry.ts"
import type { Storage } from "../../../ports/storage.ts"
import type { Change } from "../../../ports/store.ts"

export const prefix = "~:t:"

export const idOf = (tag: string): string => prefix + tag

/**
 * The id under which a shared storage keeps the version of a tag's last hard invalidation. A soft invalidation reads
 * the marker, writes it, and then reads this id. If another process invalidated the tag hard between the read and the
 * write of the marker, the write has undone that invalidation: it has restored the previous hard half.
 */
export const hardIdOf = (tag: string): string => hardPrefix + tag

const hardPrefix = `${prefix}~:`

export const isMarker = ({ id }: { readonly id: string }): boolean => id.startsWith(prefix)

export const toChange = (change: Change): Change =>
  change?._tag === "Changed" && typeof change.id === "string" && isMarker(change)
    ? { _tag: "TagChanged", tag: tagOf(change.id) }
    : change

const tagOf = (id: string): string => id.slice(id.startsWith(hardPrefix) ? hardPrefix.length : prefix.length)

export const hiddenIn = (
  { changes, scan, size }: Pick<Storage, "scan" | "size" | "changes">
): Pick<Storage, "scan" | "size" | "changes"> => {
  const visible: Storage["scan"] = scan && ((options) => Stream.filter(scan(options), (one) => !isMarker(one)))
  const count = scan && Stream.runCount(Stream.filter(Stream.suspend(() => scan({ prefix })), isMarker))
  return {
    scan: visible,
    // Without `scan` the markers cannot be counted, so the size is unsupported.
    size: size && count && Effect.zipWith(size, count, (all, markers) => all - markers),
    changes: changes && Stream.map(changes, toChange)
  }
}

/** Converts a marker to an entry without a deadline, so that no storage removes it as expired. */
export const toStored = (version: string, now: number): Stored => ({
  meta: {
    createdAt: now,
    softExpiresAt: Infinity,
    expiresAt: Infinity,
    loadMillis: 0,
    outcome: "success",
    tags: [],
    // A `writeId` of the required length. Versions never repeat, so the `writeId` does not repeat either.
    writeId: version + version.slice(0, 8),
    serializer: 1
  },
  payload: new TextEncoder().encode(JSON.stringify(version))
})

/** Reads the version from a marker's entry. An unreadable entry counts as missing. */
export const versionOf = (stored: Stored | undefined): string | undefined => {
  const payload: unknown = stored?.payload
  if (!(payload instanceof Uint8Array) || payload.length !== length) return undefined
  return written.exec(new TextDecoder().decode(payload))?.[1]
}

const written = /^"([0-9a-f]{24})"$/

const length = 26
