/** A payload that is none. */
import { Cached, Strategy } from "effect-cached"
import { load, User } from "./given.ts"

const user = Cached.fn(User, { lookup: () => load, strategy: Strategy.ttl({ ttl: "1 hour" }) })

user({ id: "1", region: "eu" })
user({ id: 1, regoin: "eu" })
user(1)
new User({ id: 1 })
