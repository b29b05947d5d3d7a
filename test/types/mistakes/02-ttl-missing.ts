/** `ttl` missing. */
import { Cached } from "effect-cached"
import { ada, load } from "./given.ts"

load.pipe(Cached.ttl(ada, {}))
load.pipe(Cached.ttl("ada", {}))
Cached.ttl(load, ada, {})
Cached.ttl(load, "ada", {})
