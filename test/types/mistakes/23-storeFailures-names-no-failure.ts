/** A `storeFailures` that names no failure of the effect, or one that the key does not declare. */
import { Cached } from "effect-cached"
import { ada, load } from "./given.ts"

load.pipe(Cached.ttl(ada, { ttl: "1 hour", storeFailures: ["NotFond"] }))
load.pipe(Cached.ttl("ada", { ttl: "1 hour", storeFailures: ["NotFond"] }))
load.pipe(Cached.ttl(ada, { ttl: "1 hour", storeFailures: ["Down"] }))
Cached.ttl(load, ada, { ttl: "1 hour", storeFailures: ["Down"] })
Cached.ttl(load, "ada", { ttl: "1 hour", storeFailures: ["NotFond"] })
