/**
 * Eviction policies: which entry leaves memory when it is full and nothing in it has expired. Memory has only complete
 * results, so a running load is never evicted.
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
  /** the id of the entry */
  readonly id: string
  previous: Node | undefined
  next: Node | undefined
}

/**
 * The state of an eviction policy for one memory tier. Every call is synchronous and takes constant time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  /** an entry was added, or took the place of one with the same id that was `removed` before */
  readonly added: (node: Node) => void
  /**
   * an entry took the place of another with the same id; without this method `old` is `removed` and `node` is `added`
   */
  readonly replaced?: ((old: Node, node: Node) => void) | undefined
  /** an entry was served */
  readonly read: (node: Node) => void
  /** an entry left, for whatever cause */
  readonly removed: (node: Node) => void
  /** gives the entry to evict next; `undefined`: the newest one leaves */
  readonly victim: () => Node | undefined
}

/**
 * An eviction policy: it makes its state for a memory tier.
 *
 * @category models
 * @since 0.1.0
 */
export interface Eviction {
  /** the name of the policy */
  readonly name: string
  /** makes the state of one memory tier */
  readonly make: (options: { readonly capacity: number }) => Policy
}

/**
 * The policies of this module: the engine calls them directly, and a user's own through a guard.
 *
 * @internal
 */
export class Own implements Eviction {
  readonly name: string
  readonly make: Eviction["make"]

  constructor(name: string, make: Eviction["make"]) {
    this.name = name
    this.make = make
  }
}

/**
 * Evicts the entry that was not read or written for the longest time (least recently used). It is the default.
 *
 * **Example** (Keeping what is read)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, Eviction } from "effect-cached"
 *
 * const program = Effect.gen(function*() {
 *   yield* Cached.set("a", 1)
 *   yield* Cached.set("b", 2)
 *   yield* Cached.getOption("a")
 *   yield* Cached.set("c", 3)
 *   return yield* Effect.filter(["a", "b", "c"], Cached.has)
 * })
 * const cache = CacheLayer.memory({ capacity: 2, eviction: Eviction.lru })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => ["a", "c"]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const lru: Eviction = new Own("lru", () => {
  const ring = makeRing()
  return { ...byAge(ring), read: ring.toEnd }
})

/**
 * Evicts the entry that came in first. Reads do not count, nor does a new value under the same id.
 *
 * **When to use**
 *
 * Use when all entries should stay equally long, however often they are read.
 *
 * **Details**
 *
 * An entry that left and comes back is new.
 *
 * **Example** (Evicting the first entry)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, Eviction } from "effect-cached"
 *
 * const program = Effect.gen(function*() {
 *   yield* Cached.set("a", 1)
 *   yield* Cached.set("b", 2)
 *   yield* Cached.set("a", 10)
 *   yield* Cached.set("c", 3)
 *   return yield* Effect.filter(["a", "b", "c"], Cached.has)
 * })
 * const cache = CacheLayer.memory({ capacity: 2, eviction: Eviction.fifo })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => ["b", "c"]
 * ```
 *
 * @see {@link leastRecentlyUpdated} for a policy where new values count
 *
 * @category constructors
 * @since 0.1.0
 */
export const fifo: Eviction = new Own("fifo", () => {
  const ring = makeRing()
  return { ...byAge(ring), replaced: ring.replace }
})

/**
 * Evicts the entry with the oldest value. A new value under an id counts, reads do not.
 *
 * **When to use**
 *
 * Use when old values are worth less however often they are read, such as prices or positions.
 *
 * **Example** (Evicting the oldest value)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cached, CacheLayer, Eviction } from "effect-cached"
 *
 * const program = Effect.gen(function*() {
 *   yield* Cached.set("a", 1)
 *   yield* Cached.set("b", 2)
 *   yield* Cached.set("a", 10)
 *   yield* Cached.getOption("b")
 *   yield* Cached.set("c", 3)
 *   return yield* Effect.filter(["a", "b", "c"], Cached.has)
 * })
 * const cache = CacheLayer.memory({ capacity: 2, eviction: Eviction.leastRecentlyUpdated })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(cache))) // => ["a", "c"]
 * ```
 *
 * @see {@link lru} for a policy where reads count
 *
 * @category constructors
 * @since 0.1.0
 */
export const leastRecentlyUpdated: Eviction = new Own("leastRecentlyUpdated", () => byAge(makeRing()))

// ---------------------------------------------------------------------------------------------------------------------
// internals
// ---------------------------------------------------------------------------------------------------------------------

/** Nodes in an order, in a ring around a sentinel, so that the first and the last are no special cases. */
interface Ring {
  readonly append: (node: Node) => void
  readonly remove: (node: Node) => void
  readonly toEnd: (node: Node) => void
  /** the new node takes the place of the old one */
  readonly replace: (old: Node, node: Node) => void
  readonly first: () => Node | undefined
}

const makeRing = (): Ring => {
  const sentinel: Node = { id: "", previous: undefined, next: undefined }
  sentinel.previous = sentinel
  sentinel.next = sentinel
  const insertAfter = (previous: Node, node: Node): void => {
    const next = previous.next!
    node.previous = previous
    node.next = next
    previous.next = node
    next.previous = node
  }
  const unlink = (node: Node): void => {
    node.previous!.next = node.next
    node.next!.previous = node.previous
  }
  const remove = (node: Node): void => {
    unlink(node)
    node.previous = undefined
    node.next = undefined
  }
  return {
    append: (node) => insertAfter(sentinel.previous!, node),
    remove,
    toEnd: (node) => {
      if (sentinel.previous === node) return
      unlink(node)
      insertAfter(sentinel.previous!, node)
    },
    replace: (old, node) => {
      const previous = old.previous!
      remove(old)
      insertAfter(previous, node)
    },
    first: () => sentinel.next === sentinel ? undefined : sentinel.next
  }
}

/** Evicts the first node of the ring. */
const byAge = (ring: Ring): Policy => ({
  added: ring.append,
  read: () => {},
  removed: ring.remove,
  victim: ring.first
})
