/** A stored entry to write. */
import type { CacheEntry } from "effect-cached/adapters"

/** The n-th entry that a store is given to keep. */
export const entry = (n: number, size = 8, more?: Partial<CacheEntry.Meta>): CacheEntry.Stored => ({
  meta: {
    createdAt: 0,
    softExpiresAt: Infinity,
    expiresAt: Infinity,
    loadMillis: 0,
    outcome: "success",
    tags: [],
    writeId: n.toString(16).padStart(32, "0"),
    serializer: 1,
    ...more
  },
  payload: new Uint8Array(size).fill(n)
})
