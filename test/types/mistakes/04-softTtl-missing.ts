/** `softTtl` missing. */
import { Cached } from "effect-cached"
import { ada, load } from "./given.ts"

load.pipe(Cached.softTtl(ada, { ttl: "1 hour" }))
load.pipe(Cached.softTtl("ada", { ttl: "1 hour" }))
