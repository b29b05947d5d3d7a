/** The types of the port for weighers. The built-in weighers are in `src/Weigher.ts`. */

/**
 * The entry that is weighed, without its value.
 * @category models
 * @since 0.1.0
 */
export interface Weighed {
  readonly id: string
  /** The name of the key class, or `undefined` for a string key. */
  readonly keyClass: string | undefined
  /** The bytes of the entry besides its id and value. Tags, `jitter` and a store behind memory add to them. */
  readonly entryBytes?: number | undefined
}

/**
 * Computes an entry's weight towards `maxWeight` when the entry enters memory: a number above zero, rounded up to a
 * whole number. An entry of weight `Infinity` is not kept. For a stored failure, `value` is its `Cause`.
 * @category models
 * @since 0.1.0
 */
export type Weigher = (value: any, entry: Weighed) => number
