/** No strategy, and one that was not called. */
import { Cached, Strategy } from "effect-cached"
import { ada, load, User } from "./given.ts"

Cached.fn(User, () => load, {})
load.pipe(Cached.withStrategy(ada, { strategy: Strategy.ttl }))
load.pipe(Cached.withStrategy("ada", { strategy: Strategy.ttl }))
load.pipe(Cached.withStrategy(ada, { ttl: "1 hour" }))
load.pipe(Cached.withStrategy("ada", { ttl: "1 hour" }))
