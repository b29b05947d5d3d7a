/**
 * What entries have in common that were stored alike: by the same call, with the same lifetime, after as long a load. Most
 * entries of a program share a few; what changes for one entry alone gives it terms of its own.
 */
import type { Outcome } from "../../../CacheEntry.ts"
import type { Counters } from "../telemetry/telemetry.ts"

export interface Terms {
  readonly outcome: Outcome
  /** when the first of its entries was made: the others count from there */
  readonly beganAt: number
  /** deadlines, from the time on when an entry was made */
  softAfter: number
  endsAfter: number
  readonly loadMillis: number
  readonly tags: ReadonlyArray<string>
  checkedAt: number
  constant: unknown
  /** ends with the values it was made of, so no reader prolongs it */
  readonly endsWithParts: boolean | undefined
  memoryExpiresAt: number | undefined
  readonly etag: string | undefined
  readonly counters: Counters
  /** how many were given them */
  entries: number
  isShared: boolean
}

/** The terms that entries were given lately, in groups by lifetime and load time: a new entry looks in one group. */
const recent: Array<Array<Terms>> = []
const groups = 256
const mostOfGroup = 4

/** Terms that are equal to these, for an entry that was made then, or these where none are. */
export const shared = (terms: Terms, createdAt: number): Terms => {
  const { endsAfter, etag, loadMillis, memoryExpiresAt, softAfter, tags } = terms
  // what has tags, or an end in memory of its own, is like no other
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

/**
 * Whether an entry can count from their beginning: it is a small whole number away, within weeks. A sum of fractions may be
 * another number than it was made of.
 */
const reaches = ({ beganAt }: Terms, createdAt: number): boolean => {
  const since = createdAt - beganAt
  return (since | 0) === since && beganAt + since === createdAt
}

/** Terms that may be changed: they are no other entry's. */
export const ownTerms = (terms: Terms): Terms => terms.isShared ? { ...terms, entries: 1, isShared: false } : terms

/** An entry with its place in memory: a `Map` has one place an entry when it is full, and up to four where some have left. */
const bytesOfEntry = 200
/** Only some entries have these: the name of a write, terms of their own, a list of tags, and for each what is beside its text. */
const bytesOfWriteId = 48
const bytesOfTerms = 192
const bytesOfTags = 48
const bytesOfTag = 28

/** The bytes of an entry beside its id and its value. Of those that share terms the first has them. */
export const bytesOf = ({ entries, tags }: Terms, writeId: string | undefined): number => {
  let bytes = bytesOfEntry
  if (writeId !== undefined) bytes += bytesOfWriteId
  if (entries === 1) bytes += bytesOfTerms
  if (tags.length > 0) bytes += bytesOfTags
  for (const tag of tags) bytes += bytesOfTag + tag.length
  return bytes
}
