/** The port to an eviction policy: its types. The policies of the library are in `src/Eviction.ts`. */

/**
 * An entry as an eviction policy sees it. The links and the mark belong to the policy, so that it needs no index of its
 * own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node {
  /** The id of the entry. */
  readonly id: string
  /** Its weight against the bound; absent: 1. */
  readonly weight?: number | undefined
  previous: Node | undefined
  next: Node | undefined
  /** A number of the policy: small whole numbers take no room of their own. */
  mark?: number | undefined
}

/**
 * The state of an eviction policy for one memory tier. Every call is synchronous and takes constant time.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  /** An entry was added, or took the place of one with the same id that was `removed` before. */
  readonly added: (node: Node) => void
  /**
   * An entry took the place of another with the same id; without this method `old` is `removed` and `node` is `added`.
   */
  readonly replaced?: ((old: Node, node: Node) => void) | undefined
  /** An entry was served. */
  readonly read: (node: Node) => void
  /** An entry left, for whatever cause. */
  readonly removed: (node: Node) => void
  /** All entries left in one step; without this method each of them is `removed`. */
  readonly cleared?: (() => void) | undefined
  /** Gives the entry to evict next, which is then `removed`; `undefined`: the newest one leaves. */
  readonly victim: () => Node | undefined
  /** Memory has another bound from now on. The method is optional. */
  readonly resized?: ((capacity: number) => void) | undefined
}

/**
 * The facts about its memory tier that a policy is made with.
 *
 * @category models
 * @since 0.1.0
 */
export interface PolicyOptions {
  /** The bound: so many entries, or, of a tier that weighs them, so much weight. */
  readonly capacity: number
  /** Whether entries are weighed. */
  readonly weighed: boolean
  /**
   * 32 random bits, for hashes that cannot be foreseen from outside. Drawn when this is called; a simulation gives its
   * own.
   */
  readonly seed: () => number
}

/**
 * An eviction policy: it makes its state for a memory tier.
 *
 * @category models
 * @since 0.1.0
 */
export interface Eviction {
  /** The name of the policy. */
  readonly name: string
  /** Makes the state of one memory tier. */
  readonly make: (options: PolicyOptions) => Policy
}
