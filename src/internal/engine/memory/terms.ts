/**
 * What entries have in common that were stored alike: by the same call, with the same lifetime, after as long a load. Most
 * entries of a program share a few; what changes for one entry alone gives it terms of its own.
 */
import * as Exit from "effect/Exit"
import type { Outcome } from "../../../CacheEntry.ts"
import type { Counters } from "../telemetry/telemetry.ts"

export interface TermsOptions {
  readonly exit: Exit.Exit<unknown, unknown>
  readonly createdAt: number
  readonly softExpiresAt: number
  readonly expiresAt: number
  readonly loadMillis: number
  readonly tags: ReadonlyArray<string>
  readonly bornAt: number
  readonly etag: string | undefined
  readonly constant: unknown
  readonly counters: Counters
}

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
  memoryExpiresAt: number | undefined
  readonly etag: string | undefined
  readonly counters: Counters
  /** how many were given them */
  entries: number
  readonly isShared: boolean
}

/** The terms that entries were given lately, in groups by lifetime and load time: a new entry looks in one group. */
const recent: Array<Array<Terms>> = []
const groups = 256
const mostOfGroup = 4

/** The terms of a new entry. Those with tags are of one entry alone. */
export const termsOf = (options: TermsOptions): Terms => {
  const { bornAt, constant, counters, createdAt, etag, loadMillis, softExpiresAt, tags } = options
  const softAfter = softExpiresAt - createdAt
  const terms: Terms = {
    outcome: Exit.isSuccess(options.exit) ? "success" : "failure",
    beganAt: createdAt,
    softAfter,
    endsAfter: options.expiresAt - createdAt,
    loadMillis,
    tags,
    checkedAt: bornAt,
    constant,
    memoryExpiresAt: undefined,
    etag,
    counters,
    entries: 1,
    isShared: tags.length === 0 && etag === undefined && softAfter !== -Infinity
  }
  return terms.isShared ? shared(terms, createdAt) : terms
}

/** Terms that are equal to these, for an entry that was made then. */
export const shared = (terms: Terms, createdAt: number): Terms => {
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
