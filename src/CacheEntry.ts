/**
 * The metadata of a cached result.
 *
 * Freshness is decided from these numbers and Effect's `Clock`; a store's own expiry only frees space. Times are epoch
 * milliseconds, `Infinity` for what never happens.
 * @since 0.1.0
 */

/**
 * The times of an entry, from which a `Strategy` decides.
 * @category models
 * @since 0.1.0
 */
export interface Timing {
  /** When the load ended and the result was stored, or when its oldest part was made (`inherit: "age"`). */
  readonly createdAt: number
  /** From then on it is stale, and the strategy decides what that means. */
  readonly softExpiresAt: number
  /** From then on it is never served. */
  readonly expiresAt: number
  readonly loadMillis: number
  readonly outcome: Outcome
  /** The reads in this process served from memory. Unknown to a store. */
  readonly reads?: number | undefined
}

/**
 * Whether a value or a typed failure is stored.
 * @category models
 * @since 0.1.0
 */
export type Outcome = "success" | "failure"

/**
 * A tag with the version of its marker when the load began.
 * @category models
 * @since 0.1.0
 */
export interface TagVersion {
  readonly tag: string
  /** 12 random bytes as 24 lower-case hexadecimal digits. */
  readonly version: string
}

/**
 * The metadata that a store keeps with the payload of an entry.
 * @category models
 * @since 0.1.0
 */
export interface Meta extends Timing {
  readonly tags: ReadonlyArray<TagVersion>
  /** 16 random bytes as 32 lower-case hexadecimal digits. Different for each write. */
  readonly writeId: string
  /** The number of the serializer that wrote the payload, 1 to 255. An entry of another serializer is a miss. */
  readonly serializer: number
  /** The origin's name for this version of the value (an HTTP ETag): any text. */
  readonly etag?: string | undefined
  /** The lifetime is a strategy's constant, which the constant of each reader replaces. Absent in old entries. */
  readonly isConstant?: true | undefined
  /** Ends with the values it was made of (`inherit`). A reader's constant may shorten it, and never prolongs it. */
  readonly endsWithParts?: true | undefined
}

/**
 * An entry in a `Store`: metadata and bytes, without a schema or a decoded value.
 * @category models
 * @since 0.1.0
 */
export interface Stored {
  readonly meta: Meta
  readonly payload: Uint8Array
}

/**
 * The metadata of an entry, as returned by `Cached.getEntry` and `Cached.entries`.
 * @category models
 * @since 0.1.0
 */
export interface Known extends Omit<Timing, "reads"> {
  readonly id: string
  readonly tags: ReadonlyArray<string>
  /** The ids it derives from, if it was made with `inherit: "changes"`. `"user:*"` is a whole group. */
  readonly dependsOn?: ReadonlyArray<string> | undefined
  readonly etag: string | undefined
  readonly writeId: string | undefined
  /** The reads in this process served from memory. */
  readonly reads: number
}

/**
 * The metadata of an entry in memory, as returned by `Cached.hottest` and `Cached.coldest`.
 * @category models
 * @since 0.1.0
 */
export interface InMemory extends Known {
  /** Its weight against the bound of memory: 1 without a weigher. */
  readonly weight: number
}
