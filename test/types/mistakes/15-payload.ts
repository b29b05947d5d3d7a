/** A payload that is none. */
import { Cached } from "effect-cached"
import { load, User } from "./given.ts"

const user = Cached.fn(User, () => load, { ttl: "1 hour" })

user({ id: "1", region: "eu" })
user({ id: 1, regoin: "eu" })
user(1)
new User({ id: 1 })
