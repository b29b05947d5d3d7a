/** Mistakes of a function over string keys. */
import { Cached } from "effect-cached"
import { load } from "./given.ts"

const strategy = { ttl: "1 hour" } as const

Cached.fn((id: number) => `user:${id}`, () => load, {})
Cached.fn((id: number) => `user:${id}`, strategy)
Cached.fn((id: number) => id, () => load, strategy)
Cached.fn((id: number) => `user:${id}`, () => load, { strategy, ttl: "1 hour" })
Cached.fn("user", () => load, strategy)
