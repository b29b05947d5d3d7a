/**
 * The miss-ratio curve of one memory tier, for `Cached.curve`: an eviction policy around the one in use, so that a memory
 * without it pays nothing. It is loaded where a layer asks for it.
 */
import type { Node, Policy } from "../../../ports/eviction.ts"
import { makeHash, weightOf } from "../../eviction/nodes.ts"
import { type Sample, StackDistances } from "../../eviction/stackDistances.ts"

/**
 * A read of an entry that is followed costs a third more than others: so few are followed of those that memory has room for,
 * and this share at most.
 */
const followedOfCapacity = 256
const largestShare = 1 / 8

interface Following {
  readonly capacity: number
  readonly weighed: boolean
  /** 32 random bits of the cache's own generator */
  readonly seed: () => number
}

/** An eviction policy that measures stack distances, from which the curve is drawn. */
export interface MeasuredPolicy {
  readonly policy: Policy
  readonly distances: StackDistances<any>
}

/** A node that is an entry of the memory tier. */
interface Expiring extends Node {
  readonly createdAt: number
  readonly expiresAt: number
}

interface Followed extends Sample {
  /** in memory */
  node: Node | undefined
  /** of what was evicted: a value that was made later is no hit of a larger memory */
  expiresAt: number
}

export type MakeCurve = (policy: Policy, following: Following) => MeasuredPolicy

export const make: MakeCurve = (policy, { capacity, seed, weighed }) => {
  const hashOf = makeHash(seed)
  /** those in memory: an object without a hash of its own is found missing at once */
  const inMemory = new Map<Node, Followed>()
  let evicting: Node | undefined
  const share = weighed || capacity === Infinity ? largestShare : Math.min(largestShare, followedOfCapacity / capacity)
  const distances = new StackDistances<Followed>({
    share,
    // of what is weighed nobody knows how many there is room for
    followed: weighed || capacity === Infinity ? 0 : capacity * share,
    onDrop: ({ node }) => {
      if (node !== undefined) inMemory.delete(node)
    }
  })

  const begin = (node: Node, hash: number): Followed => {
    const known = distances.samples.get(hash)
    if (known !== undefined && known.expiresAt > (node as Expiring).createdAt) {
      distances.reweigh(known, weightOf(node))
      distances.read(known)
      return known
    }
    if (known !== undefined) distances.forget(known)
    return distances.begin({ hash, weight: weightOf(node), place: 0, node: undefined, expiresAt: Infinity })
  }

  const follow = (node: Node): void => {
    distances.reads++
    const hash = hashOf(node)
    if (!distances.isFollowed(hash)) return
    const sample = begin(node, hash)
    if (sample.place === 0) return
    sample.node = node
    sample.expiresAt = Infinity
    inMemory.set(node, sample)
  }

  const leave = (node: Node): void => {
    const sample = inMemory.get(node)
    if (sample === undefined) return
    inMemory.delete(node)
    sample.node = undefined
    if (evicting === node) sample.expiresAt = (node as Expiring).expiresAt
    else distances.forget(sample)
  }

  return {
    distances,
    policy: {
      added: (node) => {
        follow(node)
        policy.added(node)
      },
      replaced: (old, node) => {
        if ((old as Expiring).expiresAt <= (node as Expiring).createdAt) {
          leave(old)
          follow(node)
        } else {
          const sample = inMemory.get(old)
          if (sample !== undefined) {
            inMemory.delete(old)
            inMemory.set(node, sample)
            sample.node = node
            distances.reweigh(sample, weightOf(node))
          }
        }
        policy.replaced!(old, node)
      },
      read: (node) => {
        distances.reads++
        const sample = inMemory.get(node)
        if (sample !== undefined) distances.read(sample)
        policy.read(node)
      },
      removed: (node) => {
        leave(node)
        evicting = undefined
        policy.removed(node)
      },
      cleared: policy.cleared && (() => {
        // of the few that are followed
        for (const node of inMemory.keys()) leave(node)
        policy.cleared!()
      }),
      victim: () => evicting = policy.victim(),
      resized: (capacity) => policy.resized?.(capacity)
    }
  }
}
