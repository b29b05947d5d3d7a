/**
 * An entry of the memory tier: a decoded result, and a node of the eviction list. To save memory, entries with the same
 * lifetime share one `Terms` object, and a success is kept without an `Exit` around it.
 */
import { bytesOf, ownTerms, shared } from "#platform/engine/memory/terms"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Outcome, TagVersion, Timing } from "../../../CacheEntry.ts"
import type { Node } from "../../../ports/eviction.ts"
import type { WallTime } from "../../time/wallTime.ts"
import type { Counters } from "../telemetry/telemetry.ts"
import type { Terms } from "./terms.ts"

/** A member of a bucket's ring in `deadlines.ts`: an entry or the ring's head. Links are `undefined` outside a ring. */
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
  readonly time: WallTime
  readonly writeId: string | undefined
}

/** Tag versions of entries read from the store. Kept only once a load has used `inherit: "changes"`. */
const versions = new WeakMap<object, ReadonlyArray<TagVersion>>()

export const versionsOf = (entry: Entry): ReadonlyArray<TagVersion> | undefined => versions.get(entry)

export const keepVersions = (entry: Entry, of: ReadonlyArray<TagVersion>): void => void versions.set(entry, of)

export class Entry implements Timing, Node, Due {
  readonly id: string
  /** The value of a success, or the `Exit` of a failure. */
  private readonly content: unknown
  private terms: Terms
  /** The creation time as an offset from the terms' `beganAt`, because V8 stores a small integer without allocating. */
  private since: number
  reads: number
  /** Links in the ring of a bucket (`deadlines.ts`). `undefined` if the entry never expires or is not in memory. */
  previousDue: Due | undefined
  nextDue: Due | undefined
  previous: Node | undefined
  next: Node | undefined
  mark: number
  declare weight?: number
  /** Identifies the write that made the entry. Without a store, this is absent until needed (`request/answers.ts`). */
  declare writeId: string | undefined

  constructor(options: EntryOptions) {
    const { exit, id } = options
    this.id = id
    this.content = Exit.isSuccess(exit) ? exit.value : exit
    const madeAt = madeAtOf(options)
    this.terms = termsOf(options, madeAt)
    this.since = madeAt - this.terms.beganAt
    this.reads = 0
    this.previousDue = undefined
    this.nextDue = undefined
    this.previous = undefined
    this.next = undefined
    this.mark = 0
    if (options.writeId !== undefined) this.writeId = options.writeId
  }

  /** Answers a fiber that evaluates the read. For a value, this allocates no `Exit`. */
  answer(fiber: Fiber.Fiber<any, any>): Effect.Effect<unknown, unknown> {
    return (this.outcome === "success" ? (fiber as Continuing).succeedWith?.(this.content) : undefined) ?? this.exit
  }

  /** The result as an `Exit`. For a value, each access allocates an `Exit`. */
  get exit(): Exit.Exit<unknown, unknown> {
    return this.terms.outcome === "success" ? Exit.succeed(this.content) : this.content as Exit.Exit<never>
  }

  get outcome(): Outcome {
    return this.terms.outcome
  }

  /** The creation time by the wall clock: if that was set back since, the time that it would have shown. */
  get createdAt(): number {
    return this.madeAt - this.terms.time.setBackMillis
  }

  /** The creation time on the scale of `WallTime`, which never goes back. */
  private get madeAt(): number {
    return this.terms.beganAt + this.since
  }

  get time(): WallTime {
    return this.terms.time
  }

  get loadMillis(): number {
    return this.terms.loadMillis
  }

  get tags(): ReadonlyArray<string> {
    return this.terms.tags
  }

  /** The counters of the key class. The entry keeps them so that a hit need not look them up. */
  get counters(): Counters {
    return this.terms.counters
  }

  /** The tag epoch in which the tags were last checked: at first, the epoch before the load or the store read. */
  get checkedAt(): number {
    return this.terms.checkedAt
  }

  /** Sets the epoch even in shared terms: entries with tags share none, and without tags the epoch does not matter. */
  set checkedAt(epoch: number) {
    this.terms.checkedAt = epoch
  }

  /** The soft deadline in epoch milliseconds. `-Infinity` after a soft invalidation. */
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
    const terms = this.own()
    terms.endsAfter = expiresAt - this.createdAt
    terms.keptAfter = Math.max(terms.keptAfter, terms.endsAfter)
  }

  /** The deadline that no reader has shortened: until then, a reader with a longer constant lifetime may be served. */
  get memoryUntil(): number {
    return this.createdAt + this.terms.keptAfter
  }

  /** Whether both deadlines lie ahead. Computed from the terms, because each hit needs it. */
  isBeforeDeadlines(now: number): boolean {
    const { endsAfter, softAfter, time } = this.terms
    const { madeAt } = this
    const at = now + time.setBackMillis
    return at < madeAt + softAfter && at < madeAt + endsAfter
  }

  get hasDeadlines(): boolean {
    return this.terms.softAfter !== Infinity || this.terms.endsAfter !== Infinity
  }

  /** Identifies the constant lifetime that set the deadlines (see `Request`). If absent, readers keep the deadlines. */
  get constant(): unknown {
    return this.terms.constant
  }

  /** Whether the entry expires with the cached values that its load has read, so that no reader may prolong it. */
  get endsWithParts(): boolean | undefined {
    return this.terms.endsWithParts
  }

  /** When to ask the store again (`memoryTtl`), in epoch milliseconds. If `-Infinity`, the next reader decides. */
  get memoryExpiresAt(): number | undefined {
    const { askAt, time } = this.terms
    return askAt === undefined ? undefined : askAt - time.setBackMillis
  }

  set memoryExpiresAt(at: number | undefined) {
    this.share({ ...this.terms, askAt: at === undefined ? undefined : at + this.time.setBackMillis })
  }

  get etag(): string | undefined {
    return this.terms.etag
  }

  /** Estimated bytes of the entry, not counting its id and value. */
  get bytes(): number {
    return bytesOf(this.terms, this.writeId)
  }

  /** Sets the deadlines and the constant lifetime behind them. Entries with the same lifetime share their terms. */
  live(constant: unknown, softExpiresAt: number, expiresAt: number, memoryUntil = expiresAt): void {
    const { createdAt } = this
    this.share({
      ...this.terms,
      constant,
      softAfter: softExpiresAt - createdAt,
      endsAfter: expiresAt - createdAt,
      keptAfter: Math.max(memoryUntil, expiresAt) - createdAt
    })
  }

  private share(terms: Terms): void {
    const { madeAt } = this
    this.terms = shared(terms, madeAt)
    this.since = madeAt - this.terms.beganAt
  }

  private own(): Terms {
    return this.terms = ownTerms(this.terms)
  }
}

/** No entry is newer than now: a process whose clock is ahead may have made it, or the clock was set back since. */
const madeAtOf = ({ createdAt, time }: EntryOptions): number => Math.min(createdAt, time.seen) + time.setBackMillis

const termsOf = (options: EntryOptions, madeAt: number): Terms => {
  const { bornAt, constant, counters, createdAt, endsWithParts, etag, loadMillis, softExpiresAt, tags, time } = options
  const terms: Terms = {
    outcome: Exit.isSuccess(options.exit) ? "success" : "failure",
    beganAt: madeAt,
    softAfter: softExpiresAt - createdAt,
    endsAfter: options.expiresAt - createdAt,
    keptAfter: options.expiresAt - createdAt,
    loadMillis,
    tags,
    checkedAt: bornAt,
    constant,
    endsWithParts,
    askAt: undefined,
    etag,
    counters,
    time,
    entries: 1,
    isShared: true
  }
  return shared(terms, madeAt)
}

/** Copies an entry without its links: one that was in memory is linked to others, and would keep them alive. */
export const copyOf = (entry: Entry, changes?: Partial<EntryOptions>): Entry =>
  new Entry({
    id: entry.id,
    exit: entry.exit,
    createdAt: entry.createdAt,
    softExpiresAt: entry.softExpiresAt,
    expiresAt: entry.expiresAt,
    loadMillis: entry.loadMillis,
    tags: entry.tags,
    bornAt: entry.checkedAt,
    writeId: entry.writeId,
    etag: entry.etag,
    constant: entry.constant,
    endsWithParts: entry.endsWithParts,
    counters: entry.counters,
    time: entry.time,
    ...changes
  })

/** A fiber with Effect's internal method for resuming with a plain value. Without that method, an `Exit` is used. */
interface Continuing extends Fiber.Fiber<unknown> {
  readonly succeedWith?: (value: unknown) => Effect.Effect<unknown>
}

export const protectedUntilOf = ({ expiresAt, outcome }: Entry): number => outcome === "success" ? expiresAt : -Infinity
