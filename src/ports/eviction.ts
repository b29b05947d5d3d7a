/** The port to an eviction policy: the types. The policies of the library are in `src/Eviction.ts`. */

/**
 * An entry as an eviction policy sees it. The links and the mark belong to the policy, so that it needs no index of its
 * own.
 * @category models
 * @since 0.1.0
 */
export interface Node {
  readonly id: string
  /** Its weight against the bound. 1 if absent. */
  readonly weight?: number | undefined
  previous: Node | undefined
  next: Node | undefined
  /** A number for the policy's use. Small integers take no room of their own. */
  mark?: number | undefined
}

/**
 * The state of an eviction policy for one memory tier. Every call is synchronous and takes constant time.
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  /** An entry was added, or replaced one with the same id that was `removed` before. */
  readonly added: (node: Node) => void
  /** An entry replaced another one with the same id. Without this method, `old` is `removed` and `node` is `added`. */
  readonly replaced?: ((old: Node, node: Node) => void) | undefined
  readonly read: (node: Node) => void
  /** An entry left, for any cause. */
  readonly removed: (node: Node) => void
  /** All entries were removed at once. Without this method, `removed` is called for each. */
  readonly cleared?: (() => void) | undefined
  /** Returns the entry to evict next, which is then `removed`. `undefined` evicts the newest one. */
  readonly victim: () => Node | undefined
  /** The bound of memory has changed. */
  readonly resized?: ((capacity: number) => void) | undefined
}

/**
 * The properties of the memory tier for which a policy is created.
 * @category models
 * @since 0.1.0
 */
export interface PolicyOptions {
  /** The bound: a number of entries, or, in a tier that weighs them, a weight. */
  readonly capacity: number
  /** Whether entries are weighed. */
  readonly weighed: boolean
  /** 32 random bits, for hashes that an attacker cannot predict. Drawn with each call; a simulation passes its own. */
  readonly seed: () => number
}

/**
 * An eviction policy, which creates its state for each memory tier.
 * @category models
 * @since 0.1.0
 */
export interface Eviction {
  readonly name: string
  readonly make: (options: PolicyOptions) => Policy
}
