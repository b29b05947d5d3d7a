/**
 * Two lists of entries, `hot` and `queue`, and three rules that select the victim. The rule can change at any time
 * without moving an entry.
 * - LRU evicts the older of the two tails.
 * - LIRS (Jiang and Zhang, SIGMETRICS 2002): an entry becomes hot when the time between two of its reads is at most
 *   the age of the oldest hot entry. Marks record this, so no stack is needed. The queue is short; its tail is evicted.
 * - S3 (after S3-FIFO: Yang, Zhang, Qiu, Yue and Rashmi, SOSP 2023): entries become hot when read twice in a FIFO
 *   queue, or on return with a ghost. If the queue is short, the last hot entry without a second chance is evicted.
 *
 * Time is counted in generations: 32 of them pass while as many entries arrive as memory holds. A mark has the
 * generation of the entry's last move, up to three second chances, and two flags. A frequently read entry moves only
 * once in a generation, so most hits cost a single comparison.
 */
import { Ghosts } from "./ghosts.ts"
import { weightOf } from "./nodes.ts"
import * as Ring from "./ring.ts"

export const LRU = 0
export const LIRS = 1
export const S3 = 2

export type Rule = typeof LRU | typeof LIRS | typeof S3

export interface Item extends Ring.Linked {
  mark?: number | undefined
  readonly weight?: number | undefined
}

const hot = 1
const sampled = 2
const chance = 4
const chances = 12
const flags = 15
const generationBits = 4
const generations = 0x3ffffff

const moved = ~(sampled | chances)

/** The number of generations that pass while the number of added entries reaches the capacity. */
const generationsOfCapacity = 32

/** A read within this many generations of the last one is a hit under every rule, so it does not favor any rule. */
const aWhile = 2

/** LIRS: the initial share of entries in the queue. */
const queueAtFirst = 0.05

/** S3: the share of entries in the queue, and the number of reads in the queue that make an entry hot. */
const queueOfS3 = 0.15
const readsToBeHot = 2 * chance

const ghostsOfEntry = 1.5

/** The number of entries that one call moves is limited, so after a rule change many calls share the work. */
const movesOfFit = 32
const movesOfBalance = 16
const movesOfS3 = 64

export class HotAndQueue<A extends Item> {
  rule: Rule
  /** Whether memory has ever been full. Until then, there are no evictions to learn from. */
  full = false
  readsBefore = 0
  insertsBefore = 0
  hotWeight = 0
  queueWeight = 0
  /** LIRS: the target length of the queue, in entries. */
  queueTarget = 0
  isFresh = hot
  private unit = 1
  private capacity = 0
  private entries = 0
  private generation = 0
  private left = 0
  private ghosts: Ghosts | undefined
  private readonly hot = Ring.makeHead()
  private readonly queue = Ring.makeHead()
  private readonly hashOf: (item: A) => number

  constructor(rule: Rule, hashOf: (item: A) => number) {
    this.rule = rule
    this.hashOf = hashOf
  }

  /** Sets the capacity and the expected number of entries. Any excess leaves through `victim`. */
  layOut(capacity: number, entries: number): void {
    this.capacity = capacity
    this.entries = entries
    this.unit = Number.isFinite(capacity) ? capacity / entries : 1
    this.queueTarget = Math.max(1, entries * queueAtFirst)
    this.ghosts = undefined
  }

  get weight(): number {
    return this.hotWeight + this.queueWeight
  }

  isHot({ mark }: A): boolean {
    return (mark! & hot) !== 0
  }

  ageOf({ mark }: Item): number {
    return (this.generation - (mark! >>> generationBits)) & generations
  }

  /** Except under S3, an entry becomes hot if at most this many generations pass between two of its reads. */
  hotAge(): number {
    return this.hotWeight === 0 ? generations : this.ageOf(this.hot.previous!)
  }

  /** A mask for marks. If a masked mark equals `isFresh`, the hot entry has already moved in this generation. */
  static readonly moved = moved

  /** Records a read. Returns whether the entry is sampled, or `false` if it is hot and has moved in this generation. */
  read(item: A): boolean {
    const mark = item.mark!
    return (mark & moved) !== this.isFresh && this.move(item, mark)
  }

  private move(item: A, mark: number): boolean {
    const { full, rule } = this
    const now = this.generation << generationBits
    const isHot = (mark & hot) !== 0
    if (!full && this.ageOf(item) >= aWhile) this.readsBefore += weightOf(item)
    if (!isHot && full && rule !== S3 && this.ageOf(item) <= this.hotAge()) {
      this.change(item, this.hot, now | (mark & sampled) | hot)
      Ring.insertAfter(this.hot, item)
      if (rule === LIRS) this.fit()
    } else {
      item.mark = now | ((mark & chances) === chances ? mark & flags : (mark & flags) + chance)
      // The queue of S3 is a FIFO, so a read does not move an entry in it.
      if (isHot || rule !== S3 || !full) {
        Ring.unlink(item)
        Ring.insertAfter(isHot ? this.hot : this.queue, item)
      }
    }
    return (mark & sampled) !== 0
  }

  private change(item: A, to: Ring.Linked, mark: number): void {
    const weight = weightOf(item)
    Ring.unlink(item)
    if ((item.mark! & hot) !== 0) this.hotWeight -= weight
    else this.queueWeight -= weight
    if (to === this.hot) this.hotWeight += weight
    else this.queueWeight += weight
    item.mark = mark
  }

  insert(item: A, hash: number, isSampled: boolean): void {
    const weight = weightOf(item)
    this.pass(weight)
    let isHot = this.rule !== S3 && this.hotWeight < this.capacity * (1 - queueAtFirst)
    if (this.full) {
      const age = this.ghosts?.take(hash, this.generation) ?? -1
      isHot = age >= 0 && (this.rule === S3 || age <= this.hotAge())
    } else this.insertsBefore += weight
    item.mark = (this.generation << generationBits) | (isSampled ? sampled : 0) | (isHot ? hot : 0)
    if (isHot) this.hotWeight += weight
    else this.queueWeight += weight
    Ring.insertAfter(isHot ? this.hot : this.queue, item)
    if (isHot && this.full && this.rule === LIRS) this.fit()
  }

  /** Advances time when an entry is added. Reads do not advance it, because they evict nothing. */
  private pass(weight: number): void {
    this.left -= weight
    if (this.left > 0) return
    this.left = Math.max(this.unit, Math.round(this.entries / generationsOfCapacity) * this.unit)
    this.generation = (this.generation + 1) & generations
    this.isFresh = (this.generation << generationBits) | hot
    this.ghosts?.sweep(this.generation)
  }

  /** Removes an entry. An evicted entry leaves a ghost (a record of its last use), except for a hot entry under S3. */
  remove(item: A, isEvicted: boolean): void {
    const isHot = this.isHot(item)
    if (isHot) this.hotWeight -= weightOf(item)
    else this.queueWeight -= weightOf(item)
    Ring.release(item)
    if (!isEvicted || (isHot && this.rule === S3)) return
    this.ghosts ??= new Ghosts(this.entries * ghostsOfEntry)
    this.ghosts.put(this.hashOf(item), this.generation, this.ageOf(item))
  }

  /** Removes all entries in one step, without ghosts. The learned state stays. */
  clear(): void {
    Ring.empty(this.hot)
    Ring.empty(this.queue)
    this.hotWeight = this.queueWeight = 0
  }

  replace(old: A, item: A): void {
    item.mark = old.mark
    const more = weightOf(item) - weightOf(old)
    if (this.isHot(item)) this.hotWeight += more
    else this.queueWeight += more
    Ring.replace(old, item)
  }

  victim(): A | undefined {
    this.full = true
    if (this.rule === S3) return this.victimOfS3()
    if (this.rule === LIRS) this.balance()
    const { hot, queue } = this
    if (Ring.isEmpty(queue)) return lastOf(hot)
    const isHot = this.rule === LRU && !Ring.isEmpty(hot) && this.ageOf(hot.previous!) > this.ageOf(queue.previous!)
    return lastOf(isHot ? hot : queue)
  }

  private queueLength(): number {
    return Math.max(1, Math.round(this.queueTarget)) * this.unit
  }

  /** LIRS: moves hot entries beyond their share to the queue. */
  private fit(): void {
    const most = this.capacity - this.queueLength()
    for (let left = movesOfFit; left > 0 && this.hotWeight > most; left--) {
      for (;;) {
        const item = lastOf<A>(this.hot)!
        const mark = item.mark!
        if ((mark & chances) !== 0) {
          item.mark = mark - chance
          Ring.unlink(item)
          Ring.insertAfter(this.hot, item)
          continue
        }
        this.change(item, this.queue, mark & ~hot)
        Ring.insertAfter(this.queue, item)
        break
      }
    }
  }

  /** LIRS: fills up the hot list from the queue's end, so that part of a loop over many ids stays in memory. */
  private balance(): void {
    this.fit()
    const least = this.queueLength()
    for (let left = movesOfBalance; left > 0; left--) {
      if (this.queueWeight <= least || this.hotWeight >= this.capacity - least) return
      const item = lastOf<A>(this.queue)!
      this.change(item, this.hot, (item.mark! & ~chances) | hot)
      Ring.append(this.hot, item)
    }
  }

  private victimOfS3(): A | undefined {
    const least = Math.max(1, Math.floor(this.entries * queueOfS3)) * this.unit
    for (let left = movesOfS3; left > 0; left--) {
      const isQueued = this.queueWeight >= least || Ring.isEmpty(this.hot)
      const item = lastOf<A>(isQueued ? this.queue : this.hot)
      if (item === undefined) return undefined
      const mark = item.mark!
      if ((mark & chances) < (isQueued ? readsToBeHot : chance)) return item
      if (isQueued) this.change(item, this.hot, (mark & ~chances) | hot)
      else {
        Ring.unlink(item)
        item.mark = mark - chance
      }
      Ring.insertAfter(this.hot, item)
    }
    return lastOf(Ring.isEmpty(this.hot) ? this.queue : this.hot)
  }
}

const lastOf = <A extends Item>(head: Ring.Linked): A | undefined => Ring.isEmpty(head) ? undefined : head.previous as A
