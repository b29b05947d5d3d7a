/** The data shared by entries stored alike. A change of a single entry gives it terms of its own. */
import type { Outcome } from "../../../CacheEntry.ts"
import type { Counters } from "../telemetry/telemetry.ts"

export interface Terms {
  readonly outcome: Outcome
  readonly beganAt: number
  /** Deadlines relative to the creation of an entry. */
  softAfter: number
  endsAfter: number
  readonly loadMillis: number
  readonly tags: ReadonlyArray<string>
  checkedAt: number
  constant: unknown
  /** Ends with the values it was made of, so no reader prolongs it. */
  readonly endsWithParts: boolean | undefined
  memoryExpiresAt: number | undefined
  readonly etag: string | undefined
  readonly counters: Counters
  /** The number of entries that were given these terms. */
  entries: number
  isShared: boolean
}

/** Recently used terms, in groups by lifetime and load time. A new entry searches one group. */
const recent: Array<Array<Terms>> = []
const groups = 256
const mostOfGroup = 4

/** Terms equal to these, for an entry with this creation time, or else these. */
export const shared = (terms: Terms, createdAt: number): Terms => {
  const { endsAfter, etag, loadMillis, memoryExpiresAt, softAfter, tags } = terms
  // Terms with tags, or with their own time in memory, are not shared.
  terms.isShared &&= tags.length === 0 && etag === undefined && softAfter !== -Infinity &&
    !Number.isFinite(memoryExpiresAt)
  if (!terms.isShared) return terms
  const group = recent[(loadMillis + endsAfter / 1000) & (groups - 1)] ??= []
  for (const known of group) {
    if (areAlike(known, terms) && reaches(known, createdAt)) {
      known.entries++
      return known
    }
  }
  if (group.unshift(terms) > mostOfGroup) group.pop()
  return terms
}

const areAlike = (known: Terms, terms: Terms): boolean =>
  known.endsAfter === terms.endsAfter && known.softAfter === terms.softAfter &&
  known.loadMillis === terms.loadMillis && known.outcome === terms.outcome && known.constant === terms.constant &&
  known.endsWithParts === terms.endsWithParts && known.counters === terms.counters &&
  known.memoryExpiresAt === terms.memoryExpiresAt

/** Whether an entry's creation time is a small integer offset from the terms'. Sums of fractions may be inexact. */
const reaches = ({ beganAt }: Terms, createdAt: number): boolean => {
  const since = createdAt - beganAt
  return (since | 0) === since && beganAt + since === createdAt
}

export const ownTerms = (terms: Terms): Terms => terms.isShared ? { ...terms, entries: 1, isShared: false } : terms

/** An entry with its slot: a `Map` has one slot per entry when full, and up to four after removals. */
const bytesOfEntry = 200
/** Only for some entries: a write id, own terms, and a list of tags, each with its overhead in addition to the text. */
const bytesOfWriteId = 48
const bytesOfTerms = 192
const bytesOfTags = 48
const bytesOfTag = 28

/** The bytes of an entry without its id and value. The first of those sharing terms counts them. */
export const bytesOf = ({ entries, tags }: Terms, writeId: string | undefined): number => {
  let bytes = bytesOfEntry
  if (writeId !== undefined) bytes += bytesOfWriteId
  if (entries === 1) bytes += bytesOfTerms
  if (tags.length > 0) bytes += bytesOfTags
  for (const tag of tags) bytes += bytesOfTag + tag.length
  return bytes
}
