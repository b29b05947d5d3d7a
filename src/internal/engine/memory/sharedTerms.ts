/** Terms that several entries share. */
import type { Terms } from "./terms.ts"

/** The terms that entries were given lately, in groups by lifetime and load time: a new entry looks in one group. */
const recent: Array<Array<Terms>> = []
const groups = 256
const mostOfGroup = 4

/** Terms that are equal to these, for an entry that was made then, or these where none are. */
export const shared = (terms: Terms, createdAt: number): Terms => {
  if (!terms.isShared) return terms
  const group = recent[(terms.loadMillis + terms.endsAfter / 1000) & (groups - 1)] ??= []
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
  known.counters === terms.counters && known.memoryExpiresAt === terms.memoryExpiresAt

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
