/** A lookup that gives something else. */
import { Effect } from "effect"
import { Cached, Strategy } from "effect-cached"
import { User } from "./given.ts"

const strategy = Strategy.ttl({ ttl: "1 hour" })

Cached.fn(User, () => Effect.succeed("Ada"), { strategy })
Cached.fn(User, async () => "Ada", { strategy })
