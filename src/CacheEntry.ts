/**
 * What is known about a cached result beside the result itself.
 *
 * Freshness is always decided from these numbers and Effect's `Clock`; a store's own expiry only frees space.
 * All times are epoch milliseconds, `Infinity` where something never happens.
 *
 * @since 0.1.0
 */

/**
 * What a `Strategy` decides from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Timing {
  /** when the load ended and the result was stored */
  readonly createdAt: number
  /** from here on it is stale: the strategy says what that means */
  readonly softExpiresAt: number
  /** from here on it is never served */
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
 * A tag with the version of its marker at the time the load began.
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
 * What a store keeps beside the payload.
 *
 * @category models
 * @since 0.1.0
 */
export interface Meta extends Timing {
  readonly tags: ReadonlyArray<TagVersion>
  /** 16 random bytes as 32 lower-case hexadecimal digits: another one is another write */
  readonly writeId: string
  /** which serializer wrote the payload (1 to 255): an entry of another one is a miss */
  readonly serializer: number
  /** what the origin calls this version of the value (an HTTP ETag): any text */
  readonly etag?: string | undefined
}

/**
 * An entry as a `Store` moves it: no schema, no decoded value.
 *
 * @category models
 * @since 0.1.0
 */
export interface Stored {
  readonly meta: Meta
  readonly payload: Uint8Array
}

/**
 * What is known of a cached result beside the result.
 *
 * @category models
 * @since 0.1.0
 */
export interface Known extends Omit<Timing, "reads"> {
  readonly id: string
  readonly tags: ReadonlyArray<string>
  readonly etag: string | undefined
  readonly writeId: string | undefined
  /** how many reads of this process it has served from memory */
  readonly reads: number
}
