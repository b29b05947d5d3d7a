/** Options at the wrong one of strategy and function. */
import { Cached } from "effect-cached"
import { load, User } from "./given.ts"

Cached.fn(User, () => load, { ttl: "1 hour" })
Cached.fn(User, () => load, { ttl: "1 hour", tags: ["users"] })
