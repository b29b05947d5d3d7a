/** A `fallbackOn` that names no failure of the effect. */
import { Cached } from "effect-cached"
import { ada, load } from "./given.ts"

load.pipe(Cached.softTtl(ada, { ttl: "1 hour", softTtl: "1 minute", fallbackOn: ["Dwon"] }))
load.pipe(Cached.softTtl("ada", { ttl: "1 hour", softTtl: "1 minute", fallbackOn: ["Dwon"] }))
