/** The types of the port for eviction policies. The built-in policies are in `src/internal/eviction/policies.ts`. */

/**
 * An entry as an eviction policy sees it. The fields `previous`, `next` and `mark` are for the policy's own use, so a
 * policy needs no index.
 * @category models
 * @since 0.1.0
 */
export interface Node {
  readonly id: string
  /** The weight of the entry, which counts towards the capacity. 1 if absent. */
  readonly weight?: number | undefined
  previous: Node | undefined
  next: Node | undefined
  /** A number that the policy may set. V8 stores a small integer without an extra allocation. */
  mark?: number | undefined
}

/**
 * The state of an eviction policy for one memory tier. Every call is synchronous and takes constant time.
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  /** Called for a new entry. Without `replaced`, also called for a replacement, after `removed` for the old entry. */
  readonly added: (node: Node) => void
  /** Called if `node` replaces `old` under the same id. If absent, `removed` and then `added` are called instead. */
  readonly replaced?: ((old: Node, node: Node) => void) | undefined
  readonly read: (node: Node) => void
  /** Called when an entry has left memory, for any reason. */
  readonly removed: (node: Node) => void
  /** Called when all entries have been removed at once. If absent, `removed` is called for each entry. */
  readonly cleared?: (() => void) | undefined
  /** Returns the entry to evict, which `removed` then receives. `undefined` evicts the newest entry. */
  readonly victim: () => Node | undefined
  /** Called when the capacity of the memory tier has changed. */
  readonly resized?: ((capacity: number) => void) | undefined
}

/**
 * The properties of the memory tier for which `Eviction.make` creates a policy.
 * @category models
 * @since 0.1.0
 */
export interface PolicyOptions {
  /** The bound of the memory tier: a number of entries, or a total weight if the entries are weighed. */
  readonly capacity: number
  /** Whether the memory tier weighs its entries instead of counting them. */
  readonly weighed: boolean
  /** Returns 32 new random bits, for hashes that an attacker cannot predict. A simulation passes a seeded function. */
  readonly seed: () => number
}

/**
 * The names of the built-in policies.
 *
 * - `"adaptive"` simulates three rules (LRU, LIRS and S3-FIFO) on a sample of ids without values, and follows the rule
 *   that would have had the most hits. A hash with a secret seed selects the sample. It is `"lru"` for a capacity of at
 *   most 32 entries, and gets only slightly fewer hits than `"lru"` where that is the best rule.
 * - `"s3Fifo"`: S3-FIFO as published (SOSP 2023). A new entry enters a small queue, and stays only if it is read twice
 *   there.
 * - `"wTinyLfu"`: W-TinyLFU as in Caffeine, including its hill climber. New entries start in a window, and frequently
 *   read entries stay. Hits cost more than in other policies: each updates a sketch.
 * - `"lru"` evicts the entry that has not been read or written for the longest time (least recently used).
 * - `"fifo"` evicts the entry that was added first. Neither a read nor a new value changes the order.
 * - `"leastRecentlyUpdated"` evicts the entry with the oldest value. Reads do not count.
 */
export type EvictionName = "adaptive" | "s3Fifo" | "wTinyLfu" | "lru" | "fifo" | "leastRecentlyUpdated"

/**
 * An eviction policy. `make` creates the policy's state for one memory tier.
 * @category models
 * @since 0.1.0
 */
export interface Eviction {
  readonly name: string
  readonly make: (options: PolicyOptions) => Policy
}
