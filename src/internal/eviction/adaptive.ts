/**
 * The adaptive policy: LRU, LIRS and S3 compete, because no rule is always the best. All rules work on the same two
 * lists (`hotAndQueue.ts`), so changing the leading rule moves no entry. A shadow (`shadow.ts`) selects the rule.
 */
import type { Node, Policy, PolicyOptions } from "../../ports/eviction.ts"
import { HotAndQueue, LIRS, LRU, type Rule } from "./hotAndQueue.ts"
import { makeHash, weightOf } from "./nodes.ts"
import { Shadow } from "./shadow.ts"
import { makeSuccessor } from "./successor.ts"

/** A memory whose capacity is at most this many entries uses plain LRU: a shadow would cost more than the entries. */
const plain = 32

/** The shadow follows all entries if there are at most this many, otherwise a share, but at least `smallestShadow`. */
const followedAsWhole = 128
const smallestShadow = 64
const shareOfShadow = 1 / 128

/** Until memory is full, LIRS leads if at least this share of accesses hit an entry that had not been read recently. */
const reuseForLirs = 0.05

export const makeAdaptive = (options: PolicyOptions): Policy => {
  if (options.weighed || options.capacity > plain) return new Adaptive(options)
  const { follow, policy } = makeSuccessor()
  let adaptive: Adaptive | undefined
  return {
    ...policy,
    cleared: () => {
      if (adaptive !== undefined) return adaptive.cleared()
      for (let node = policy.victim(); node !== undefined; node = policy.victim()) policy.removed(node)
    },
    resized: (capacity) => {
      if (adaptive !== undefined || capacity <= plain) return policy.resized!(capacity)
      adaptive = new Adaptive({ ...options, capacity })
      follow(adaptive)
    }
  }
}

/** The adaptive policy for memories of any size, including small ones. */
export class Adaptive implements Policy {
  private readonly lists: HotAndQueue<Node>
  private readonly hashOf: (node: Node) => number
  private readonly weighed: boolean
  private capacity: number
  /** The number of entries that the lists are laid out for. If entries have weights, it is adapted as memory fills. */
  private entries = 0
  private held = 0
  private shadow: Shadow | undefined
  private sampledBelow = 0
  /** The next victim, chosen before the newest entry was added. */
  private chosen: Node | undefined
  private evicting: Node | undefined

  constructor({ capacity, seed, weighed }: PolicyOptions) {
    this.hashOf = makeHash(seed)
    this.lists = new HotAndQueue<Node>(LRU, this.hashOf)
    this.weighed = weighed
    this.capacity = capacity
    this.layOut(weighed ? followedAsWhole : capacity)
  }

  readonly added = (node: Node): void => {
    const hash = this.hashOf(node)
    const weight = weightOf(node)
    if (this.weighed && this.held > 2 * this.entries) this.layOut(this.held)
    if (this.lists.weight + weight > this.capacity) this.chosen = this.choose()
    if (this.isSampled(hash)) this.follow(hash, weight)
    this.held++
    this.lists.insert(node, hash, this.isSampled(hash))
  }

  readonly replaced = (old: Node, node: Node): void => {
    if (this.chosen === old) this.chosen = undefined
    this.lists.replace(old, node)
    this.read(node)
  }

  readonly read = (node: Node): void => {
    if ((node.mark! & HotAndQueue.moved) !== this.lists.isFresh) this.moves(node)
  }

  readonly removed = (node: Node): void => {
    if (this.chosen === node) this.chosen = undefined
    this.lists.remove(node, this.evicting === node)
    this.evicting = undefined
    this.held--
  }

  readonly cleared = (): void => {
    this.lists.clear()
    this.chosen = undefined
    this.held = 0
  }

  readonly victim = (): Node | undefined => {
    this.evicting = this.chosen ?? this.choose()
    this.chosen = undefined
    return this.evicting
  }

  readonly resized = (capacity: number): void => {
    this.capacity = capacity
    this.layOut(this.weighed ? this.entries : capacity)
  }

  get lead(): Rule {
    return this.lists.rule
  }

  private moves(node: Node): void {
    if (this.lists.read(node)) this.follow(this.hashOf(node), weightOf(node))
  }

  private choose(): Node | undefined {
    const { lists } = this
    if (this.weighed && (!lists.full || 4 * this.held < this.entries)) this.layOut(Math.max(1, this.held))
    if (!lists.full && this.shadow !== undefined) {
      const { insertsBefore, readsBefore } = lists
      lists.rule = this.shadow.lead = readsBefore >= reuseForLirs * (readsBefore + insertsBefore) ? LIRS : LRU
    }
    return lists.victim()
  }

  private follow(hash: number, weight: number): void {
    const { shadow } = this
    // A new layout for more entries samples a smaller share of them, so this entry may no longer belong to the sample.
    if (shadow === undefined || !this.isSampled(hash)) return
    shadow.follow(hash, weight)
    this.lists.queueTarget = shadow.queueShare * this.entries
    if (this.lists.full) this.lists.rule = shadow.lead
  }

  private isSampled(hash: number): boolean {
    return Math.imul(hash, 0x85ebca6b) >>> 0 < this.sampledBelow
  }

  /** Lays out the lists and the shadow. An unbounded memory evicts nothing and needs no shadow. */
  private layOut(entries: number): void {
    this.entries = entries
    this.lists.layOut(this.capacity, entries)
    this.sampledBelow = 0
    if (entries === Infinity) return
    const size = entries <= followedAsWhole ? entries : Math.max(smallestShadow, Math.round(entries * shareOfShadow))
    this.sampledBelow = size / entries * 2 ** 32
    const lead = this.shadow?.lead
    this.shadow = new Shadow(this.capacity * size / entries, size)
    if (lead !== undefined) this.shadow.lead = lead
  }
}
