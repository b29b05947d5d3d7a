/** Options at the wrong one of strategy and function. */
import { Cached, Strategy } from "effect-cached"
import { load, User } from "./given.ts"

Cached.fn(User, { lookup: () => load, ttl: "1 hour" })
Cached.fn(User, { lookup: () => load, strategy: Strategy.ttl({ ttl: "1 hour", tags: ["users"] }) })
