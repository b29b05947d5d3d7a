/** A decoded result in memory. */
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
  readonly counters: Counters
}

/** few entries have one: a field in each would cost more */
const etags = new WeakMap<object, string>()

/** A decoded result in the memory tier. Flat, and a node of the eviction list itself, because there are many. */
export class Entry implements Timing, Node {
  readonly id: string
  readonly exit: Exit.Exit<unknown, unknown>
  readonly createdAt: number
  /** `-Infinity`: marked as stale by a soft invalidation */
  softExpiresAt: number
  /** a strategy may let reads move it */
  expiresAt: number
  readonly loadMillis: number
  readonly tags: ReadonlyArray<string>
  /**
   * the last tag epoch in which it was known to be unchanged, at first the one when its load (or its reading from the
   * store) began: a tag invalidated later kills it
   */
  checkedAt: number
  /** in memory alone it is given one when somebody asks */
  writeId: string | undefined
  /** until then memory answers for it, then the store is asked again; `-Infinity`: the next reader says how long */
  memoryExpiresAt: number | undefined
  /** how many reads of this process it has served */
  reads: number
  /** those of its key's class: a hit is counted without looking for them */
  readonly counters: Counters
  previous: Node | undefined
  next: Node | undefined

  constructor(options: EntryOptions) {
    this.id = options.id
    this.exit = options.exit
    this.createdAt = options.createdAt
    this.softExpiresAt = options.softExpiresAt
    this.expiresAt = options.expiresAt
    this.loadMillis = options.loadMillis
    this.tags = options.tags
    this.checkedAt = options.bornAt
    this.writeId = options.writeId
    this.memoryExpiresAt = undefined
    this.reads = 0
    this.counters = options.counters
    this.previous = undefined
    this.next = undefined
    if (options.etag !== undefined) etags.set(this, options.etag)
  }

  get etag(): string | undefined {
    return etags.get(this)
  }

  get outcome(): Outcome {
    return Exit.isSuccess(this.exit) ? "success" : "failure"
  }
}

/** until when a failure must not take its place */
export const protectedUntilOf = ({ expiresAt, outcome }: Entry): number => outcome === "success" ? expiresAt : 0
