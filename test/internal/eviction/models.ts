/**
 * The policies again, slow and obvious: lists are arrays (the oldest first), ages are numbers that never come round,
 * and nothing is linked. Each has the interface of a policy, by ids.
 */
import { FrequencySketch } from "../../../src/internal/eviction/frequencySketch.ts"
import { makeHash } from "../../../src/internal/eviction/nodes.ts"

export interface Model {
  readonly added: (id: string, weight: number) => void
  readonly replaced: (id: string, weight: number) => void
  readonly read: (id: string) => void
  readonly removed: (id: string) => void
  readonly victim: () => string | undefined
  readonly lead?: () => number
}

export interface ModelOptions {
  readonly capacity: number
  readonly seed: number
  readonly weighed: boolean
}

interface Item {
  readonly id: string
  weight: number
  count: number
}

const sum = (items: ReadonlyArray<{ readonly weight: number }>): number =>
  items.reduce((all, { weight }) => all + weight, 0)

const without = <A>(items: Array<A>, item: A): void => void items.splice(items.indexOf(item), 1)

/** The policy's choice before the newest came in, which it evicts next. */
const choosing = (choose: () => string | undefined) => {
  let chosen: string | undefined
  let evicting: string | undefined
  return {
    before: () => {
      chosen = choose()
    },
    forget: (id: string) => {
      if (chosen === id) chosen = undefined
    },
    victim: () => {
      evicting = chosen ?? choose()
      chosen = undefined
      return evicting
    },
    isEvicted: (id: string) => {
      const is = evicting === id
      evicting = undefined
      return is
    }
  }
}

export const s3Fifo = ({ capacity, seed }: ModelOptions): Model => {
  const small: Array<Item> = []
  const main: Array<Item> = []
  let ghosts: Array<number> = []
  const hash = makeHash(() => seed)
  const find = (id: string) => [...small, ...main].find((item) => item.id === id)!
  const fromMain = (): string => {
    for (;;) {
      const first = main[0]!
      if (first.count === 0) return first.id
      first.count--
      main.push(main.shift()!)
    }
  }
  const choice = choosing(() => {
    while (small.length > 0 && (sum(small) >= capacity / 10 || main.length === 0)) {
      const first = small[0]!
      if (first.count < 2) return first.id
      small.shift()
      main.push({ ...first, count: 0 })
      if (sum(main) > capacity * 0.9) return fromMain()
    }
    return main.length === 0 ? undefined : fromMain()
  })
  return {
    added: (id, weight) => {
      if (sum(small) + sum(main) + weight > capacity) choice.before()
      const ghost = hash({ id })
      const isKnown = ghosts.includes(ghost)
      ghosts = ghosts.filter((other) => other !== ghost)
      ;(isKnown ? main : small).push({ id, weight, count: 0 })
    },
    replaced: (id, weight) => {
      choice.forget(id)
      const item = find(id)
      item.weight = weight
      item.count = Math.min(3, item.count + 1)
    },
    read: (id) => {
      const item = find(id)
      item.count = Math.min(3, item.count + 1)
    },
    removed: (id) => {
      choice.forget(id)
      const item = find(id)
      const count = small.length + main.length
      if (choice.isEvicted(id) && small.includes(item)) {
        ghosts = [...ghosts.filter((other) => other !== hash({ id })), hash({ id })]
        while (ghosts.length > Math.max(1, 0.9 * count)) ghosts.shift()
      }
      without(small.includes(item) ? small : main, item)
    },
    victim: choice.victim
  }
}

export const wTinyLfu = ({ capacity, seed }: ModelOptions): Model => {
  const [window, probation, kept]: ReadonlyArray<Array<Item>> = [[], [], []] as const
  const lists = [window!, probation!, kept!] as const
  const hash = makeHash(() => seed)
  const sketch = new FrequencySketch(capacity)
  let share = 0.01
  let step = -0.0625
  let reads = 0
  let hits = 0
  let former = 0
  let draws = 0
  const all = () => lists.flat()
  const listOf = (id: string) => lists.find((list) => list.some((item) => item.id === id))!
  const take = (id: string): Item => {
    const list = listOf(id)
    const item = list.find((one) => one.id === id)!
    without(list, item)
    return item
  }
  const note = (id: string, isHit: boolean) => {
    sketch.count(hash({ id }))
    if (isHit) hits++
    if (++reads < 10 * Math.max(1, capacity)) return
    const ratio = hits / reads
    const change = ratio - former
    const amount = change >= 0 ? step : -step
    step = Math.abs(change) >= 0.05 ? Math.sign(amount) * 0.0625 : 0.98 * amount
    share = Math.min(1, Math.max(0, share + amount))
    former = ratio
    reads = hits = 0
  }
  const use = (id: string) => {
    if (listOf(id) !== lists[1]) {
      const list = listOf(id)
      list.push(take(id))
      return
    }
    lists[2].push(take(id))
    while (sum(lists[2]) > 0.8 * (capacity - share * capacity)) {
      if (lists[2][0]!.id === id) return
      lists[1].push(lists[2].shift()!)
    }
  }
  return {
    added: (id, weight) => {
      note(id, false)
      lists[0].push({ id, weight, count: 0 })
      for (let left = 32; left > 0; left--) {
        if (sum(lists[0]) <= share * capacity || sum(all()) > capacity || lists[0].length === 1) return
        lists[1].push(lists[0].shift()!)
      }
    },
    replaced: (id, weight) => {
      listOf(id).find((item) => item.id === id)!.weight = weight
      note(id, true)
      use(id)
    },
    read: (id) => {
      note(id, true)
      use(id)
    },
    removed: (id) => void take(id),
    victim: () => {
      const candidate = lists[0][0]
      const victim = lists[1][0] ?? lists[2][0]
      if (candidate === undefined || victim === undefined) return (candidate ?? victim)?.id
      if (sum(lists[0]) <= Math.max(share * capacity, candidate.weight)) return victim.id
      const mine = sketch.frequencyOf(hash(candidate))
      const wins = mine > sketch.frequencyOf(hash(victim)) ||
        (mine > 5 && (draws = (Math.imul(draws, 0x19660d) + 0x3c6ef35f) | 0) >>> 0 < 2 ** 25)
      if (!wins) return candidate.id
      lists[1].push(lists[0].shift()!)
      return victim.id
    }
  }
}

interface Held {
  readonly hash: number
  weight: number
  isHot: boolean
  movedAt: number
  chances: number
  isSampled: boolean
}

interface Ghost {
  readonly fingerprint: number
  readonly usedAt: number
}

/** Hot entries and the queue, under a rule: the youngest of each is the last. */
class Lists<K> {
  readonly hot: Array<K> = []
  readonly queue: Array<K> = []
  readonly held = new Map<K, Held>()
  generation = 0
  full = false
  readsBefore = 0
  insertsBefore = 0
  target: number
  private left = 0
  private readonly buckets = new Map<number, Array<Ghost | undefined>>()
  private readonly unit: number
  rule: "lru" | "lirs" | "s3"
  private readonly capacity: number
  private readonly entries: number

  constructor(rule: "lru" | "lirs" | "s3", capacity: number, entries: number) {
    this.rule = rule
    this.capacity = capacity
    this.entries = entries
    this.unit = capacity / entries
    this.target = Math.max(1, entries * 0.05)
  }

  weightOf(list: ReadonlyArray<K>): number {
    return list.reduce((all, key) => all + this.held.get(key)!.weight, 0)
  }

  weight(): number {
    return this.weightOf(this.hot) + this.weightOf(this.queue)
  }

  age(key: K): number {
    return this.generation - this.held.get(key)!.movedAt
  }

  hotAge(): number {
    return this.hot.length === 0 ? Infinity : this.age(this.hot[0]!)
  }

  private bucketOf(hash: number): Array<Ghost | undefined> {
    const count = Math.max(1, Math.ceil((this.entries * 1.5) / 4))
    const number = Math.floor(((hash >>> 0) / 2 ** 32) * count)
    if (!this.buckets.has(number)) this.buckets.set(number, [undefined, undefined, undefined, undefined])
    return this.buckets.get(number)!
  }

  private takeGhost(hash: number): number | undefined {
    const bucket = this.bucketOf(hash)
    const place = bucket.findIndex((ghost) => ghost?.fingerprint === fingerprintOf(hash))
    if (place < 0) return undefined
    const { usedAt } = bucket[place]!
    bucket[place] = undefined
    return this.generation - usedAt
  }

  private putGhost(hash: number, usedAt: number): void {
    const bucket = this.bucketOf(hash)
    const ages = bucket.map((ghost) => ghost === undefined ? Infinity : this.generation - ghost.usedAt)
    bucket[ages.indexOf(Math.max(...ages))] = { fingerprint: fingerprintOf(hash), usedAt }
  }

  read(key: K): boolean {
    const held = this.held.get(key)!
    if (held.isHot && held.movedAt === this.generation) return false
    if (!this.full && this.age(key) >= 2) this.readsBefore += held.weight
    if (!held.isHot && this.full && this.rule !== "s3" && this.age(key) <= this.hotAge()) {
      without(this.queue, key)
      this.hot.push(key)
      Object.assign(held, { isHot: true, chances: 0, movedAt: this.generation })
      if (this.rule === "lirs") this.fit()
    } else {
      held.chances = Math.min(3, held.chances + 1)
      held.movedAt = this.generation
      if (held.isHot || this.rule !== "s3" || !this.full) {
        const list = held.isHot ? this.hot : this.queue
        without(list, key)
        list.push(key)
      }
    }
    return held.isSampled
  }

  insert(key: K, { hash, isSampled, weight }: Pick<Held, "hash" | "weight" | "isSampled">): void {
    this.left -= weight
    if (this.left <= 0) {
      this.left = Math.max(this.unit, Math.round(this.entries / 32) * this.unit)
      this.generation++
    }
    let isHot = this.rule !== "s3" && this.weightOf(this.hot) < this.capacity * 0.95
    if (this.full) {
      const age = this.takeGhost(hash)
      isHot = age !== undefined && (this.rule === "s3" || age <= this.hotAge())
    } else this.insertsBefore += weight
    this.held.set(key, { hash, weight, isHot, isSampled, movedAt: this.generation, chances: 0 })
    ;(isHot ? this.hot : this.queue).push(key)
    if (isHot && this.full && this.rule === "lirs") this.fit()
  }

  remove(key: K, isEvicted: boolean): void {
    const held = this.held.get(key)!
    without(held.isHot ? this.hot : this.queue, key)
    this.held.delete(key)
    if (isEvicted && !(held.isHot && this.rule === "s3")) this.putGhost(held.hash, held.movedAt)
  }

  private least(): number {
    return Math.max(1, Math.round(this.target)) * this.unit
  }

  private fit(): void {
    for (let left = 32; left > 0 && this.weightOf(this.hot) > this.capacity - this.least(); left--) {
      while (this.held.get(this.hot[0]!)!.chances > 0) {
        this.held.get(this.hot[0]!)!.chances--
        this.hot.push(this.hot.shift()!)
      }
      const key = this.hot.shift()!
      this.held.get(key)!.isHot = false
      this.queue.push(key)
    }
  }

  victim(): K | undefined {
    this.full = true
    if (this.rule === "s3") return this.victimOfS3()
    if (this.rule === "lirs") {
      this.fit()
      for (let left = 16; left > 0; left--) {
        if (this.weightOf(this.queue) <= this.least()) break
        if (this.weightOf(this.hot) >= this.capacity - this.least()) break
        const key = this.queue.shift()!
        Object.assign(this.held.get(key)!, { isHot: true, chances: 0 })
        this.hot.unshift(key)
      }
    }
    const [hot, queued] = [this.hot[0], this.queue[0]]
    if (queued === undefined || hot === undefined) return queued ?? hot
    return this.rule === "lru" && this.age(hot) > this.age(queued) ? hot : queued
  }

  private victimOfS3(): K | undefined {
    const least = Math.max(1, Math.floor(this.entries * 0.15)) * this.unit
    for (let left = 64; left > 0; left--) {
      const isQueued = this.weightOf(this.queue) >= least || this.hot.length === 0
      const key = (isQueued ? this.queue : this.hot)[0]
      if (key === undefined) return undefined
      const held = this.held.get(key)!
      if (held.chances < (isQueued ? 2 : 1)) return key
      ;(isQueued ? this.queue : this.hot).shift()
      held.chances = isQueued ? 0 : held.chances - 1
      held.isHot = true
      this.hot.push(key)
    }
    return this.hot[0] ?? this.queue[0]
  }
}

const fingerprintOf = (hash: number): number => (Math.imul(hash, 0x9e3779b1) >>> 12) | 1

/** The shadow. */
export class Follower {
  readonly lru: Array<{ readonly hash: number; readonly weight: number }> = []
  isFull = false
  lead = 0
  readonly scores = [0, 0, 0]
  readonly caches: ReadonlyArray<Lists<number>>
  private readonly capacity: number
  private readonly entries: number

  constructor(capacity: number, entries: number) {
    this.capacity = capacity
    this.entries = entries
    this.caches = [new Lists<number>("lirs", capacity, entries), new Lists<number>("s3", capacity, entries)]
  }

  private byLru(hash: number, weight: number): boolean {
    const known = this.lru.find((one) => one.hash === hash)
    if (known !== undefined) {
      without(this.lru, known)
      this.lru.push(known)
      return true
    }
    while (this.lru.length > 0 && sum(this.lru) + weight > this.capacity) {
      this.lru.shift()
      this.isFull = true
    }
    this.lru.push({ hash, weight })
    if (sum(this.lru) >= this.capacity) this.isFull = true
    return false
  }

  private by(lists: Lists<number>, hash: number, weight: number): boolean {
    if (lists.held.has(hash)) {
      lists.read(hash)
      return true
    }
    while (lists.weight() + weight > this.capacity) {
      const victim = lists.victim()
      if (victim === undefined) return false
      lists.remove(victim, true)
    }
    lists.insert(hash, { hash, weight, isSampled: false })
    return false
  }

  follow(hash: number, weight: number): void {
    const judges = this.isFull
    const [lirs, s3] = this.caches as [Lists<number>, Lists<number>]
    const isLate = lirs.held.get(hash)?.isHot === true && lirs.age(hash) > 0.6 * lirs.hotAge()
    const hits = [this.byLru(hash, weight), this.by(lirs, hash, weight), this.by(s3, hash, weight)] as const
    if (!judges) return
    for (const rule of [1, 2] as const) {
      this.scores[rule] = this.scores[rule]! * (1 - 1 / (50 * this.entries)) + Number(hits[rule]) - Number(hits[0])
    }
    const most = Math.max(1, Math.min(this.entries - 1, Math.floor(this.entries / 2)))
    const least = Math.max(1, Math.floor(this.entries / 100))
    const move = isLate && !hits[0] ? -1 : hits[0] && !hits[1] ? (this.scores[1]! < 0 ? 4 : 1) : 0
    if (move !== 0) lirs.target = Math.max(least, Math.min(most, lirs.target + move))
    const lead = this.scores[this.lead]!
    const better = [0, 1, 2].filter((rule) => this.scores[rule]! > lead)
    const best = better.toSorted((a, b) => this.scores[b]! - this.scores[a]!)[0]
    if (best !== undefined) this.lead = best
  }
}

const rules = ["lru", "lirs", "s3"] as const

export const adaptive = ({ capacity, seed }: ModelOptions): Model => {
  const hash = makeHash(() => seed)
  const size = capacity <= 128 ? capacity : Math.max(64, Math.round(capacity / 128))
  const below = (size / capacity) * 2 ** 32
  const lists = new Lists<string>("lru", capacity, capacity)
  const shadow = new Follower(size, size)
  const follow = (id: string, weight: number) => {
    shadow.follow(hash({ id }), weight)
    lists.target = shadow.caches[0]!.target * capacity / size
    if (lists.full) lists.rule = rules[shadow.lead]!
  }
  const choice = choosing(() => {
    if (!lists.full) {
      shadow.lead = lists.readsBefore >= 0.05 * (lists.readsBefore + lists.insertsBefore) ? 1 : 0
      lists.rule = rules[shadow.lead]!
    }
    return lists.victim()
  })
  const read = (id: string) => {
    if (lists.read(id)) follow(id, lists.held.get(id)!.weight)
  }
  return {
    added: (id, weight) => {
      const isSampled = Math.imul(hash({ id }), 0x85ebca6b) >>> 0 < below
      if (lists.weight() + weight > capacity) choice.before()
      if (isSampled) follow(id, weight)
      lists.insert(id, { hash: hash({ id }), weight, isSampled })
    },
    replaced: (id, weight) => {
      choice.forget(id)
      lists.held.get(id)!.weight = weight
      read(id)
    },
    read,
    removed: (id) => {
      choice.forget(id)
      lists.remove(id, choice.isEvicted(id))
    },
    victim: choice.victim,
    lead: () => shadow.lead
  }
}
