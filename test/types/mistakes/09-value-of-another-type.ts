/** A value that is not of the type of the key. */
import { Effect } from "effect"
import { Cached } from "effect-cached"
import { ada } from "./given.ts"

Effect.succeed("Ada").pipe(Cached.ttl(ada, { ttl: "1 hour" }))
Cached.ttl(Effect.succeed("Ada"), ada, { ttl: "1 hour" })
