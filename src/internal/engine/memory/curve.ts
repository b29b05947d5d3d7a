/** Measures the miss-ratio curve (`curve` of `Cached.stats`) by wrapping the policy. No cost without a curve. */
import type { Node, Policy } from "../../../ports/eviction.ts"
import { makeHash, weightOf } from "../../eviction/nodes.ts"
import { type Sample, StackDistances } from "../../eviction/stackDistances.ts"

/** The limits of the sample, in entries and as a share of all entries. Reads of sampled entries cost a third more. */
const followedOfCapacity = 256
const largestShare = 1 / 8

interface Following {
  readonly capacity: number
  readonly weighed: boolean
  readonly seed: () => number
}

/** An eviction policy, and the stack distances that are measured for it. The curve is drawn from these distances. */
export interface MeasuredPolicy {
  readonly policy: Policy
  readonly distances: StackDistances<any>
}

interface Expiring extends Node {
  readonly createdAt: number
  readonly expiresAt: number
}

interface Followed extends Sample {
  node: Node | undefined
  /** The deadline of an evicted entry, after which a larger memory would also miss. `Infinity` if still in memory. */
  expiresAt: number
}

export type MakeCurve = (policy: Policy, following: Following) => MeasuredPolicy

export const make: MakeCurve = (policy, { capacity, seed, weighed }) => {
  const hashOf = makeHash(seed)
  /** The sampled entries in memory. Most lookups cost little: V8 quickly detects that an entry was never added. */
  const inMemory = new Map<Node, Followed>()
  let evicting: Node | undefined
  const share = weighed || capacity === Infinity ? largestShare : Math.min(largestShare, followedOfCapacity / capacity)
  const distances = new StackDistances<Followed>({
    share,
    // With weights, or without a limit, the number of entries that will fit in memory is unknown.
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
        // Only the sampled entries, which are a small part of memory, have to be forgotten.
        for (const node of inMemory.keys()) leave(node)
        policy.cleared!()
      }),
      victim: () => evicting = policy.victim(),
      resized: (capacity) => policy.resized?.(capacity)
    }
  }
}
