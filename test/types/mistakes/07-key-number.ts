/** A number in place of a key. */
import { Cached } from "effect-cached"
import { load } from "./given.ts"

load.pipe(Cached.ttl(1, { ttl: "1 hour" }))
