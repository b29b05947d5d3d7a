/**
 * S3-FIFO as published (Yang, Zhang, Qiu, Yue and Rashmi: "FIFO queues are all you need for cache eviction", SOSP 2023).
 * New entries enter a small FIFO queue, a tenth of memory. Read twice there, they move to the main queue; else they leave,
 * and are remembered in a ghost queue as long as the main one. What is remembered there enters the main queue at once. The
 * main queue is a FIFO too, in which an entry that was read goes round again. Reads move nothing: they count to three.
 */
import type { Node, Policy, PolicyOptions } from "../../ports/eviction.ts"
import { makeHash, weightOf } from "./nodes.ts"
import * as Ring from "./ring.ts"

const shareOfSmall = 0.1
const readsToMove = 2
const mostReads = 3

/** In a mark, beside the count of reads. */
const inMain = 4

interface Entry extends Node {
  previous: Entry | undefined
  next: Entry | undefined
  mark: number
}

export const makeS3Fifo = (options: PolicyOptions): Policy => {
  const small = Ring.makeHead()
  const main = Ring.makeHead()
  // in the order in which they came, like all maps
  const ghosts = new Set<number>()
  // one iterator goes on for all: a new one would step over the places of all that were forgotten
  let oldestFirst = ghosts.values()
  const hashOf = makeHash(options.seed)
  let capacity = options.capacity
  let smallWeight = 0
  let mainWeight = 0
  let count = 0
  let chosen: Entry | undefined
  let evicting: Entry | undefined

  const enter = (entry: Entry, toMain: boolean): void => {
    entry.mark = toMain ? inMain : 0
    Ring.append(toMain ? main : small, entry)
    if (toMain) mainWeight += weightOf(entry)
    else smallWeight += weightOf(entry)
  }

  const leave = (entry: Entry): void => {
    if ((entry.mark & inMain) !== 0) mainWeight -= weightOf(entry)
    else smallWeight -= weightOf(entry)
    Ring.release(entry)
  }

  const victimOfMain = (): Entry | undefined => {
    for (;;) {
      const first = main.next as Entry
      if (first.mark === inMain) return first
      first.mark--
      Ring.unlink(first)
      Ring.append(main, first)
    }
  }

  const choose = (): Entry | undefined => {
    for (;;) {
      // the small queue is asked first only while it is as long as it should be
      const isSmall = smallWeight >= shareOfSmall * capacity || Ring.isEmpty(main)
      if (Ring.isEmpty(small) || !isSmall) break
      const first = small.next as Entry
      if (first.mark < readsToMove) return first
      leave(first)
      enter(first, true)
      if (mainWeight > (1 - shareOfSmall) * capacity) return victimOfMain()
    }
    return Ring.isEmpty(main) ? undefined : victimOfMain()
  }

  const remember = (entry: Entry): void => {
    ghosts.add(hashOf(entry))
    const most = Math.max(1, (1 - shareOfSmall) * count)
    while (ghosts.size > most) {
      const { done, value } = oldestFirst.next()
      if (done === true) oldestFirst = ghosts.values()
      else ghosts.delete(value)
    }
  }

  return {
    added: (node) => {
      const entry = node as Entry
      if (smallWeight + mainWeight + weightOf(entry) > capacity) chosen = choose()
      enter(entry, ghosts.size > 0 && ghosts.delete(hashOf(entry)))
      count++
    },
    replaced: (old, node) => {
      const entry = node as Entry
      const former = old as Entry
      if (chosen === former) chosen = undefined
      entry.mark = former.mark
      const more = weightOf(entry) - weightOf(former)
      if ((entry.mark & inMain) !== 0) mainWeight += more
      else smallWeight += more
      Ring.replace(former, entry)
      if ((entry.mark & mostReads) < mostReads) entry.mark++
    },
    read: (node) => {
      const entry = node as Entry
      if ((entry.mark & mostReads) < mostReads) entry.mark++
    },
    removed: (node) => {
      const entry = node as Entry
      if (chosen === entry) chosen = undefined
      if (evicting === entry && (entry.mark & inMain) === 0) remember(entry)
      evicting = undefined
      leave(entry)
      count--
    },
    cleared: () => {
      Ring.empty(small)
      Ring.empty(main)
      smallWeight = mainWeight = count = 0
      chosen = undefined
    },
    victim: () => {
      evicting = chosen ?? choose()
      chosen = undefined
      return evicting
    },
    resized: (bound) => {
      capacity = bound
      chosen = undefined
    }
  }
}
