/** `softTtl` misspelt. */
import { Cached } from "effect-cached"
import { ada, load } from "./given.ts"

load.pipe(Cached.softTtl(ada, { ttl: "1 hour", softTTL: "1 minute" }))
load.pipe(Cached.softTtl("ada", { ttl: "1 hour", softTTL: "1 minute" }))
