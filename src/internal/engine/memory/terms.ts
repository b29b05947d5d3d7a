/** The data that entries with the same lifetime share (`Terms`). An entry that is changed gets terms of its own. */
import type { Outcome } from "../../../CacheEntry.ts"
import type { WallTime } from "../../time/wallTime.ts"
import type { Counters } from "../telemetry/telemetry.ts"

export interface Terms {
  readonly outcome: Outcome
  /** A creation time on the scale of `time`, as `askAt` is: the time from which the store is asked again. */
  readonly beganAt: number
  /** The deadlines in milliseconds after an entry's creation. */
  softAfter: number
  endsAfter: number
  /** Until when memory keeps the entry: later than `endsAfter` after a read by a shorter constant lifetime. */
  keptAfter: number
  readonly loadMillis: number
  readonly tags: ReadonlyArray<string>
  checkedAt: number
  constant: unknown
  readonly endsWithParts: boolean | undefined
  askAt: number | undefined
  readonly etag: string | undefined
  readonly counters: Counters
  readonly time: WallTime
  entries: number
  isShared: boolean
}

/** Recently used terms, grouped by lifetime and load time. A new entry searches a single group. */
const recent: Array<Array<Terms>> = []
const groups = 256
const mostOfGroup = 4

/** Returns known terms that equal the given ones and can express the creation time, or else the given terms. */
export const shared = (terms: Terms, createdAt: number): Terms => {
  const { askAt, endsAfter, etag, loadMillis, softAfter, tags } = terms
  terms.isShared &&= tags.length === 0 && etag === undefined && softAfter !== -Infinity &&
    !Number.isFinite(askAt)
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
  known.askAt === terms.askAt && known.keptAfter === terms.keptAfter

/** Whether a creation time is exactly `beganAt` plus a small integer. With fractions, the sum may be inexact. */
const reaches = ({ beganAt }: Terms, createdAt: number): boolean => {
  const since = createdAt - beganAt
  return (since | 0) === since && beganAt + since === createdAt
}

export const ownTerms = (terms: Terms): Terms => terms.isShared ? { ...terms, entries: 1, isShared: false } : terms

/** The bytes of an entry and its share of a `Map`, which has one slot per entry when full, and up to four otherwise. */
const bytesOfEntry = 200
/** The bytes of parts that only some entries have: a write id, own terms, a list of tags, a tag without its text. */
const bytesOfWriteId = 48
const bytesOfTerms = 192
const bytesOfTags = 48
const bytesOfTag = 28

/** The bytes of an entry without its id and value. Shared terms are counted for the first entry only. */
export const bytesOf = ({ entries, tags }: Terms, writeId: string | undefined): number => {
  let bytes = bytesOfEntry
  if (writeId !== undefined) bytes += bytesOfWriteId
  if (entries === 1) bytes += bytesOfTerms
  if (tags.length > 0) bytes += bytesOfTags
  for (const tag of tags) bytes += bytesOfTag + tag.length
  return bytes
}
