/** An option of another combinator. */
import { Cached } from "effect-cached"
import { ada, load } from "./given.ts"

load.pipe(Cached.ttl(ada, { ttl: "1 hour", fallbackOn: ["Down"] }))
load.pipe(Cached.ttl("ada", { ttl: "1 hour", refreshAfter: "1 minute" }))
