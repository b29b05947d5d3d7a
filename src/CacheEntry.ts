/**
 * What is known about a cached result beside the result.
 *
 * Freshness is decided from these numbers and Effect's `Clock`; a store's own expiry only frees space. Times are epoch
 * milliseconds, `Infinity` for what never happens.
 *
 * @since 0.1.0
 */

/**
 * The times of an entry, from which a `Strategy` decides.
 *
 * @category models
 * @since 0.1.0
 */
export interface Timing {
  /** when the load ended and the result was stored, or the oldest value in it was made (`inherit: "age"`) */
  readonly createdAt: number
  /** from then on it is stale: the strategy says what that means */
  readonly softExpiresAt: number
  /** from then on it is never served */
  readonly expiresAt: number
  /** how long the load took */
  readonly loadMillis: number
  /** whether a value or a typed failure is stored */
  readonly outcome: Outcome
  /** how many reads of this process it has served from memory; a store does not know */
  readonly reads?: number | undefined
}

/**
 * Whether a value or a typed failure is stored.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome = "success" | "failure"

/**
 * A tag with the version of its marker from the time the load began.
 *
 * @category models
 * @since 0.1.0
 */
export interface TagVersion {
  readonly tag: string
  /** 12 random bytes as 24 lower-case hexadecimal digits */
  readonly version: string
}

/**
 * What a store keeps beside the payload of an entry.
 *
 * @category models
 * @since 0.1.0
 */
export interface Meta extends Timing {
  readonly tags: ReadonlyArray<TagVersion>
  /** 16 random bytes as 32 lower-case hexadecimal digits: a different one is a different write */
  readonly writeId: string
  /** the number of the serializer that wrote the payload, 1 to 255: an entry of another serializer is a miss */
  readonly serializer: number
  /** the origin's name for this version of the value (an HTTP ETag): any text */
  readonly etag?: string | undefined
  /**
   * its lifetime is a strategy's constant, which the constant of each reader replaces. Entries of a release that did not
   * know this have none
   */
  readonly isConstant?: true | undefined
  /** it ends with the values it was made of (`inherit`): a reader's constant may shorten it, and never prolongs it */
  readonly endsWithParts?: true | undefined
}

/**
 * An entry as a `Store` moves it: metadata and bytes, no schema and no decoded value.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stored {
  readonly meta: Meta
  readonly payload: Uint8Array
}

/**
 * The metadata of an entry as `Cached.getEntry` and `Cached.entries` answer it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Known extends Omit<Timing, "reads"> {
  readonly id: string
  readonly tags: ReadonlyArray<string>
  /** the ids that it derives from, where it was made with `inherit: "changes"`; `"user:*"`: all of that group */
  readonly dependsOn?: ReadonlyArray<string> | undefined
  readonly etag: string | undefined
  readonly writeId: string | undefined
  /** how many reads of this process it has served from memory */
  readonly reads: number
}

/**
 * The metadata of an entry of memory, as `Cached.hottest` and `Cached.coldest` answer it.
 *
 * @category models
 * @since 0.1.0
 */
export interface InMemory extends Known {
  /** what it counts against the bound of memory: 1, unless there is a weigher */
  readonly weight: number
}
