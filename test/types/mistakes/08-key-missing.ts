/** No key. */
import { Cached } from "effect-cached"
import { load } from "./given.ts"

load.pipe(Cached.ttl({ ttl: "1 hour" }))
