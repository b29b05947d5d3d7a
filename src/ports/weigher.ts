/** The port to a weigher: its types. The weighers of the library are in `src/Weigher.ts`. */

/**
 * The entry whose value is weighed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Weighed {
  /** The id of the entry. */
  readonly id: string
  /** The name of the key class; `undefined` for a string key. */
  readonly keyClass: string | undefined
  /** The bytes that the entry takes beside its id and its value: more with tags, in front of a store, or with `jitter`. */
  readonly entryBytes?: number | undefined
}

/**
 * Says what an entry counts against `maxWeight`, when it enters memory: a number above zero, rounded up to a whole one;
 * `Infinity`: it is not kept. Of a stored failure the `Cause` is weighed.
 *
 * @category models
 * @since 0.1.0
 */
export type Weigher = (value: any, entry: Weighed) => number
