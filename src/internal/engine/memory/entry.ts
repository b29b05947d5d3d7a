/**
 * An entry of the memory tier. There are many, so each has only what is its own: the rest is in one `Terms` for all that
 * were stored alike, and a value is there without an `Exit` around it.
 */
import { bytesOf, ownTerms, shared } from "#platform/engine/memory/terms"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Outcome, TagVersion, Timing } from "../../../CacheEntry.ts"
import type { Node } from "../../../ports/eviction.ts"
import type { Counters } from "../telemetry/telemetry.ts"
import type { Terms } from "./terms.ts"

/** What has a place in the ring of a bucket: an entry, or the head of the ring. `undefined`: it is in none. */
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

/** The versions of the tags of what the store has answered with, since something derives from entries. */
const versions = new WeakMap<object, ReadonlyArray<TagVersion>>()

export const versionsOf = (entry: Entry): ReadonlyArray<TagVersion> | undefined => versions.get(entry)

export const keepVersions = (entry: Entry, of: ReadonlyArray<TagVersion>): void => void versions.set(entry, of)

/** A decoded result in memory, and itself a node of the eviction list. */
export class Entry implements Timing, Node, Due {
  readonly id: string
  /** a value, or the exit of a failure */
  private readonly content: unknown
  private terms: Terms
  /** when it was made, from the beginning of its terms on: a short whole number is in the field itself */
  private since: number
  /** how many reads it has served in this process */
  reads: number
  /** in a bucket of `deadlines.ts`: of an entry that never expires, or is not in memory, there are none */
  previousDue: Due | undefined
  nextDue: Due | undefined
  previous: Node | undefined
  next: Node | undefined
  mark: number
  /** what it counts against the bound of memory; an entry of a memory that only counts has no such field */
  declare weight?: number
  /** the same holds without a store, until `find` is asked for it */
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

  /** Answers a fiber that evaluates: nothing is made for a value. */
  answer(fiber: Fiber.Fiber<any, any>): Effect.Effect<unknown, unknown> {
    return (this.outcome === "success" ? (fiber as Continuing).succeedWith?.(this.content) : undefined) ?? this.exit
  }

  /** Made for whoever asks. */
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

  /** the counters of its key class, so that a hit need not look for them */
  get counters(): Counters {
    return this.terms.counters
  }

  /**
   * the last tag epoch in which its tags were checked; at first the one in which its load, or the read from the store,
   * began. A later invalidation of one of its tags ends it
   */
  get checkedAt(): number {
    return this.terms.checkedAt
  }

  /** Terms that entries share have no tags, and are in order for all of them. */
  set checkedAt(epoch: number) {
    this.terms.checkedAt = epoch
  }

  /** `-Infinity`: made stale by a soft invalidation */
  get softExpiresAt(): number {
    return this.createdAt + this.terms.softAfter
  }

  set softExpiresAt(softExpiresAt: number) {
    this.own().softAfter = softExpiresAt - this.createdAt
  }

  /** Reads may move it, if the strategy has a `touch`. */
  get expiresAt(): number {
    return this.createdAt + this.terms.endsAfter
  }

  set expiresAt(expiresAt: number) {
    this.own().endsAfter = expiresAt - this.createdAt
  }

  /**
   * The constant of a strategy that its lifetime is: see `constant` of a request. `undefined`: it is none, and no reader
   * moves it.
   */
  get constant(): unknown {
    return this.terms.constant
  }

  /** It ends with the values it was made of, so no reader prolongs it. */
  get endsWithParts(): boolean | undefined {
    return this.terms.endsWithParts
  }

  /** From then on the store is asked again (`memoryTtl`); `-Infinity`: the next reader's option decides. */
  get memoryExpiresAt(): number | undefined {
    return this.terms.memoryExpiresAt
  }

  set memoryExpiresAt(memoryExpiresAt: number | undefined) {
    this.share({ ...this.terms, memoryExpiresAt })
  }

  get etag(): string | undefined {
    return this.terms.etag
  }

  /** beside its id and its value */
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

  /** Its terms, which no other entry has from here on. */
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

/**
 * How a fiber goes on with a value: a method of Effect's implementation, which its own effects answer with. Where that is
 * missing an `Exit` does the same.
 */
interface Continuing extends Fiber.Fiber<unknown> {
  readonly succeedWith?: (value: unknown) => Effect.Effect<unknown>
}

/** Until when a failure must not replace it: see `protectedUntil`. */
export const protectedUntilOf = ({ expiresAt, outcome }: Entry): number => outcome === "success" ? expiresAt : -Infinity
