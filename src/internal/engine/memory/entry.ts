/** An entry of the memory tier. */
import * as Exit from "effect/Exit"
import type { Outcome, Timing } from "../../../CacheEntry.ts"
import type { Node } from "../../../Eviction.ts"
import type { Counters } from "../telemetry/counters.ts"

interface EntryOptions {
  readonly id: string
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
  readonly counters: Counters
}

/** Kept here, not in a field of each entry: few entries have one. */
const etags = new WeakMap<object, string>()

/** How an entry may be used whose time in memory has an end of its own. */
class Limited {
  readonly constant: unknown
  readonly memoryExpiresAt: number
  constructor(constant: unknown, memoryExpiresAt: number) {
    this.constant = constant
    this.memoryExpiresAt = memoryExpiresAt
  }
}

/** The place of an entry that is in no heap: see `deadlines.ts`. */
export const nowhere = -1

/** A decoded result in memory. Flat, and itself a node of the eviction list, because there are many. */
export class Entry implements Timing, Node {
  readonly id: string
  readonly exit: Exit.Exit<unknown, unknown>
  readonly createdAt: number
  /** its deadlines, from `createdAt` on: a short whole number is in the field itself, a point in time is beside it */
  private softAfter: number
  private endsAfter: number
  readonly loadMillis: number
  readonly tags: ReadonlyArray<string>
  /**
   * the last tag epoch in which its tags were checked; at first the one in which its load, or the read from the store,
   * began. A later invalidation of one of its tags ends it
   */
  checkedAt: number
  /** `undefined` without a store, until `find` is asked for it */
  writeId: string | undefined
  /** its constant, or a `Limited`: one field for both, because few entries have a time of their own in memory */
  use: unknown
  /** how many reads it has served in this process */
  reads: number
  /** the counters of its key class, so that a hit need not look for them */
  readonly counters: Counters
  /** in the heap of deadlines; `nowhere` for an entry that never expires, or is not in memory */
  place: number
  previous: Node | undefined
  next: Node | undefined

  constructor(options: EntryOptions) {
    this.id = options.id
    this.exit = options.exit
    this.createdAt = options.createdAt
    this.softAfter = options.softExpiresAt - options.createdAt
    this.endsAfter = options.expiresAt - options.createdAt
    this.loadMillis = options.loadMillis
    this.tags = options.tags
    this.checkedAt = options.bornAt
    this.writeId = options.writeId
    this.use = options.constant
    this.reads = 0
    this.counters = options.counters
    this.place = nowhere
    this.previous = undefined
    this.next = undefined
    if (options.etag !== undefined) etags.set(this, options.etag)
  }

  /** `-Infinity`: made stale by a soft invalidation */
  get softExpiresAt(): number {
    return this.createdAt + this.softAfter
  }

  set softExpiresAt(softExpiresAt: number) {
    this.softAfter = softExpiresAt - this.createdAt
  }

  /** Reads may move it, if the strategy has a `touch`. */
  get expiresAt(): number {
    return this.createdAt + this.endsAfter
  }

  set expiresAt(expiresAt: number) {
    this.endsAfter = expiresAt - this.createdAt
  }

  /**
   * The constant of a strategy that its lifetime is, or is limited by: see `constant` of a request. `undefined`: it is
   * none, and no reader limits it.
   */
  get constant(): unknown {
    const { use } = this
    return use instanceof Limited ? use.constant : use
  }

  set constant(constant: unknown) {
    const { memoryExpiresAt } = this
    this.use = memoryExpiresAt === undefined ? constant : new Limited(constant, memoryExpiresAt)
  }

  /** From then on the store is asked again (`memoryTtl`); `-Infinity`: the next reader's option decides. */
  get memoryExpiresAt(): number | undefined {
    const { use } = this
    return use instanceof Limited ? use.memoryExpiresAt : undefined
  }

  set memoryExpiresAt(memoryExpiresAt: number | undefined) {
    const { constant } = this
    this.use = memoryExpiresAt === undefined ? constant : new Limited(constant, memoryExpiresAt)
  }

  get etag(): string | undefined {
    return etags.get(this)
  }

  get outcome(): Outcome {
    return Exit.isSuccess(this.exit) ? "success" : "failure"
  }
}

/** Until when a failure must not replace it: see `protectedUntil`. */
export const protectedUntilOf = ({ expiresAt, outcome }: Entry): number => outcome === "success" ? expiresAt : -Infinity
