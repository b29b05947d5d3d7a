/**
 * The metadata of a cached result, such as its deadlines and tags.
 *
 * A strategy decides from these times and Effect's `Clock` whether an entry is fresh; a store's own expiry only frees
 * space. Times are epoch milliseconds, and `Infinity` means never.
 * @since 0.1.0
 */

/**
 * The times and the outcome of an entry, from which a `Strategy` decides whether to serve it.
 * @category models
 * @since 0.1.0
 */
export interface Timing {
  /** The end of the load. With `inherit: "age"`, the creation time of the oldest cached value that the load read. */
  readonly createdAt: number
  /** From this time on, the entry is stale, and the strategy decides whether to serve it. */
  readonly softExpiresAt: number
  /** From this time on, the entry is never served. */
  readonly expiresAt: number
  readonly loadMillis: number
  readonly outcome: Outcome
  /** How many reads this process has served from the entry in memory. A store does not record this number. */
  readonly reads?: number | undefined
}

/**
 * The outcome stored in an entry: a value (`success`) or a typed failure (`failure`).
 * @category models
 * @since 0.1.0
 */
export type Outcome = "success" | "failure"

/**
 * A tag, with the version that its marker in the store had when the load began.
 * @category models
 * @since 0.1.0
 */
export interface TagVersion {
  readonly tag: string
  /** 12 random bytes, written as 24 lower-case hexadecimal digits. */
  readonly version: string
}

/**
 * The metadata that a store keeps with an entry's payload.
 * @category models
 * @since 0.1.0
 */
export interface Meta extends Timing {
  readonly tags: ReadonlyArray<TagVersion>
  /** An identifier unique to each write: 16 random bytes, written as 32 lower-case hexadecimal digits. */
  readonly writeId: string
  /** The number (1 to 255) of the serializer that wrote the payload. A read with another serializer is a miss. */
  readonly serializer: number
  /** The origin's identifier for this version of the value, such as an HTTP ETag. Any text is allowed. */
  readonly etag?: string | undefined
  /** Whether the writer's strategy set the lifetime as a constant. A reader with another constant applies its own. */
  readonly isConstant?: true | undefined
  /** Whether the entry expires with the cached values that its load read (`inherit`). Reads then never prolong it. */
  readonly endsWithParts?: true | undefined
}

/**
 * An entry as a `Store` keeps it: metadata and encoded bytes, without a schema or a decoded value.
 * @category models
 * @since 0.1.0
 */
export interface Stored {
  readonly meta: Meta
  readonly payload: Uint8Array
  /** The extension of a file with this payload, if it is not that of the cache's serializer. Only `set` may have it. */
  readonly extension?: string | undefined
}

/**
 * The metadata of an entry, as returned by `Cached.getEntry` and `Cached.entries`.
 * @category models
 * @since 0.1.0
 */
export interface Known extends Omit<Timing, "reads"> {
  readonly id: string
  readonly tags: ReadonlyArray<string>
  /** The ids that the entry depends on with `inherit: "changes"`. `"user:*"` stands for all ids of the group `user`. */
  readonly dependsOn?: ReadonlyArray<string> | undefined
  readonly etag: string | undefined
  readonly writeId: string | undefined
  /** How many reads this process has served from the entry in memory. */
  readonly reads: number
}

/**
 * The metadata of an entry in memory, as returned by `Cached.ranking`.
 * @category models
 * @since 0.1.0
 */
export interface InMemory extends Known {
  /** The entry's weight, which counts towards the memory capacity. 1 without a weigher. */
  readonly weight: number
}
