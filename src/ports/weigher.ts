/** The port to a weigher: the types. The weighers of the library are in `src/Weigher.ts`. */

/**
 * The entry whose value is weighed.
 * @category models
 * @since 0.1.0
 */
export interface Weighed {
  readonly id: string
  /** The name of the key class, or `undefined` for a string key. */
  readonly keyClass: string | undefined
  /** The bytes of the entry besides its id and value, which grow with tags, `jitter`, and a store behind memory. */
  readonly entryBytes?: number | undefined
}

/**
 * The weight of an entry against `maxWeight`, computed when it enters memory: a number above zero, rounded up to a
 * whole one. An entry of weight `Infinity` is not kept. For a stored failure, the value is its `Cause`.
 * @category models
 * @since 0.1.0
 */
export type Weigher = (value: any, entry: Weighed) => number
