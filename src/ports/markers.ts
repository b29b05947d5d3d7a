/**
 * The markers of tags in a store: the types of `Store.markers` and `Store.invalidateTags`.
 * @since 0.1.0
 */

/**
 * The marker that a store keeps for a tag: a version that changes with every invalidation of the tag, and `seq`, the
 * position of the marker's last change in the store's order of invalidations.
 *
 * A version is 24 lower-case hexadecimal digits: a hard half of 12 and a soft half of 12. A hard invalidation changes
 * both halves, and a soft one changes only the soft half. An entry keeps its tags' versions from the start of its load:
 *
 * - if all versions equal those of the markers, the entry is valid
 * - if only soft halves differ, the entry is stale
 * - if a hard half differs, or a marker is missing, the entry is invalid
 * @category models
 * @since 0.1.0
 */
export interface Marker {
  readonly version: string
  readonly seq: number
}

/**
 * The effect of an invalidation on the entries of a tag: `hard` removes them, `soft` makes them stale.
 * @see {@link Marker} for how a store records an invalidation
 * @category models
 * @since 0.1.0
 */
export type InvalidationMode = "hard" | "soft"

/**
 * The result of `Store.markers`: one marker for each tag, created if missing.
 * @category models
 * @since 0.1.0
 */
export interface Markers {
  /** The store's invalidation counter: a marker that is invalidated after this call gets a larger `seq`. */
  readonly seq: number
  readonly markers: ReadonlyArray<Marker>
}
