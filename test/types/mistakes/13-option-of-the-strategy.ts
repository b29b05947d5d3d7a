/** Options of another strategy, of a strategy in the place of its word, and of a read in a strategy. */
import { Cached } from "effect-cached"
import { load, User } from "./given.ts"

Cached.fn(User, () => load, { strategy: { ttl: "1 hour" } })
Cached.fn(User, () => load, { strategy: { strategy: "softTtl", ttl: "1 hour", softTtl: "1 minute" } })
Cached.fn(User, () => load, { ttl: "1 hour", softTtl: "1 minute" })
Cached.withStrategy(load, "ada", { strategy: { ttl: "1 hour", tags: ["users"] } })
