/** No strategy, and one that is no strategy. */
import { Cached } from "effect-cached"
import { ada, load, User } from "./given.ts"

Cached.fn(User, () => load, {})
load.pipe(Cached.withStrategy(ada, { strategy: "1 hour" }))
load.pipe(Cached.withStrategy("ada", { strategy: "1 hour" }))
load.pipe(Cached.withStrategy(ada, { ttl: "1 hour" }))
load.pipe(Cached.withStrategy("ada", { ttl: "1 hour" }))
