/**
 * S3-FIFO as published (Yang, Zhang, Qiu, Yue and Rashmi: "FIFO queues are all you need for cache eviction", SOSP
 * 2023). Entries enter a small FIFO queue, a tenth of memory. Two reads there move an entry to the main queue, where
 * each read gives it another round. Other entries are evicted and leave ghosts (as many as the main queue holds). If an
 * entry returns while it has a ghost, it enters the main queue at once. A read only increments a count, up to three.
 */
import type { Node, Policy, PolicyOptions } from "../../ports/eviction.ts"
import { makeHash, weightOf } from "./nodes.ts"
import * as Ring from "./ring.ts"

const shareOfSmall = 0.1
const readsToMove = 2
const mostReads = 3

/** The flag of an entry in the main queue. An entry's mark contains this flag and the read count. */
const inMain = 4

interface Entry extends Node {
  previous: Entry | undefined
  next: Entry | undefined
  mark: number
}

interface S3Fifo {
  readonly small: Ring.Linked
  readonly main: Ring.Linked
  /** The hashes of evicted entries. A `Set` keeps them in the order of their arrival. */
  readonly ghosts: Set<number>
  /** One iterator for all evictions, because a new one would walk over all deleted places of the `Set` again. */
  oldestFirst: Iterator<number>
  readonly hashOf: (entry: Entry) => number
  capacity: number
  smallWeight: number
  mainWeight: number
  count: number
  /** The next victim, chosen before the newest entry was added. */
  chosen: Entry | undefined
  evicting: Entry | undefined
}

export const makeS3Fifo = ({ capacity, seed }: PolicyOptions): Policy => {
  const ghosts = new Set<number>()
  const self: S3Fifo = {
    small: Ring.makeHead(),
    main: Ring.makeHead(),
    ghosts,
    oldestFirst: ghosts.values(),
    hashOf: makeHash(seed),
    capacity,
    smallWeight: 0,
    mainWeight: 0,
    count: 0,
    chosen: undefined,
    evicting: undefined
  }
  return {
    added: (node) => add(self, node as Entry),
    replaced: (old, node) => replace(self, old as Entry, node as Entry),
    read: (node) => count(node as Entry),
    removed: (node) => remove(self, node as Entry),
    cleared: () => {
      Ring.empty(self.small)
      Ring.empty(self.main)
      self.smallWeight = self.mainWeight = self.count = 0
      self.chosen = undefined
    },
    victim: () => {
      self.evicting = self.chosen ?? choose(self)
      self.chosen = undefined
      return self.evicting
    },
    resized: (bound) => {
      self.capacity = bound
      self.chosen = undefined
    }
  }
}

const add = (self: S3Fifo, entry: Entry): void => {
  const { ghosts } = self
  if (self.smallWeight + self.mainWeight + weightOf(entry) > self.capacity) self.chosen = choose(self)
  enter(self, entry, ghosts.size > 0 && ghosts.delete(self.hashOf(entry)))
  self.count++
}

const replace = (self: S3Fifo, former: Entry, entry: Entry): void => {
  if (self.chosen === former) self.chosen = undefined
  entry.mark = former.mark
  weigh(self, entry, weightOf(entry) - weightOf(former))
  Ring.replace(former, entry)
  count(entry)
}

const count = (entry: Entry): void => {
  if ((entry.mark & mostReads) < mostReads) entry.mark++
}

const remove = (self: S3Fifo, entry: Entry): void => {
  if (self.chosen === entry) self.chosen = undefined
  if (self.evicting === entry && (entry.mark & inMain) === 0) remember(self, entry)
  self.evicting = undefined
  leave(self, entry)
  self.count--
}

const weigh = (self: S3Fifo, { mark }: Entry, weight: number): void => {
  if ((mark & inMain) !== 0) self.mainWeight += weight
  else self.smallWeight += weight
}

const enter = (self: S3Fifo, entry: Entry, toMain: boolean): void => {
  entry.mark = toMain ? inMain : 0
  Ring.append(toMain ? self.main : self.small, entry)
  weigh(self, entry, weightOf(entry))
}

const leave = (self: S3Fifo, entry: Entry): void => {
  weigh(self, entry, -weightOf(entry))
  Ring.release(entry)
}

const victimOfMain = (main: Ring.Linked): Entry | undefined => {
  for (;;) {
    const first = main.next as Entry
    if (first.mark === inMain) return first
    first.mark--
    Ring.unlink(first)
    Ring.append(main, first)
  }
}

const choose = (self: S3Fifo): Entry | undefined => {
  const { capacity, main, small } = self
  for (;;) {
    // The victim comes from the small queue only while that queue has at least its share of the capacity.
    const isSmall = self.smallWeight >= shareOfSmall * capacity || Ring.isEmpty(main)
    if (Ring.isEmpty(small) || !isSmall) break
    const first = small.next as Entry
    if (first.mark < readsToMove) return first
    leave(self, first)
    enter(self, first, true)
    if (self.mainWeight > (1 - shareOfSmall) * capacity) return victimOfMain(main)
  }
  return Ring.isEmpty(main) ? undefined : victimOfMain(main)
}

const remember = (self: S3Fifo, entry: Entry): void => {
  const { ghosts } = self
  ghosts.add(self.hashOf(entry))
  const most = Math.max(1, (1 - shareOfSmall) * self.count)
  while (ghosts.size > most) {
    const { done, value } = self.oldestFirst.next()
    if (done === true) self.oldestFirst = ghosts.values()
    else ghosts.delete(value)
  }
}
