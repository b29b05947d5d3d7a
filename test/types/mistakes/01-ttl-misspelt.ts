/** `ttl` misspelt. */
import { Cached } from "effect-cached"
import { ada, load } from "./given.ts"

load.pipe(Cached.ttl(ada, { tll: "1 hour" }))
load.pipe(Cached.ttl("ada", { tll: "1 hour" }))
Cached.ttl(load, ada, { tll: "1 hour" })
Cached.ttl(load, "ada", { tll: "1 hour" })
