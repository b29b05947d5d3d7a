/** A stored entry to write. */
import type { CacheEntry } from "effect-cached/adapters"

export const stored = (payload: string | Uint8Array, more?: Partial<CacheEntry.Meta>): CacheEntry.Stored => ({
  meta: {
    createdAt: 0,
    softExpiresAt: Infinity,
    expiresAt: Infinity,
    loadMillis: 0,
    outcome: "success",
    tags: [],
    writeId: "0".repeat(32),
    serializer: 1,
    ...more
  },
  payload: typeof payload === "string" ? new TextEncoder().encode(payload) : payload
})

export const textOf = (stored: CacheEntry.Stored | undefined) => stored && new TextDecoder().decode(stored.payload)

/** The n-th entry that a store is given to keep. */
export const entry = (n: number, size = 8, more?: Partial<CacheEntry.Meta>): CacheEntry.Stored =>
  stored(new Uint8Array(size).fill(n), { writeId: n.toString(16).padStart(32, "0"), ...more })
