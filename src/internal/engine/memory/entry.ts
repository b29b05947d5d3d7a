/**
 * An entry of the memory tier: a decoded result and a node of the eviction list. There are many, so those stored alike
 * share one `Terms`, and a value is kept without an `Exit` around it.
 */
import { bytesOf, ownTerms, shared } from "#platform/engine/memory/terms"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Outcome, TagVersion, Timing } from "../../../CacheEntry.ts"
import type { Node } from "../../../ports/eviction.ts"
import type { Counters } from "../telemetry/telemetry.ts"
import type { Terms } from "./terms.ts"

/** A member of a bucket's ring: an entry, or the head. The links are `undefined` outside a ring. */
export interface Due {
  previousDue: Due | undefined
  nextDue: Due | undefined
}

interface EntryOptions {
  readonly id: string
  readonly exit: Exit.Exit<unknown, unknown>
  readonly createdAt: number
  readonly softExpiresAt: number
  readonly expiresAt: number
  readonly loadMillis: number
  readonly tags: ReadonlyArray<string>
  readonly bornAt: number
  readonly etag: string | undefined
  readonly constant: unknown
  readonly endsWithParts?: boolean | undefined
  readonly counters: Counters
  readonly writeId: string | undefined
}

/** Tag versions of entries read from the store, kept once another entry derives from them. */
const versions = new WeakMap<object, ReadonlyArray<TagVersion>>()

export const versionsOf = (entry: Entry): ReadonlyArray<TagVersion> | undefined => versions.get(entry)

export const keepVersions = (entry: Entry, of: ReadonlyArray<TagVersion>): void => void versions.set(entry, of)

export class Entry implements Timing, Node, Due {
  readonly id: string
  /** A value, or the exit of a failure. */
  private readonly content: unknown
  private terms: Terms
  /** Creation time relative to that of the terms: a small integer takes no space outside the object. */
  private since: number
  /** The reads served in this process. */
  reads: number
  /** Links in a bucket of `deadlines.ts`. `undefined` if the entry never expires or is not in memory. */
  previousDue: Due | undefined
  nextDue: Due | undefined
  previous: Node | undefined
  next: Node | undefined
  mark: number
  declare weight?: number
  /** Absent as well without a store, until `find` asks for it. */
  declare writeId: string | undefined

  constructor(options: EntryOptions) {
    const { createdAt, exit, id } = options
    this.id = id
    this.content = Exit.isSuccess(exit) ? exit.value : exit
    this.terms = termsOf(options)
    this.since = createdAt - this.terms.beganAt
    this.reads = 0
    this.previousDue = undefined
    this.nextDue = undefined
    this.previous = undefined
    this.next = undefined
    this.mark = 0
    if (options.writeId !== undefined) this.writeId = options.writeId
  }

  /** Answers an evaluating fiber without an allocation for a value. */
  answer(fiber: Fiber.Fiber<any, any>): Effect.Effect<unknown, unknown> {
    return (this.outcome === "success" ? (fiber as Continuing).succeedWith?.(this.content) : undefined) ?? this.exit
  }

  /** Allocates for a value. */
  get exit(): Exit.Exit<unknown, unknown> {
    return this.terms.outcome === "success" ? Exit.succeed(this.content) : this.content as Exit.Exit<never>
  }

  get outcome(): Outcome {
    return this.terms.outcome
  }

  get createdAt(): number {
    return this.terms.beganAt + this.since
  }

  get loadMillis(): number {
    return this.terms.loadMillis
  }

  get tags(): ReadonlyArray<string> {
    return this.terms.tags
  }

  /** The counters of the key class, kept here so that a hit need not look them up. */
  get counters(): Counters {
    return this.terms.counters
  }

  /** The last tag epoch in which the tags were checked, initially that before the load or the read from the store. */
  get checkedAt(): number {
    return this.terms.checkedAt
  }

  /** Shared terms have no tags, so the epoch holds for all their entries. */
  set checkedAt(epoch: number) {
    this.terms.checkedAt = epoch
  }

  /** `-Infinity` after a soft invalidation. */
  get softExpiresAt(): number {
    return this.createdAt + this.terms.softAfter
  }

  set softExpiresAt(softExpiresAt: number) {
    this.own().softAfter = softExpiresAt - this.createdAt
  }

  get expiresAt(): number {
    return this.createdAt + this.terms.endsAfter
  }

  set expiresAt(expiresAt: number) {
    this.own().endsAfter = expiresAt - this.createdAt
  }

  /** Identifies the constant lifetime behind the deadlines (see `Request`). `undefined`: readers do not move them. */
  get constant(): unknown {
    return this.terms.constant
  }

  /** Ends with the values it was made of, so no reader prolongs it. */
  get endsWithParts(): boolean | undefined {
    return this.terms.endsWithParts
  }

  /** The time at which the store is asked again (`memoryTtl`). `-Infinity`: the next reader's option decides. */
  get memoryExpiresAt(): number | undefined {
    return this.terms.memoryExpiresAt
  }

  set memoryExpiresAt(memoryExpiresAt: number | undefined) {
    this.share({ ...this.terms, memoryExpiresAt })
  }

  get etag(): string | undefined {
    return this.terms.etag
  }

  /** Bytes in addition to the id and the value. */
  get bytes(): number {
    return bytesOf(this.terms, this.writeId)
  }

  /** Gives it another lifetime, which it shares with entries that get the same one, and the constant that this is. */
  live(constant: unknown, softExpiresAt: number, expiresAt: number): void {
    const { createdAt } = this
    this.share({
      ...this.terms,
      constant,
      softAfter: softExpiresAt - createdAt,
      endsAfter: expiresAt - createdAt
    })
  }

  private share(terms: Terms): void {
    const { createdAt } = this
    this.terms = shared(terms, createdAt)
    this.since = createdAt - this.terms.beganAt
  }

  /** Returns terms that no other entry shares. */
  private own(): Terms {
    return this.terms = ownTerms(this.terms)
  }
}

const termsOf = (options: EntryOptions): Terms => {
  const { bornAt, constant, counters, createdAt, endsWithParts, etag, loadMillis, softExpiresAt, tags } = options
  const terms: Terms = {
    outcome: Exit.isSuccess(options.exit) ? "success" : "failure",
    beganAt: createdAt,
    softAfter: softExpiresAt - createdAt,
    endsAfter: options.expiresAt - createdAt,
    loadMillis,
    tags,
    checkedAt: bornAt,
    constant,
    endsWithParts,
    memoryExpiresAt: undefined,
    etag,
    counters,
    entries: 1,
    isShared: true
  }
  return shared(terms, createdAt)
}

/** Effect's internal method to resume a fiber with a value without an `Exit`. If missing, an `Exit` is used. */
interface Continuing extends Fiber.Fiber<unknown> {
  readonly succeedWith?: (value: unknown) => Effect.Effect<unknown>
}

export const protectedUntilOf = ({ expiresAt, outcome }: Entry): number => outcome === "success" ? expiresAt : -Infinity
