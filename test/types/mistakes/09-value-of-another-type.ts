/** A value that is not of the type of the key. */
import { Effect } from "effect"
import { Cached } from "effect-cached"
import { ada } from "./given.ts"

Effect.succeed("Ada").pipe(Cached.ttl({ key: ada, ttl: "1 hour" }))
Cached.ttl(Effect.succeed("Ada"), { key: ada, ttl: "1 hour" })
