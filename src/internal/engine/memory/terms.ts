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
  readonly writeId: string | undefined
  readonly etag: string | undefined
  readonly constant: unknown
  /** it ends with what it was made of: no reader prolongs it */
  readonly endsWithParts?: boolean
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
  writeId: string | undefined
  constant: unknown
  readonly endsWithParts: boolean
  memoryExpiresAt: number | undefined
  readonly etag: string | undefined
  readonly counters: Counters
  weight: number
  readonly isShared: boolean
}

/** The terms that entries were given lately, by how long their loads took: a new entry looks in one place. */
const recent: Array<Terms | undefined> = []

/** The terms of a new entry. Those with tags, and those of a write that a store knows, are of one entry alone. */
export const termsOf = (options: TermsOptions): Terms => {
  const {
    bornAt,
    constant,
    counters,
    createdAt,
    endsWithParts = false,
    etag,
    loadMillis,
    softExpiresAt,
    tags,
    writeId
  } = options
  const endsAfter = options.expiresAt - createdAt
  const softAfter = softExpiresAt - createdAt
  const outcome = Exit.isSuccess(options.exit) ? "success" : "failure"
  const isShared = tags.length === 0 && writeId === undefined && etag === undefined && softAfter !== -Infinity
  const place = (loadMillis + endsAfter / 1000) & 63
  const known = isShared ? recent[place] : undefined
  if (
    known !== undefined && known.endsAfter === endsAfter && known.softAfter === softAfter &&
    known.loadMillis === loadMillis && known.outcome === outcome && known.constant === constant &&
    known.endsWithParts === endsWithParts && known.counters === counters && reaches(known, createdAt)
  ) return known
  const terms: Terms = {
    outcome,
    beganAt: createdAt,
    softAfter,
    endsAfter,
    loadMillis,
    tags,
    checkedAt: bornAt,
    writeId,
    constant,
    endsWithParts,
    memoryExpiresAt: undefined,
    etag,
    counters,
    weight: 1,
    isShared
  }
  if (isShared) recent[place] = terms
  return terms
}

/**
 * Whether an entry can count from their beginning: it is a small whole number away, within weeks. A sum of fractions may be
 * another number than it was made of.
 */
const reaches = ({ beganAt }: Terms, createdAt: number): boolean => {
  const since = createdAt - beganAt
  return (since | 0) === since && beganAt + since === createdAt
}

/** Terms that may be changed: they are no other entry's. */
export const ownTerms = (terms: Terms): Terms => terms.isShared ? { ...terms, isShared: false } : terms
