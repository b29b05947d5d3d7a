/**
 * W-TinyLFU as in Caffeine (Einziger, Friedman and Manes, ACM Transactions on Storage 2017; the climber: Einziger, Eytan,
 * Friedman and Manes, Middleware 2018). New entries enter a window, an LRU list. What the window has no room for competes
 * with the oldest entry on probation: the one that was asked for more often stays. What is read on probation becomes
 * protected, four fifths of the main part. The window grows and shrinks by hill climbing on the hit ratio.
 */
import type { Node, Policy, PolicyOptions } from "../../ports/eviction.ts"
import { FrequencySketch } from "./frequencySketch.ts"
import { makeHash, weightOf } from "./nodes.ts"
import * as Ring from "./ring.ts"

const windowAtFirst = 0.01
const shareOfProtected = 0.8

/** The climber: how many reads it waits, as a multiple of the entries, and its steps. */
const readsOfStep = 10
const firstStep = 0.0625
const restartAt = 0.05
const decay = 0.98

/** One of so many candidates that were asked for often is admitted anyway, or ids with equal hashes could keep all out. */
const luckOfOne = 128
const askedOften = 5

/** For how many entries the sketch is made at first, where entries are weighed. */
const entriesAtFirst = 1024

const window = 0
const probation = 1
const protectedList = 2

interface Entry extends Node {
  previous: Entry | undefined
  next: Entry | undefined
  /** the list it is in */
  mark: number
}

export const makeWTinyLfu = (options: PolicyOptions): Policy => {
  const lists = [Ring.makeHead(), Ring.makeHead(), Ring.makeHead()] as const
  const weights = [0, 0, 0]
  const hashOf = makeHash(options.seed)
  let { capacity } = options
  // as shares of the capacity
  let windowShare = windowAtFirst
  let step = -firstStep
  let count = 0
  let reads = 0
  let hits = 0
  let formerRatio = 0
  let entries = options.weighed ? entriesAtFirst : capacity
  let sketch: FrequencySketch | undefined
  let draws = 0

  const oldestOf = (list: number): Entry | undefined =>
    Ring.isEmpty(lists[list]!) ? undefined : lists[list]!.next as Entry

  const enter = (entry: Entry, list: number): void => {
    entry.mark = list
    weights[list]! += weightOf(entry)
    Ring.append(lists[list]!, entry)
  }
  const leave = (entry: Entry): void => {
    weights[entry.mark]! -= weightOf(entry)
    Ring.release(entry)
  }
  const move = (entry: Entry, list: number): void => {
    leave(entry)
    enter(entry, list)
  }

  const windowSize = (): number => windowShare * capacity
  const total = (): number => weights[0]! + weights[1]! + weights[2]!

  /** Every read, whether it hits or not. */
  const noteRead = (entry: Entry, isHit: boolean): void => {
    // before anything is evicted nobody asks for frequencies, and where there is no bound nobody ever will
    if (entries !== Infinity) (sketch ??= new FrequencySketch(entries)).count(hashOf(entry))
    if (isHit) hits++
    if (++reads >= readsOfStep * Math.max(entries, 1)) climb()
  }

  const climb = (): void => {
    const ratio = hits / reads
    const change = ratio - formerRatio
    const amount = change >= 0 ? step : -step
    step = Math.abs(change) >= restartAt ? Math.sign(amount) * firstStep : decay * amount
    formerRatio = ratio
    windowShare = Math.max(0, Math.min(1, windowShare + amount))
    reads = hits = 0
  }

  const wins = (candidate: Entry, victim: Entry): boolean => {
    if (sketch === undefined) return false
    const mine = sketch.frequencyOf(hashOf(candidate))
    if (mine > sketch.frequencyOf(hashOf(victim))) return true
    return mine > askedOften && (draws = (Math.imul(draws, 0x19660d) + 0x3c6ef35f) | 0) >>> 0 < 2 ** 32 / luckOfOne
  }

  /** The newest entry is never the victim of its own coming: it is in the window, whose oldest is the candidate. */
  const choose = (): Entry | undefined => {
    const candidate = oldestOf(window)
    const victim = oldestOf(probation) ?? oldestOf(protectedList)
    if (candidate === undefined || victim === undefined) return candidate ?? victim
    if (weights[window]! <= Math.max(windowSize(), weightOf(candidate))) return victim
    if (!wins(candidate, victim)) return candidate
    move(candidate, probation)
    return victim
  }

  /** The window has shrunk, or memory is not full: what it has too much of goes on probation. */
  const settle = (): void => {
    for (let left = 32; left > 0 && weights[window]! > windowSize() && total() <= capacity; left--) {
      const oldest = oldestOf(window)!
      if (oldest.next === lists[window]) return
      move(oldest, probation)
    }
  }

  const use = (entry: Entry): void => {
    if (entry.mark !== probation) return move(entry, entry.mark)
    move(entry, protectedList)
    while (weights[protectedList]! > shareOfProtected * (capacity - windowSize())) {
      const oldest = oldestOf(protectedList)!
      if (oldest === entry) return
      move(oldest, probation)
    }
  }

  const fitSketch = (): void => {
    if (!options.weighed || count <= 2 * entries) return
    entries = count
    sketch = undefined
  }

  return {
    added: (node) => {
      const entry = node as Entry
      count++
      fitSketch()
      noteRead(entry, false)
      enter(entry, window)
      settle()
    },
    replaced: (old, node) => {
      const entry = node as Entry
      const former = old as Entry
      entry.mark = former.mark
      weights[entry.mark]! += weightOf(entry) - weightOf(former)
      Ring.replace(former, entry)
      noteRead(entry, true)
      use(entry)
    },
    read: (node) => {
      noteRead(node as Entry, true)
      use(node as Entry)
    },
    removed: (node) => {
      leave(node as Entry)
      count--
    },
    cleared: () => {
      lists.forEach(Ring.empty)
      weights.fill(0)
      count = 0
    },
    victim: choose,
    resized: (bound) => {
      capacity = bound
      if (options.weighed) return
      entries = bound
      sketch = undefined
    }
  }
}
