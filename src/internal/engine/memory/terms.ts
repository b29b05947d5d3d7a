/**
 * What entries have in common that were stored alike: by the same call, with the same lifetime, after as long a load. Most
 * entries of a program share a few; what changes for one entry alone gives it terms of its own.
 */
import { shared } from "#platform/engine/memory/sharedTerms"
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
  return shared(terms, createdAt)
}
