/** A duration misspelt. */
import { Cached } from "effect-cached"
import { ada, load } from "./given.ts"

load.pipe(Cached.ttl(ada, { ttl: "10 minuts" }))
load.pipe(Cached.ttl("ada", { ttl: "10 minuts" }))
