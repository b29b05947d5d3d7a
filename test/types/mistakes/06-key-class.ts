/** A class in place of a key. */
import { Cached } from "effect-cached"
import { load, User } from "./given.ts"

load.pipe(Cached.ttl(User, { ttl: "1 hour" }))
