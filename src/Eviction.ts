/**
 * Which entry leaves the memory tier when it is full. Only finished entries are in it: a running load is never evicted.
 *
 * @since 0.1.0
 */

/**
 * An entry as an eviction policy sees it. The links belong to the policy, so that it needs no index of its own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node {
  readonly id: string
  previous: Node | undefined
  next: Node | undefined
}

/**
 * The running state of an eviction policy for one memory tier. Every call is synchronous and takes constant time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  /** an entry came in, or took the place of one with the same id that was `removed` before */
  readonly added: (node: Node) => void
  /** an entry was served */
  readonly read: (node: Node) => void
  /** an entry left, for whatever reason */
  readonly removed: (node: Node) => void
  /** the entry to evict next, `undefined` where there is none */
  readonly victim: () => Node | undefined
}

/**
 * A way to choose what leaves the memory tier.
 *
 * @category models
 * @since 0.1.0
 */
export interface Eviction {
  readonly name: string
  readonly make: (options: { readonly capacity: number }) => Policy
}

/**
 * Evicts the entry that was not read or written for the longest time.
 *
 * @category policies
 * @since 0.1.0
 */
export const lru: Eviction = {
  name: "lru",
  make: () => {
    // a ring around a sentinel: `next` is the oldest, `previous` the newest, and no case for an empty list
    const ring: Node = { id: "", previous: undefined, next: undefined }
    ring.previous = ring
    ring.next = ring
    const unlink = (node: Node): void => {
      node.previous!.next = node.next
      node.next!.previous = node.previous
    }
    const append = (node: Node): void => {
      const newest = ring.previous!
      node.previous = newest
      node.next = ring
      newest.next = node
      ring.previous = node
    }
    return {
      added: append,
      read: (node) => {
        if (ring.previous === node) return
        unlink(node)
        append(node)
      },
      removed: (node) => {
        unlink(node)
        node.previous = undefined
        node.next = undefined
      },
      victim: () => ring.next === ring ? undefined : ring.next
    }
  }
}
