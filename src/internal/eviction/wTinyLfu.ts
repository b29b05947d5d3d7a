/**
 * W-TinyLFU as in Caffeine (Einziger, Friedman and Manes, ACM TOS 2017; the climber: Einziger, Eytan, Friedman and
 * Manes, Middleware 2018). Entries enter a window, an LRU list. An entry that leaves the window competes with the
 * oldest entry on probation, and the more frequent one stays. An entry that is read on probation becomes protected. Up
 * to four fifths of the main part are for protected entries. The window's size follows the hit ratio by hill climbing.
 */
import type { Node, Policy, PolicyOptions } from "../../ports/eviction.ts"
import { FrequencySketch } from "./frequencySketch.ts"
import { makeHash, weightOf } from "./nodes.ts"
import * as Ring from "./ring.ts"

const windowAtFirst = 0.01
const shareOfProtected = 0.8

/** The hill climber: the number of reads between steps, as a multiple of the entries, and its step sizes. */
const readsOfStep = 10
const firstStep = 0.0625
const restartAt = 0.05
const decay = 0.98

/** One in this many frequent candidates that lose is admitted, so ids with equal hashes cannot keep others out. */
const luckOfOne = 128
const askedOften = 5

/** If entries have weights, the sketch is initially made for this number of entries. */
const entriesAtFirst = 1024

const window = 0
const probation = 1
const protectedList = 2

interface Entry extends Node {
  previous: Entry | undefined
  next: Entry | undefined
  mark: number
}

interface WTinyLfu {
  readonly lists: readonly [Ring.Linked, Ring.Linked, Ring.Linked]
  readonly weights: [number, number, number]
  readonly hashOf: (entry: Entry) => number
  readonly weighed: boolean
  capacity: number
  /** The window's share of the capacity. `step` is also a share of the capacity. */
  windowShare: number
  step: number
  count: number
  reads: number
  hits: number
  formerRatio: number
  entries: number
  sketch: FrequencySketch | undefined
  draws: number
}

export const makeWTinyLfu = ({ capacity, seed, weighed }: PolicyOptions): Policy => {
  const self: WTinyLfu = {
    lists: [Ring.makeHead(), Ring.makeHead(), Ring.makeHead()],
    weights: [0, 0, 0],
    hashOf: makeHash(seed),
    weighed,
    capacity,
    windowShare: windowAtFirst,
    step: -firstStep,
    count: 0,
    reads: 0,
    hits: 0,
    formerRatio: 0,
    entries: weighed ? entriesAtFirst : capacity,
    sketch: undefined,
    draws: 0
  }
  return {
    added: (node) => add(self, node as Entry),
    replaced: (old, node) => replace(self, old as Entry, node as Entry),
    read: (node) => {
      noteRead(self, node as Entry, true)
      use(self, node as Entry)
    },
    removed: (node) => {
      leave(self, node as Entry)
      self.count--
    },
    cleared: () => {
      self.lists.forEach(Ring.empty)
      self.weights.fill(0)
      self.count = 0
    },
    victim: () => choose(self),
    resized: (bound) => {
      self.capacity = bound
      if (weighed) return
      self.entries = bound
      self.sketch = undefined
    }
  }
}

const add = (self: WTinyLfu, entry: Entry): void => {
  self.count++
  fitSketch(self)
  noteRead(self, entry, false)
  enter(self, entry, window)
  settle(self)
}

const replace = (self: WTinyLfu, former: Entry, entry: Entry): void => {
  entry.mark = former.mark
  self.weights[entry.mark]! += weightOf(entry) - weightOf(former)
  Ring.replace(former, entry)
  noteRead(self, entry, true)
  use(self, entry)
}

const oldestOf = ({ lists }: WTinyLfu, list: number): Entry | undefined =>
  Ring.isEmpty(lists[list]!) ? undefined : lists[list]!.next as Entry

const enter = ({ lists, weights }: WTinyLfu, entry: Entry, list: number): void => {
  entry.mark = list
  weights[list]! += weightOf(entry)
  Ring.append(lists[list]!, entry)
}

const leave = ({ weights }: WTinyLfu, entry: Entry): void => {
  weights[entry.mark]! -= weightOf(entry)
  Ring.release(entry)
}

const move = (self: WTinyLfu, entry: Entry, list: number): void => {
  leave(self, entry)
  enter(self, entry, list)
}

const windowSize = ({ capacity, windowShare }: WTinyLfu): number => windowShare * capacity

const noteRead = (self: WTinyLfu, entry: Entry, isHit: boolean): void => {
  const { entries } = self
  // Frequencies are needed only for evictions, which an unbounded memory never makes.
  if (entries !== Infinity) (self.sketch ??= new FrequencySketch(entries)).count(self.hashOf(entry))
  if (isHit) self.hits++
  if (++self.reads >= readsOfStep * Math.max(entries, 1)) climb(self)
}

const climb = (self: WTinyLfu): void => {
  const ratio = self.hits / self.reads
  const change = ratio - self.formerRatio
  const amount = change >= 0 ? self.step : -self.step
  self.step = Math.abs(change) >= restartAt ? Math.sign(amount) * firstStep : decay * amount
  self.formerRatio = ratio
  self.windowShare = Math.max(0, Math.min(1, self.windowShare + amount))
  self.reads = self.hits = 0
}

const wins = (self: WTinyLfu, candidate: Entry, victim: Entry): boolean => {
  const { hashOf, sketch } = self
  if (sketch === undefined) return false
  const mine = sketch.frequencyOf(hashOf(candidate))
  if (mine > sketch.frequencyOf(hashOf(victim))) return true
  if (mine <= askedOften) return false
  self.draws = (Math.imul(self.draws, 0x19660d) + 0x3c6ef35f) | 0
  return self.draws >>> 0 < 2 ** 32 / luckOfOne
}

/** Chooses the victim. The candidate is the oldest entry of the window, so a new entry is not evicted on arrival. */
const choose = (self: WTinyLfu): Entry | undefined => {
  const candidate = oldestOf(self, window)
  const victim = oldestOf(self, probation) ?? oldestOf(self, protectedList)
  if (candidate === undefined || victim === undefined) return candidate ?? victim
  if (self.weights[window] <= Math.max(windowSize(self), weightOf(candidate))) return victim
  if (!wins(self, candidate, victim)) return candidate
  move(self, candidate, probation)
  return victim
}

/** Moves the window's surplus to probation, after the window has shrunk or before memory is full. */
const settle = (self: WTinyLfu): void => {
  const { capacity, lists, weights } = self
  for (let left = 32; left > 0 && weights[window] > windowSize(self); left--) {
    if (weights[window] + weights[probation] + weights[protectedList] > capacity) return
    const oldest = oldestOf(self, window)!
    if (oldest.next === lists[window]) return
    move(self, oldest, probation)
  }
}

const use = (self: WTinyLfu, entry: Entry): void => {
  if (entry.mark !== probation) return move(self, entry, entry.mark)
  move(self, entry, protectedList)
  while (self.weights[protectedList] > shareOfProtected * (self.capacity - windowSize(self))) {
    const oldest = oldestOf(self, protectedList)!
    if (oldest === entry) return
    move(self, oldest, probation)
  }
}

const fitSketch = (self: WTinyLfu): void => {
  if (!self.weighed || self.count <= 2 * self.entries) return
  self.entries = self.count
  self.sketch = undefined
}
