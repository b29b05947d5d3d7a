/**
 * The shadow: three small caches without values, each with its own rule, follow a sample of the ids (Waldspurger,
 * Saemundsson, Ahmad and Park, ATC 2017). The rule with the most hits leads. All rules see the same reads, so their
 * differences say far more than changes in a single hit ratio.
 */
import { HotAndQueue, type Item, LIRS, LRU, type Rule, S3 } from "./hotAndQueue.ts"

/** How many recent accesses the scores reflect, as a multiple of the shadow's entries. */
const memory = 50

/** LIRS: the minimum and maximum share of entries in its queue. */
const shortestQueue = 0.01
const longestQueue = 0.5

/** The queue of LIRS shrinks if LRU misses a hot entry whose age exceeds this share of the oldest hot entry's age. */
const lateAt = 0.6

/** How many entries the queue of LIRS gains when LRU hits and LIRS misses, while LIRS has a lower score than LRU. */
const gainsBehind = 4

class Sample implements Item {
  previous: Sample | undefined = undefined
  next: Sample | undefined = undefined
  mark = 0
  readonly hash: number
  readonly weight: number

  constructor(hash: number, weight: number) {
    this.hash = hash
    this.weight = weight
  }
}

class SmallCache {
  readonly lists: HotAndQueue<Sample>
  private readonly samples = new Map<number, Sample>()
  private readonly capacity: number

  constructor(rule: Rule, capacity: number, entries: number) {
    this.capacity = capacity
    this.lists = new HotAndQueue(rule, ({ hash }) => hash)
    this.lists.layOut(capacity, entries)
  }

  find(hash: number): Sample | undefined {
    return this.samples.get(hash)
  }

  read(hash: number, weight: number): boolean {
    const { lists, samples } = this
    const known = samples.get(hash)
    if (known !== undefined) {
      lists.read(known)
      return true
    }
    while (lists.weight + weight > this.capacity) {
      const victim = lists.victim()
      if (victim === undefined) return false
      lists.remove(victim, true)
      samples.delete(victim.hash)
    }
    const sample = new Sample(hash, weight)
    samples.set(hash, sample)
    lists.insert(sample, hash, false)
    return false
  }
}

/** A plain LRU cache of weights, built on a `Map`, which keeps its keys in insertion order. */
class SmallLru {
  isFull = false
  private weight = 0
  private readonly weights = new Map<number, number>()
  private readonly capacity: number

  constructor(capacity: number) {
    this.capacity = capacity
  }

  read(hash: number, weight: number): boolean {
    const { weights } = this
    const known = weights.get(hash)
    if (known !== undefined) {
      weights.delete(hash)
      weights.set(hash, known)
      return true
    }
    while (this.weight + weight > this.capacity && weights.size > 0) {
      const [oldest, its] = weights.entries().next().value!
      weights.delete(oldest)
      this.weight -= its
      this.isFull = true
    }
    weights.set(hash, weight)
    this.weight += weight
    if (this.weight >= this.capacity) this.isFull = true
    return false
  }
}

export class Shadow {
  lead: Rule = LRU
  /** LIRS: the target length of the queue, as a share of all entries. */
  queueShare: number
  private readonly lru: SmallLru
  private readonly lirs: SmallCache
  private readonly s3: SmallCache
  private readonly entries: number
  private readonly fade: number
  /** For each rule, its hits minus those of LRU, with exponential decay. */
  private readonly scores = [0, 0, 0]

  constructor(capacity: number, entries: number) {
    this.entries = entries
    this.fade = 1 - 1 / (memory * entries)
    this.lru = new SmallLru(capacity)
    this.lirs = new SmallCache(LIRS, capacity, entries)
    this.s3 = new SmallCache(S3, capacity, entries)
    this.queueShare = this.lirs.lists.queueTarget / entries
  }

  follow(hash: number, weight: number): void {
    const { lists } = this.lirs
    const judges = this.lru.isFull
    const sample = this.lirs.find(hash)
    const isLate = sample !== undefined && lists.isHot(sample) && lists.ageOf(sample) > lateAt * lists.hotAge()
    const byLru = this.lru.read(hash, weight)
    const byLirs = this.lirs.read(hash, weight)
    const byS3 = this.s3.read(hash, weight)
    if (!judges) return
    this.count(LIRS, +byLirs - +byLru)
    this.count(S3, +byS3 - +byLru)
    if (isLate && !byLru) this.setQueue(lists.queueTarget - 1)
    else if (byLru && !byLirs) this.setQueue(lists.queueTarget + (this.scores[LIRS]! < 0 ? gainsBehind : 1))
    this.chooseLead()
  }

  private count(rule: Rule, difference: number): void {
    this.scores[rule] = this.scores[rule]! * this.fade + difference
  }

  private setQueue(target: number): void {
    const { entries } = this
    const least = Math.max(1, Math.floor(entries * shortestQueue))
    const most = Math.max(1, Math.min(entries - 1, Math.floor(entries * longestQueue)))
    this.lirs.lists.queueTarget = Math.max(least, Math.min(most, target))
    this.queueShare = this.lirs.lists.queueTarget / entries
  }

  /** Selects the rule with the best score. Requires no margin, because changing the rule costs nothing. */
  private chooseLead(): void {
    const { scores } = this
    for (const rule of [LRU, LIRS, S3] as const) {
      if (scores[rule]! > scores[this.lead]!) this.lead = rule
    }
  }
}
