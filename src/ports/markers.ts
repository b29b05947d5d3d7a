/**
 * The markers of tags in a store: the types of `Store.markers` and `Store.invalidateTags`.
 * @since 0.1.0
 */

/**
 * The marker that a store keeps for a tag: a version that changes with every invalidation, and the position of the last
 * change in the order of invalidations.
 *
 * A version is 24 lower-case hexadecimal digits, 12 of a hard half and 12 of a soft half. A hard invalidation changes
 * both halves, a soft one only the soft half. An entry keeps the versions from the start of its load:
 *
 * - all versions equal the markers': the entry is valid
 * - only soft halves differ: the entry is stale
 * - a hard half differs, or a marker is missing: the entry is gone
 * @category models
 * @since 0.1.0
 */
export interface Marker {
  readonly version: string
  readonly seq: number
}

/**
 * The effect of an invalidation on the entries of a tag: `hard` makes them gone, `soft` makes them stale.
 * @see {@link Marker} for how a store records it
 * @category models
 * @since 0.1.0
 */
export type InvalidationMode = "hard" | "soft"

/**
 * The answer to `markers`: one marker for each tag, created if missing.
 * @category models
 * @since 0.1.0
 */
export interface Markers {
  /** The store's invalidation counter, read before any marker was created. */
  readonly seq: number
  readonly markers: ReadonlyArray<Marker>
}
