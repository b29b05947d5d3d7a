/** A lookup that gives something else. */
import { Effect } from "effect"
import { Cached } from "effect-cached"
import { User } from "./given.ts"

const strategy = { ttl: "1 hour" } as const

Cached.fn(User, () => Effect.succeed("Ada"), strategy)
Cached.fn(User, async () => "Ada", strategy)
